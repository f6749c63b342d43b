/**
 * The one runner of git: one process a command, with a deadline and a bound on what it says, and with nothing of ours
 * or of the box in its environment. Nothing that a repository brings is run by it: no hook, no monitor, no pager, no
 * fetch of what a partial clone lacks. Filters and drivers are not its business: whoever touches contents does that
 * through a store of ours (`snapshot-store.ts`), whose config and attributes no repository has a say in.
 */
import { HarnessError, errorCode } from "../lib/errors.ts";
import type { HelperAnswer } from "../process/helper.ts";
import { runForBytes } from "../process/helper.ts";
import { toolEnv } from "../process/tools.ts";
import { given } from "../lib/given.ts";

export interface GitRequest {
  readonly args: readonly string[];
  readonly cwd: string;
  /** GIT_DIR, GIT_WORK_TREE, GIT_INDEX_FILE and the like. */
  readonly env?: Readonly<Record<string, string>>;
  /**
   * The environment of whoever owns the box, with their config and their credentials: for what has to be fetched, and
   * for nothing that writes files of a repository into a folder.
   */
  readonly asOwner?: Readonly<Record<string, string>>;
  /** `-c key=value`, behind ours. */
  readonly config?: readonly string[];
  readonly stdin?: Uint8Array;
  /** It writes into a person's repository, and takes these there. */
  readonly locks?: Locks;
  readonly timeoutMs?: number;
  readonly maxBytes?: number;
  readonly signal?: AbortSignal;
}

export interface Locks {
  /** The repository's. */
  readonly commonDir: string;
  readonly paths: readonly string[];
  /** The id that is written; null: none is. */
  readonly holds: string | null;
}

/** Knows afterwards which locks are of a git of ours that was killed (`locks.ts`). */
export interface LockBook {
  /** Before it is started; `limitMs`: so long it may live. Gives what is called when it is gone. */
  begin(locks: Locks, limitMs: number): () => void;
}

export type GitAnswer = HelperAnswer<Buffer>;

export interface Git {
  /** However it ends. Rejects where it could not be begun at all: with GIT_MISSING, or `GitFailed`. */
  run(request: GitRequest): Promise<GitAnswer>;
  /** Gives what it wrote. Throws `GitFailed` for any other end than success. */
  ok(request: GitRequest): Promise<Buffer>;
  /** As `ok`, for one line of text. */
  line(request: GitRequest): Promise<string>;
}

export class GitFailed extends Error {
  override readonly name = "GitFailed";
  constructor(
    readonly command: string,
    readonly answer: GitAnswer,
  ) {
    super(`git ${command}: ${why(answer)}`, { cause: answer.cause });
  }
}

const TIMEOUT_MS = 30_000;
const MAX_BYTES = 64 * 1024 * 1024;
/** A box under load hands over the last bytes late; a list must never be cut without a word. */
const DRAIN_MS = 10_000;
const SAID_CHARS = 2000;

const SEALED = {
  HOME: "/nonexistent",
  TZ: "UTC",
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  // A repository may allow itself a protocol by its config; this beats it, so no object is fetched over any.
  GIT_ALLOW_PROTOCOL: "none",
  GIT_NO_LAZY_FETCH: "1",
  GIT_NO_REPLACE_OBJECTS: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_OPTIONAL_LOCKS: "0",
  GIT_LITERAL_PATHSPECS: "1",
  GIT_AUTHOR_NAME: "agent-harness",
  GIT_AUTHOR_EMAIL: "agent-harness@localhost",
  GIT_COMMITTER_NAME: "agent-harness",
  GIT_COMMITTER_EMAIL: "agent-harness@localhost",
  // zlib takes 256 KiB for each object: mapped anew each time, that is most of what writing many of them costs.
  MALLOC_MMAP_THRESHOLD_: "4194304",
  MALLOC_TRIM_THRESHOLD_: "16777216",
} as const;

const OVERRIDES: readonly string[] = [
  "core.hooksPath=/dev/null",
  "core.fsmonitor=false",
  "core.untrackedCache=false",
  "core.splitIndex=false",
  "core.attributesFile=/dev/null",
  "core.fsync=all",
  "core.fsyncMethod=batch",
  "core.pager=cat",
  "gc.auto=0",
  "maintenance.auto=false",
  "protocol.allow=never",
  "commit.gpgSign=false",
  "diff.ignoreSubmodules=all",
  "submodule.recurse=false",
  "advice.addEmbeddedRepo=false",
];

/** Of the owner's own: nobody is asked anything, and no program is run for an address. */
const FETCHING = { GIT_TERMINAL_PROMPT: "0", GIT_ALLOW_PROTOCOL: "https:http:ssh:file", SSH_ASKPASS_REQUIRE: "never" };
const FETCHING_OVERRIDES = OVERRIDES.filter((each) => !/^(core\.attributesFile|protocol\.)/.test(each));

export function createGit(program = "git", book?: LockBook): Git {
  const run: Git["run"] = async (request) => {
    const { locks, timeoutMs = TIMEOUT_MS } = request;
    const over = locks === undefined ? undefined : book?.begin(locks, timeoutMs);
    try {
      return await start({ ...request, timeoutMs });
    } finally {
      over?.();
    }
  };
  const start = async ({
    args,
    cwd,
    env,
    asOwner,
    config = [],
    stdin,
    timeoutMs,
    maxBytes,
    signal,
  }: GitRequest & { readonly timeoutMs: number }): Promise<GitAnswer> => {
    const answer = await runForBytes({
      argv: [
        program,
        ...[...(asOwner ? FETCHING_OVERRIDES : OVERRIDES), ...config].flatMap((each) => ["-c", each]),
        ...args,
      ],
      env: asOwner ? { ...asOwner, ...FETCHING, ...env } : { ...toolEnv(), ...SEALED, ...env },
      cwd,
      timeoutMs,
      maxBytes: maxBytes ?? MAX_BYTES,
      drainMs: DRAIN_MS,
      ...given({ stdin, signal }),
    });
    const { cause, stderr } = answer;
    // Whoever asks whether there is such a commit must not take this for a no.
    if (errorCode(cause) === "ENOENT" && Bun.which(program) === null)
      throw new HarnessError("GIT_MISSING", `cannot run git: ${stderr}: install git`, { cause });
    if (cause !== undefined) throw new GitFailed(args[0] ?? "", answer);
    return answer;
  };
  const ok: Git["ok"] = async (request) => {
    const answer = await run(request);
    if (answer.code === 0 && answer.stopped === null) return answer.stdout;
    throw new GitFailed(request.args[0] ?? "", answer);
  };
  return { run, ok, line: async (request) => (await ok(request)).toString("utf8").trim() };
}

/** For people: its last words, or why we ended it. */
function why({ code, stderr, stopped }: GitAnswer): string {
  if (stopped === "late") return "it took too long";
  if (stopped === "flood") return "it said more than is taken";
  if (stopped === "unwanted") return "it was not wanted any more";
  const said = stderr.trim().slice(-SAID_CHARS);
  return said === "" ? `it ended with code ${code ?? "unknown"}` : said;
}

/** It failed for want of room on a disk: nothing of what it read was at fault. */
export const lacksRoom = (stderr: string): boolean =>
  /No space left on device|Disk quota exceeded|Out of diskspace|File too large/i.test(stderr);

/** `[2, 39]` of `git version 2.39.5`; null: it says something else. */
export function gitVersion(said: string): readonly [number, number] | null {
  const found = /\bgit version (\d+)\.(\d+)/.exec(said);
  return found === null ? null : [Number(found[1]), Number(found[2])];
}

/** `merge-tree --write-tree` came with 2.38. One that does not tell its version is asked to: it says what it cannot. */
export const canMergeTrees = (version: readonly [number, number] | null): boolean =>
  version === null || version[0] > 2 || (version[0] === 2 && version[1] >= 38);
