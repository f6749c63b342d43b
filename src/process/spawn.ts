/**
 * Starts a run: its folder, its FIFOs, and the detached wrapper that outlives us and starts the agent program.
 * Decides nothing: what an exit means, and whether to try again, is for the caller.
 */
import { closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../lib/clock.ts";
import type { Clock } from "../lib/clock.ts";
import { untilPossible, withDescriptors } from "../lib/descriptors.ts";
import { HarnessError, errorText } from "../lib/errors.ts";
import { notedUmask } from "../lib/umask.ts";
import { pause } from "../lib/wait.ts";
import { makeAgentFolder, writeAgentFile } from "./agent-file.ts";
import { execProblem } from "./exec-limits.ts";
import { identityIn, NONCE_ENV, readExit, readIdentity } from "./identity.ts";
import type { Identity } from "./identity.ts";
import type { RunPaths } from "./paths.ts";
import { readTail } from "./tail.ts";
import { runTool } from "./tools.ts";
import { CHILD_SCRIPT, WRAPPER_SCRIPT } from "./wrapper.ts";

export { runPaths } from "./paths.ts";
export type { RunPaths } from "./paths.ts";
export { isAlive, isWrapperAlive, readExit, readIdentity } from "./identity.ts";
export type { Identity } from "./identity.ts";

/** As a record takes of the disk: a page. */
const RECORD_BYTES = 4096;
/** Of a start that nobody wants any more, until its record: what is recorded can be ended like any other. */
const UNWANTED_MS = 1000;

export interface SpawnRequest {
  readonly paths: RunPaths;
  /** Program and arguments, handed on as they are. A name without `/` is looked up in the PATH of `env`. */
  readonly argv: readonly string[];
  /** Exactly the child's environment, but for the nonce (and PWD, SHLVL and _ where /bin/sh is bash). */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** 128 random bits as hex, committed before this call. */
  readonly nonce: string;
  /** stdin: the run's FIFO, or a regular file for programs that read to the end of it (`/dev/null` for none). */
  readonly input: { readonly kind: "fifo" } | { readonly kind: "file"; readonly path: string };
  /**
   * An existing, empty cgroup v2 folder of this run's own: the program and all it starts live in it, the wrapper does
   * not.
   */
  readonly cgroup?: string;
  readonly clock?: Clock;
  /** Nobody wants it any more: what does not record itself within a moment of that is killed. */
  readonly unwanted?: AbortSignal;
}

/**
 * Resolves when the process has recorded itself in `paths.pid`: from then on its FIFO may be written to.
 * Throws SPAWN_FAILED when it did not get that far. A missing program is no failure here: that is exit code 127 and a
 * line in `err`.
 */
export async function spawnRun(request: SpawnRequest): Promise<Identity> {
  const { paths, argv, input, clock = systemClock, unwanted } = request;
  const program = argv[0];
  if (program === undefined || program === "" || program.startsWith("-")) {
    throw failed(`the program is ${JSON.stringify(program ?? null)}, expected a name or a path`);
  }
  const tooLarge = execProblem(argv, request.env);
  if (tooLarge !== null) throw failed(tooLarge);
  // The kernel's message for a missing cwd names the program instead.
  if (statSync(request.cwd, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw failed(`the folder ${request.cwd} does not exist or is no folder`);
  }
  await makeRunFolder(paths, input.kind === "fifo");

  const wrapper = startWrapper(request);
  // The child says its record when it is stored, and a wrapper that fails before that closes the pipe.
  const reader = wrapper.stdout.getReader();
  let heardOf = false;
  // All of it is one group until then. One of them that was stopped (SIGSTOP) would never come so far, nor end.
  const giveUp = (): Promise<unknown> =>
    pause(clock, UNWANTED_MS)
      .then(() => heardOf || process.kill(-wrapper.pid, "SIGKILL"))
      .catch(() => undefined); // it has ended meanwhile
  unwanted?.addEventListener("abort", giveUp);
  if (unwanted?.aborted === true) void giveUp();
  const { value } = await reader.read().catch(() => ({ value: undefined }));
  heardOf = true;
  void reader.cancel().catch(() => undefined);
  const heard = identityIn(Buffer.from(value ?? []).toString()); // one write into a pipe, so one read
  if (heard !== null) return heard;
  // It may be on its way, and whoever called must not start another: what cannot be looked at is looked at again.
  const identity = await untilPossible(clock, () => readIdentity(paths));
  if (identity !== null) return identity;

  await wrapper.exited;
  const code = readExit(paths)?.code ?? wrapper.exitCode;
  const said = readTail(paths.err, 2000).text.trim();
  throw failed(
    `the process ended with code ${code ?? "unknown"} before it was recorded${said === "" ? "" : `: ${said}`}`,
    recordProblem(paths),
  );
}

/** A shell does not tell why it could not write its records: what stands in the way is found by writing one. */
function recordProblem({ dir }: RunPaths): unknown {
  try {
    writeAgentFile(join(dir, "room"), " ".repeat(RECORD_BYTES));
    return undefined;
  } catch (error) {
    return error;
  }
}

function startWrapper({ paths, argv, env, cwd, nonce, input, cgroup }: SpawnRequest) {
  const stdin = input.kind === "fifo" ? paths.in : input.path;
  const args = [CHILD_SCRIPT, paths.dir, input.kind, stdin, cgroup ?? "", notedUmask(), ...argv];
  try {
    const wrapper = withDescriptors(() =>
      Bun.spawn(["/bin/sh", "-c", WRAPPER_SCRIPT, "ah-run", ...args], {
        cwd,
        env: { ...env, [NONCE_ENV]: nonce },
        stdio: ["ignore", "pipe", "ignore"],
        detached: true, // setsid: no terminal's or service's signal to our group reaches it
      }),
    );
    wrapper.unref();
    return wrapper;
  } catch (error) {
    throw failed(errorText(error), error);
  }
}

/** The folder must be new: two processes in one folder would share files. */
async function makeRunFolder(paths: RunPaths, withInput: boolean): Promise<void> {
  try {
    makeAgentFolder(dirname(dirname(paths.dir)), paths.dir);
    mkdirSync(paths.spool, { mode: 0o700 });
    // Made here so that they are private and can be read at once; the child appends.
    for (const path of [paths.out, paths.err]) closeSync(withDescriptors(() => openSync(path, "ax", 0o600)));
  } catch (error) {
    throw failed(`cannot make the run folder ${paths.dir}: ${errorText(error)}`, error);
  }
  const fifos = withInput ? [paths.in, paths.alive] : [paths.alive];
  const made = await runTool(["mkfifo", "-m", "600", ...fifos]);
  if (made.code !== 0) throw failed(`cannot make FIFOs in ${paths.dir}: ${made.stderr}`, made.cause);
}

function failed(why: string, cause?: unknown): HarnessError {
  return new HarnessError("SPAWN_FAILED", `cannot start the agent program: ${why}`, { cause });
}
