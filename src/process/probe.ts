/** Asks an installed program for its version. The answer is kept as long as the file is the same one. */
import { realpathSync, statSync } from "node:fs";
import { cutText } from "../lib/text.ts";
import { runHelper } from "./helper.ts";

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
const MAX_VERSION = 100;

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
  const { code, stdout, stderr, stopped } = await runHelper({
    argv,
    env,
    cwd: "/",
    timeoutMs: PROBE_MS,
    maxBytes: MAX_OUTPUT,
  });
  const text = `${stdout}\n${stderr}`.slice(0, MAX_OUTPUT).trim();
  const version = /\d+\.\d+(\.\d+)?[\w.+-]*/.exec(text)?.[0].slice(0, MAX_VERSION) ?? null;
  // One that goes on talking has said it all the same.
  if (code === 0 || (stopped === "flood" && version !== null)) return { version, problem: null };
  if (stopped === "late") return { version: null, problem: `--version did not end within ${PROBE_MS / 1000} s` };
  const said = text === "" ? "" : `: ${cutText(text, 500)}`;
  return { version: null, problem: `--version ended with code ${code ?? "unknown"}${said}` };
}
