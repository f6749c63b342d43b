/** The command line as scripts run it: the binary in a box, its streams as pipes, and what it said. */
import type { Box } from "./binary.ts";
import { BINARY } from "./binary.ts";

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface CliOptions {
  readonly stdin?: string | Uint8Array;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
}

export interface Cli {
  (...args: string[]): Promise<Said>;
  /** With a stdin, other variables or another folder. */
  with(options: CliOptions): (...args: string[]) => Promise<Said>;
  /** Started, not waited for. */
  start(args: readonly string[], options?: CliOptions): Bun.Subprocess<"ignore" | "pipe", "pipe", "pipe">;
}

export function cliOf(box: Box, token?: string): Cli {
  const start: Cli["start"] = (args, { stdin, env, cwd } = {}) =>
    Bun.spawn([BINARY, ...args], {
      cwd: cwd ?? box.cwd,
      env: {
        ...box.env,
        AH_URL: box.api().url,
        ...(token === undefined ? {} : { AH_AUTH_TOKEN: token }),
        ...env,
      },
      stdin: stdin === undefined ? "ignore" : (Buffer.from(stdin) as never),
      stdout: "pipe",
      stderr: "pipe",
    });
  const run = async (args: readonly string[], options?: CliOptions): Promise<Said> => {
    const child = start(args, options);
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return { code: await child.exited, out, err };
  };
  return Object.assign((...args: string[]) => run(args), {
    with:
      (options: CliOptions) =>
      (...args: string[]) =>
        run(args, options),
    start,
  });
}

/** A prompt in the language of the fakes. */
export const script = (...steps: readonly unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;
