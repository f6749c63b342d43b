/**
 * A work tree of the project's repository for one agent: a branch of its own, and the files of its base. The one place
 * that adds anything to a project's repository: the branch and the record of the work tree, and takes the record away
 * again. Its hooks never run; its filters only where the project is trusted. What a death in the middle left is taken
 * away before anything is made.
 */
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { discardAgentFolder, readSmallFile, writeAgentFile } from "../process/agent-file.ts";
import { ofPartialClone } from "./fault.ts";
import type { Git } from "./git.ts";
import { GitFailed } from "./git.ts";
import { branchLocks } from "./locks.ts";
import { splitNul } from "./paths.ts";
import type { Repository } from "./repository.ts";
import { objectsOf, ownEnv } from "./repository.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { storeOk } from "./snapshot-store.ts";
import type { Turnstile } from "./turnstile.ts";
import { createTurnstile } from "./turnstile.ts";

const BRANCHES = "refs/heads/";
const CHECKOUT_MS = 10 * 60 * 1000;
const POINTER_BYTES = 8192;

/** The first of them that can be made, by its whole name; null: none can. */
export async function makeBranch(
  git: Git,
  repo: Repository,
  wished: readonly string[],
  base: string,
): Promise<string | null> {
  for (const name of wished) {
    const ref = `${BRANCHES}${name}`;
    const good = await git.run({ args: ["check-ref-format", "--branch", name], cwd: "/" });
    if (good.code !== 0 || name.startsWith("-") || name === "HEAD") continue;
    const args = ["update-ref", "-m", "agent-harness: a workspace", ref, base, "0".repeat(base.length)];
    const locks = branchLocks(repo, ref, base);
    const made = await git.run({ args, cwd: repo.top, env: ownEnv(repo), locks });
    if (made.code === 0) return ref;
  }
  return null;
}

export interface WorktreeRequest {
  readonly git: Git;
  readonly store: SnapshotStore;
  readonly repo: Repository;
  readonly folder: string;
  /** `refs/heads/…`, which is there. */
  readonly branch: string;
  readonly nonce: string;
  /** Of a trusted project: what its filters may see of our environment. null: they do not run. */
  readonly filtersSee: Readonly<Record<string, string>> | null;
  readonly signal: AbortSignal;
}

const TRIES = 4;

/**
 * Throws `GitFailed`. Nothing of an earlier attempt is left in the way. Git reads the records of all work trees and
 * stumbles over one that is being written: ours are made one after the other, and with others' it is tried again.
 */
export async function addWorktree(request: WorktreeRequest): Promise<void> {
  const key = request.repo.commonDir;
  const turnstile = turnstiles.get(key) ?? createTurnstile();
  turnstiles.set(key, turnstile);
  for (let tries = 1; ; tries++)
    try {
      await turnstile.alone(() => record(request));
      break;
    } catch (error) {
      if (!(error instanceof GitFailed) || error.answer.stopped !== null || tries === TRIES) throw error;
    }
  try {
    await fill(request);
  } catch (error) {
    // Half of its files are no folder to work in. The branch stays: it is named in the books.
    await takeAwayWorktree(request.repo, request.folder);
    throw ofPartialClone(error, request.repo, request.branch.slice(BRANCHES.length));
  }
}

/** Of each repository. */
const turnstiles = new Map<string, Turnstile>();

async function record({ git, repo, folder, branch, signal }: WorktreeRequest): Promise<void> {
  await takeAwayWorktree(repo, folder);
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 });
  const args = ["worktree", "add", "--no-checkout", "--lock", "--reason", "an agent works here", folder];
  const env = ownEnv(repo);
  await git.ok({ args: [...args, branch.slice(BRANCHES.length)], cwd: repo.top, env, signal });
}

/** Its files. */
async function fill(request: WorktreeRequest): Promise<void> {
  const { git, repo, folder, branch, filtersSee, signal } = request;
  if (filtersSee === null) return writePlainly(request);
  // It locks the branch that it stays on; its other locks lie in the record, and go with it.
  const locks = branchLocks(repo, branch, readTip(repo, branch) ?? "");
  await git.ok({
    args: ["reset", "--hard", "--quiet"],
    cwd: folder,
    env: { ...filtersSee, ...TRUSTED_ENV },
    timeoutMs: CHECKOUT_MS,
    signal,
    locks,
  });
}

/** The box's own config holds the filters that people have (LFS); a fetch that a filter makes is its own affair. */
const TRUSTED_ENV = {
  GIT_CONFIG_NOSYSTEM: "0",
  GIT_ATTR_NOSYSTEM: "0",
  GIT_LITERAL_PATHSPECS: "0",
  GIT_ALLOW_PROTOCOL: "file:git:http:https:ssh",
  GIT_NO_LAZY_FETCH: "0",
} as const;

/** The files as they are stored, by way of our store: no filter of theirs takes part. */
async function writePlainly({ store, repo, folder, branch, nonce, signal }: WorktreeRequest): Promise<void> {
  const record = recordOf(repo, folder);
  if (record === null) throw new Error(`git did not record the work tree ${folder}`);
  // Beside its place: the repository may lie on another disk than our store.
  const index = join(record, `index.new-${nonce}`);
  const also = objectsOf(repo);
  const tip = readTip(repo, branch);
  try {
    const common = { work: folder, index, also, timeoutMs: CHECKOUT_MS, signal };
    const commit = tip ?? (await resolve(store, repo, branch));
    await storeOk(store, { ...common, args: ["read-tree", commit] });
    await storeOk(store, { ...common, args: ["checkout-index", "-a", "-f", "-q", "-u"] });
    // Its own index: what was written just now counts as unchanged, whatever filters there are.
    renameSync(index, join(record, "index"));
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
}

const ATTRIBUTE_FILES = 1000;

/** Names of filters that the files ask for, and that did not run: what LFS keeps elsewhere is a pointer to it. */
export async function filtersLeftOut(request: WorktreeRequest): Promise<readonly string[]> {
  const { store, repo, folder, branch } = request;
  const args = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", await resolve(store, repo, branch)];
  const paths = splitNul(await storeOk(store, { args, also: objectsOf(repo) }));
  const names = paths
    .filter((path) => /(^|\/)\.gitattributes$/.test(path))
    .slice(0, ATTRIBUTE_FILES)
    .flatMap((path) => [...(readSmallFile(join(folder, path), POINTER_BYTES) ?? "").matchAll(/\bfilter=(\S+)/g)])
    .map(([, name = ""]) => name);
  return [...new Set(names)];
}

const readTip = (repo: Repository, branch: string): string | null => {
  const text = readSmallFile(join(repo.commonDir, branch), POINTER_BYTES)?.trim() ?? "";
  return /^[0-9a-f]{40,64}$/.test(text) ? text : null;
};

const resolve = (store: SnapshotStore, repo: Repository, branch: string): Promise<string> =>
  store.git.line({ args: ["rev-parse", "--verify", `${branch}^{commit}`], cwd: repo.top, env: ownEnv(repo) });

/** The folder in the repository that stands for the work tree, found by what it says; null: there is none. */
export function recordOf(repo: Pick<Repository, "commonDir">, folder: string): string | null {
  const all = join(repo.commonDir, "worktrees");
  if (!existsSync(all)) return null;
  for (const name of readdirSync(all)) {
    const record = join(all, name);
    if (readSmallFile(join(record, "gitdir"), POINTER_BYTES)?.trim() === join(folder, ".git")) return record;
  }
  return null;
}

/**
 * The folder with all in it, and the record of it in the repository; never the branch, never another's. Its place is
 * empty in one step: half of a folder would be taken for all that an agent left. Gives what went wrong behind that, or
 * null; `removeDiscarded` tries again.
 */
export async function takeAwayWorktree(repo: Pick<Repository, "commonDir"> | null, folder: string): Promise<unknown> {
  const problem = await discardAgentFolder(folder);
  if (lstatSync(folder, { throwIfNoEntry: false }) !== undefined) throw problem;
  if (repo === null) return problem;
  // A death in the middle may have left a record that does not yet say whose it is: then its name does.
  const record = recordOf(repo, folder) ?? halfRecord(repo, folder);
  if (record !== null) rmSync(record, { recursive: true, force: true });
  return problem;
}

function halfRecord(repo: Pick<Repository, "commonDir">, folder: string): string | null {
  const record = join(repo.commonDir, "worktrees", basename(folder));
  const half = existsSync(record) && !existsSync(join(record, "gitdir"));
  return half ? record : null;
}

/** An agent took its `.git` away: put back where the repository still knows of it. False: nothing can be put back. */
export function mendPointer(repo: Pick<Repository, "commonDir">, folder: string): boolean {
  const pointer = join(folder, ".git");
  if (lstatSync(pointer, { throwIfNoEntry: false }) !== undefined) return true;
  const record = recordOf(repo, folder);
  if (record === null) return false;
  writeAgentFile(pointer, `gitdir: ${record}\n`);
  return true;
}
