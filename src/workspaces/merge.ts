/**
 * Merges an agent's work into a branch that nobody has checked out. The result is computed in a store of ours, so that
 * no driver or hook of the repository runs; the repository is handed the objects, and the branch is moved only from
 * where it was when that was computed.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readSmallFile } from "../process/agent-file.ts";
import { canMergeTrees, gitVersion } from "./git.ts";
import type { Git } from "./git.ts";
import { GitFailed } from "./git.ts";
import type { Conflict } from "./listing.ts";
import { readMergeTree, readWorktrees } from "./listing.ts";
import { branchLocks, lockedWords } from "./locks.ts";
import type { Repository } from "./repository.ts";
import { ownEnv } from "./repository.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { storeLine, storeOk, storeRun } from "./snapshot-store.ts";
import { isAncestor, over, treeOfCommit } from "./work.ts";

export interface MergeRequest {
  readonly store: SnapshotStore;
  readonly repo: Repository;
  /** What the branch is at now. */
  readonly into: string;
  readonly work: string;
  readonly message: string;
}

export type Merged =
  /** The branch has all of it. */
  | { readonly is: "already" }
  | { readonly is: "merged"; readonly commit: string; readonly fastForward: boolean }
  | { readonly is: "conflict"; readonly conflicts: readonly Conflict[] };

const MERGE_MS = 120_000;

/** Computes, and touches nothing of the repository. */
export async function mergeTrees({ store, repo, into, work, message }: MergeRequest): Promise<Merged> {
  if (await isAncestor(store, repo, work, into)) return { is: "already" };
  if (await isAncestor(store, repo, into, work)) {
    const same = (await treeOfCommit(store, repo, into)) === (await treeOfCommit(store, repo, work));
    return same ? { is: "already" } : { is: "merged", commit: work, fastForward: true };
  }
  const args = ["merge-tree", "--write-tree", "-z", "--allow-unrelated-histories", into, work];
  const answer = await storeRun(store, over(repo, { args, timeoutMs: MERGE_MS }));
  if ((answer.code !== 0 && answer.code !== 1) || answer.stopped !== null) throw new GitFailed("merge-tree", answer);
  const { tree, conflicts } = readMergeTree(answer.stdout);
  // It ends with 1 also when it does not know what it was to merge.
  if (!/^[0-9a-f]{40,64}$/.test(tree)) throw new GitFailed("merge-tree", answer);
  if (answer.code === 1) return { is: "conflict", conflicts };
  if (tree === (await treeOfCommit(store, repo, into))) return { is: "already" };
  const commit = ["commit-tree", tree, "-p", into, "-p", work, "-m", message];
  return { is: "merged", commit: await storeLine(store, over(repo, { args: commit })), fastForward: false };
}

/** Gives the repository the objects of a commit that it lacks. */
export async function handOver(store: SnapshotStore, repo: Repository, commit: string, known: readonly string[]) {
  const stdin = Buffer.from([commit, ...known.map((each) => `^${each}`), ""].join("\n"));
  const args = ["pack-objects", "--revs", "--stdout", "-q"];
  const pack = await storeOk(store, over(repo, { args, stdin, timeoutMs: MERGE_MS, maxBytes: 2 * 1024 ** 3 }));
  await store.git.ok({
    args: ["unpack-objects", "-q"],
    cwd: repo.top,
    env: ownEnv(repo),
    stdin: new Uint8Array(pack),
    timeoutMs: MERGE_MS,
  });
}

/** null: it is moved; else why it is not, for it may not be where it was. `from` null: it must not be there yet. */
export async function moveBranch(
  git: Git,
  repo: Repository,
  ref: string,
  to: string,
  from: string | null,
): Promise<string | null> {
  const args = ["update-ref", "-m", "agent-harness: merge", ref, to, from ?? "0".repeat(to.length)];
  const answer = await git.run({ args, cwd: repo.top, env: ownEnv(repo), locks: branchLocks(repo, ref, to) });
  if (answer.code === 0) return null;
  const locked = lockedWords(answer.stderr);
  return locked === "" ? "it was moved while this was computed: try again" : `${locked}, then try again`;
}

/** The folder that has this branch checked out, or is in the middle of a rebase or bisection of it; null: none. */
export async function checkedOutAt(git: Git, repo: Repository, ref: string): Promise<string | null> {
  const args = ["worktree", "list", "--porcelain", "-z"];
  const listed = readWorktrees(await git.ok({ args, cwd: repo.top, env: ownEnv(repo) }));
  const found = listed.find(({ branch }) => branch === ref);
  if (found !== undefined) return Buffer.from(found.path, "latin1").toString("utf8");
  const records = join(repo.commonDir, "worktrees");
  const dirs = [
    repo.commonDir,
    ...(existsSync(records) ? readdirSync(records).map((name) => join(records, name)) : []),
  ];
  const under = dirs.find((dir) =>
    ["rebase-merge/head-name", "rebase-apply/head-name", "BISECT_START"].some((name) => {
      const said = readSmallFile(join(dir, name), 4096)?.trim();
      return said === ref || `refs/heads/${said}` === ref;
    }),
  );
  return under ?? null;
}

export async function mergesTrees(git: Git): Promise<boolean> {
  return canMergeTrees(gitVersion(await git.line({ args: ["version"], cwd: "/" })));
}
