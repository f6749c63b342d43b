/** Asks an installed program for its version. The answer is kept as long as the file is the same one. */
import { realpathSync, statSync } from "node:fs";

export interface VersionAnswer {
  readonly version: string | null;
  /** What went wrong, in the program's own words. */
  readonly problem: string | null;
}

export interface VersionProbe {
  /** `program` is a path. Never rejects. */
  versionOf(program: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<VersionAnswer>;
}

const PROBE_MS = 10_000;
const MAX_OUTPUT = 4000;

export function createVersionProbe(): VersionProbe {
  const known = new Map<string, Promise<VersionAnswer>>();
  return {
    versionOf(program, args, env) {
      const key = fingerprint(program, args);
      let answer = known.get(key);
      if (answer === undefined) {
        answer = ask([program, ...args, "--version"], env);
        known.set(key, answer);
        // A failure may be mended without a new file (a missing library, a full disk): ask again next time.
        void answer.then(({ problem }) => problem !== null && known.delete(key));
      }
      return answer;
    },
  };
}

/** Another file, size or time of change is another program. */
export function fingerprint(program: string, args: readonly string[]): string {
  try {
    const { size, mtimeMs } = statSync(program);
    return JSON.stringify([realpathSync(program), size, mtimeMs, args]);
  } catch {
    return JSON.stringify([program, args]);
  }
}

async function ask(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<VersionAnswer> {
  try {
    const child = Bun.spawn([...argv], {
      env,
      cwd: "/",
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      timeout: PROBE_MS,
      killSignal: "SIGKILL",
    });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const code = await child.exited;
    const text = `${out}\n${err}`.slice(0, MAX_OUTPUT).trim();
    if (code !== 0)
      return {
        version: null,
        problem: `--version ended with code ${code}${text === "" ? "" : `: ${text.slice(0, 500)}`}`,
      };
    return { version: /\d+\.\d+(\.\d+)?[\w.+-]*/.exec(text)?.[0] ?? null, problem: null };
  } catch (error) {
    return { version: null, problem: error instanceof Error ? error.message : String(error) };
  }
}
