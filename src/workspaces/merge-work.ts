/** Merges what an agent did into a branch of the project's, what it did not commit with it. */
import { HarnessError } from "../lib/errors.ts";
import { findSnapshot } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import { saveWorkspace } from "../store/workspaces.ts";
import type { Context } from "./context.ts";
import { repositoryOf, workspaceOf } from "./context.ts";
import { asAnswer, ofPartialClone } from "./fault.ts";
import { FIRST, keepNow, nextBefore, takeUnnamed } from "./keep.ts";
import type { Conflict } from "./listing.ts";
import { shortName } from "./make.ts";
import { checkedOutAt, handOver, mergeTrees, mergesTrees, moveBranch } from "./merge.ts";
import type { BytePath } from "./paths.ts";
import type { Repository } from "./repository.ts";
import { commitOf } from "./repository.ts";
import { uncommitted, workCommit } from "./work.ts";

export interface MergeWish {
  /** A branch; the one that the work began at, where none is named. One that is not there is made. */
  readonly into?: string | undefined;
  readonly message?: string | undefined;
  /** Says what would come of it. */
  readonly dryRun?: boolean | undefined;
}

export interface MergeDone {
  readonly merged: boolean;
  readonly into: string;
  /** What the branch is at now; null: it was not moved. */
  readonly commit: string | null;
  /** The branch had all of it already. */
  readonly already: boolean;
  readonly fastForward: boolean;
  readonly created: boolean;
  readonly conflicts: readonly Conflict[];
  /** Files that were in no commit, and repositories within that stay behind. */
  readonly uncommitted: number;
  readonly nested: readonly BytePath[];
}

const KEEP_MS = 60_000;

export async function mergeWork(context: Context, agent: string, wish: MergeWish): Promise<MergeDone> {
  const { git } = context;
  const workspace = workspaceOf(context, agent);
  const repo = repositoryOf(workspace);
  const { branch, base } = workspace;
  if (repo === null || branch === null || base === null)
    throw new HarnessError(
      "NO_WORKSPACE",
      "only a work tree of a git repository can be merged; what is in other folders comes out with patch",
    );
  if (!(await mergesTrees(git)))
    throw new HarnessError(
      "MERGE_NEEDS_GIT_2_38",
      `the box's git is older than 2.38: update it, or run git merge ${shortName(branch)} yourself`,
    );
  const into = await target(context, workspace, wish.into);
  await assertFree(context, repo, into, workspace);
  const first = findSnapshot(context.store, agent, FIRST);
  if (first === null)
    throw new HarnessError("SNAPSHOT_NOT_FOUND", "the agent has not begun: there is nothing to merge");
  const keeps = async (): Promise<string> =>
    (await keepNow(context, workspace, await nextBefore(context, workspace), { timeoutMs: KEEP_MS })).snapshot.commit;
  const kept = wish.dryRun === true ? null : await keeps();
  const store = await context.storeOf(workspace.project, repo);
  return store.turnstile.together(async () => {
    const last = kept ?? (await takeUnnamed(context, workspace, KEEP_MS));
    const tip = (await commitOf(git, repo, branch)) ?? base;
    const was = await commitOf(git, repo, into);
    const start = was ?? (workspace.target === null ? null : await commitOf(git, repo, workspace.target)) ?? base;
    const request = { store, repo, base, first: first.commit, tip, last, nonce: context.newNonce() };
    const left = await uncommitted(request);
    const who = workspace.name ?? workspace.id;
    const work = await workCommit(request, left, `Work of ${who} that it did not commit`);
    const message = wish.message ?? `Merge the work of agent ${who} (${workspace.id})`;
    const merged = await mergeTrees({ store, repo, into: start, work, message }).catch((error: unknown) => {
      throw ofPartialClone(error, repo, start);
    });
    const told = {
      into: shortName(into) ?? into,
      commit: null,
      already: false,
      fastForward: false,
      created: false,
      conflicts: [],
      uncommitted: left.paths.length,
      nested: left.nested,
    };
    if (merged.is === "conflict") return { ...told, merged: false, conflicts: merged.conflicts };
    const created = was === null;
    const already = merged.is === "already" && !created;
    if (wish.dryRun === true) return { ...told, merged: true, already, created, fastForward: isForward(merged) };
    if (merged.is === "already" && was !== null) {
      remember(context, workspace, into);
      return { ...told, merged: true, already: true, commit: was };
    }
    const commit = merged.is === "already" ? start : merged.commit;
    await handOver(store, repo, commit, [start, tip]).catch((error: unknown) => {
      throw asAnswer(ofPartialClone(error, repo, start), {
        what: `cannot write into ${repo.top}, and no branch was moved`,
        folder: repo.commonDir,
      });
    });
    context.seam("merge_handed_over");
    await assertFree(context, repo, into, workspace); // somebody may have switched to it meanwhile
    const why = await moveBranch(git, repo, into, commit, was);
    if (why !== null) throw new HarnessError("BRANCH_IN_USE", `${told.into} is as it was: ${why}`);
    remember(context, workspace, into);
    return { ...told, merged: true, commit, created, fastForward: isForward(merged) };
  });
}

const isForward = (merged: { readonly is: string; readonly fastForward?: boolean }): boolean =>
  merged.fastForward === true;

function remember(context: Context, workspace: Workspace, into: string): void {
  const mergedInto = [...new Set([...workspace.mergedInto, into])];
  context.store.transact(() => saveWorkspace(context.store, { ...workspaceOf(context, workspace.id), mergedInto }));
}

async function target(context: Context, workspace: Workspace, into?: string): Promise<string> {
  if (into === undefined) {
    if (workspace.target !== null) return workspace.target;
    throw new HarnessError("INVALID_REQUEST", "into: missing, expected a branch: the work did not begin at one");
  }
  const good = await context.git.run({ args: ["check-ref-format", "--branch", into], cwd: "/" });
  if (good.code !== 0 || into.startsWith("-") || into === "HEAD")
    throw new HarnessError("INVALID_REQUEST", `into: got ${JSON.stringify(into)}, expected the name of a branch`);
  return `refs/heads/${into}`;
}

/** A branch under somebody's feet is not moved. */
async function assertFree(context: Context, repo: Repository, into: string, workspace: Workspace): Promise<void> {
  const at = await checkedOutAt(context.git, repo, into);
  if (at === null) return;
  const [name, own] = [shortName(into), shortName(workspace.branch)];
  throw new HarnessError(
    "BRANCH_IN_USE",
    `${name} is checked out in ${at}, and its files would not follow: name another branch ("into": "review"), or run git merge ${own} there`,
  );
}
