/**
 * What would be lost with an agent: work that is in none of the branches it could have gone into. Merged means that
 * merging it once more would change nothing: a squashed merge counts, and what came after it does not matter.
 */
import { lastSnapshot, findSnapshot } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import type { WorkFigures } from "../words/workspace.ts";
import { changesBetween, figuresOf } from "./compare.ts";
import type { Context } from "./context.ts";
import { repositoryOf } from "./context.ts";
import { FIRST } from "./keep.ts";
import { mergeTrees, mergesTrees } from "./merge.ts";
import type { Repository } from "./repository.ts";
import { commitOf } from "./repository.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { commitsSince, isAncestor, treeOfCommit, uncommitted, workCommit } from "./work.ts";

export interface Unmerged extends WorkFigures {
  readonly id: string;
  readonly name: string | null;
  readonly branch: string | null;
  readonly commits: number;
  /** Files that are in no commit of its branch. */
  readonly uncommitted: number;
}

/** Of the state that was kept last; null: nothing would be lost. */
export async function unmergedWork(context: Context, workspace: Workspace): Promise<Unmerged | null> {
  if (workspace.kind === "shared") return null; // it lies in the project's folder, and stays there
  const store = await context.storeOf(workspace.project, repositoryOf(workspace));
  // What is written to find that out has no name, and must not be tidied away meanwhile.
  return store.turnstile.together(() => unmergedIn(context, workspace, store));
}

async function unmergedIn(context: Context, workspace: Workspace, store: SnapshotStore): Promise<Unmerged | null> {
  const { id, name, kind } = workspace;
  const [first, last] = [findSnapshot(context.store, id, FIRST), lastSnapshot(context.store, id)];
  if (first === null || last === null) return null; // it never began
  const repo = repositoryOf(workspace);
  const figures = figuresOf(await changesBetween(store, first.commit, last.commit));
  const plain = { id, name, ...figures, branch: null, commits: 0, uncommitted: figures.files };
  const { base, branch } = workspace;
  if (kind === "copy" || repo === null || base === null || branch === null) return figures.files === 0 ? null : plain;
  const tip = await commitOf(context.git, repo, branch);
  if (tip === null) return figures.files === 0 ? null : plain;
  const request = { store, repo, base, first: first.commit, tip, last: last.commit, nonce: context.newNonce() };
  const left = await uncommitted(request);
  const commits = await commitsSince(store, repo, base, tip);
  if (commits === 0 && left.paths.length === 0 && left.nested.length === 0) return null;
  const told = { id, name, ...figures, branch, commits, uncommitted: left.paths.length + left.nested.length };
  if (left.nested.length > 0) return told;
  const work = await workCommit(request, left, "what is not committed");
  for (const ref of new Set([...(workspace.target === null ? [] : [workspace.target]), ...workspace.mergedInto])) {
    const into = await commitOf(context.git, repo, ref);
    if (into !== null && (await holds(context, store, repo, into, work))) return null;
  }
  return told;
}

async function holds(context: Context, store: SnapshotStore, repo: Repository, into: string, work: string) {
  if (await mergesTrees(context.git))
    return (await mergeTrees({ store, repo, into, work, message: "" })).is === "already";
  return (
    (await isAncestor(store, repo, work, into)) ||
    (await treeOfCommit(store, repo, work)) === (await treeOfCommit(store, repo, into))
  );
}
