/**
 * When an agent goes: what lies in its folder is kept first, and nobody loses work without having said so. Then the
 * folder goes, and what was kept of it later. The one place that deletes folders of agents, all below our own
 * `workspaces/`; a branch is deleted only when it holds nothing of its own.
 */
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { HarnessError, errorText } from "../lib/errors.ts";
import { removeDiscarded } from "../process/agent-file.ts";
import { lastSnapshot } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import {
  deleteWorkspace,
  findWorkspace,
  listWorkspaces,
  saveWorkspace,
  workspacesGoneBefore,
} from "../store/workspaces.ts";
import type { Context } from "./context.ts";
import { repositoryOf } from "./context.ts";
import { branchLocks, lockedWords } from "./locks.ts";
import { LAST, keepNow } from "./keep.ts";
import { folderOf, shortName } from "./make.ts";
import { commitOf, ownEnv } from "./repository.ts";
import { dropSnapshots, tidyStore } from "./snapshot-store.ts";
import type { Unmerged } from "./unmerged.ts";
import { unmergedWork } from "./unmerged.ts";
import { isAncestor } from "./work.ts";
import { takeAwayWorktree } from "./worktree.ts";

const KEEP_MS = 60_000;

/** Throws WORK_NOT_MERGED with all of it; nothing has been ended then. */
export async function assertMerged(context: Context, agents: readonly string[]): Promise<void> {
  const open: Unmerged[] = [];
  for (const id of agents) {
    const workspace = findWorkspace(context.store, id);
    if (workspace === null || workspace.kind === "shared" || workspace.state === "making") continue;
    try {
      await keepNow(context, workspace, LAST, { timeoutMs: KEEP_MS });
      const unmerged = await unmergedWork(context, workspace);
      if (unmerged !== null) open.push(unmerged);
    } catch (error) {
      throw notMerged([`agent ${workspace.name ?? id}: what it did cannot be looked at: ${errorText(error)}`]);
    }
  }
  if (open.length > 0) throw notMerged(open.map(sentence));
}

function notMerged(lines: readonly string[]): HarnessError {
  return new HarnessError(
    "WORK_NOT_MERGED",
    `there is work that is in no branch of the project's: ${lines[0] ?? ""}${lines.length > 1 ? ` (and ${lines.length - 1} more)` : ""}; merge it, or say ?discard=1 (rm --discard): what was kept stays for retention.workspacesDays`,
    { issues: lines.map((message) => ({ path: "", message })) },
  );
}

function sentence({ id, name, files, insertions, deletions, branch, commits, uncommitted }: Unmerged): string {
  const what = [
    ...(commits > 0 ? [`${commits} commit(s) on ${shortName(branch) ?? "its branch"}`] : []),
    ...(uncommitted > 0 ? [`${uncommitted} file(s) not committed`] : []),
  ].join(" and ");
  return `agent ${name ?? id}: ${what} (${files} file(s) changed, +${insertions} -${deletions})`;
}

/** Its agent is gone: nothing works in the folder any more. Never throws; what is not done is done later. */
export async function letGo(context: Context, id: string): Promise<void> {
  try {
    const workspace = findWorkspace(context.store, id);
    if (workspace === null || workspace.goneAt !== null) return;
    const whole = workspace.state === "making" || (await keepEnd(context, workspace));
    if (whole && workspace.kind !== "shared") await removeFolder(context, workspace);
    const gone: Workspace = { ...workspace, state: "kept", goneAt: context.clock.now() };
    if (lastSnapshot(context.store, id) === null) context.store.transact(() => deleteWorkspace(context.store, id));
    else context.store.transact(() => saveWorkspace(context.store, gone));
  } catch (error) {
    context.log.warn("cannot let go of a workspace, the next look does", { agent: id, error });
  }
}

/** True: all that lay there is kept, so the folder may go. */
async function keepEnd(context: Context, workspace: Workspace): Promise<boolean> {
  if (workspace.kind === "shared" || !existsSync(workspace.folder)) return true;
  const { snapshot } = await keepNow(context, workspace, LAST, { timeoutMs: KEEP_MS });
  if (snapshot.skipped.length === 0) return true;
  context.log.warn("a folder stays: not all of it could be kept", {
    agent: workspace.id,
    folder: workspace.folder,
    skipped: snapshot.skipped.slice(0, 10),
  });
  return false;
}

async function removeFolder(context: Context, workspace: Workspace): Promise<void> {
  const { id, project, folder, branch, base, target, mergedInto } = workspace;
  if (folder !== folderOf(context.stateDir, project, id)) return; // not one of ours
  const repo = repositoryOf(workspace);
  await removeAll(context, workspace);
  if (repo === null || branch === null || base === null) return;
  const tip = await commitOf(context.git, repo, branch);
  if (tip === null) return;
  const store = await context.storeOf(project, repo);
  for (const ref of [base, ...(target === null ? [] : [target]), ...mergedInto]) {
    const holder = await commitOf(context.git, repo, ref);
    if (holder === null || !(await isAncestor(store, repo, tip, holder))) continue;
    const locks = branchLocks(repo, branch, null);
    const args = ["update-ref", "-d", branch, tip];
    const { code, stderr } = await context.git.run({ args, cwd: repo.top, env: ownEnv(repo), locks });
    if (code !== 0)
      context.log.warn("a branch stays that holds nothing of its own", { branch, why: lockedWords(stderr) || stderr });
    return;
  }
}

async function removeAll(context: Context, workspace: Workspace): Promise<void> {
  const repo = workspace.kind === "worktree" ? repositoryOf(workspace) : null;
  const problem = await takeAwayWorktree(repo, workspace.folder);
  if (problem !== null) toldLeft(context, problem);
}

const toldLeft = ({ log }: Context, error: unknown): void =>
  log.warn("a folder that was let go of cannot be removed, the next look tries again", { error });

/**
 * The housekeeping: agents that are gone without us, what was kept long enough (gone since before `old`, epoch ms), and
 * stores with loose ends.
 */
export async function tend(context: Context, old: number, isThere: (id: string) => boolean): Promise<void> {
  for (const path of context.locks.sweep())
    context.log.warn("a lock is in the way of every git in that repository, and is none of ours", {
      path,
      mend: "when no git is at work there (ps -C git), delete it",
    });
  const all = listWorkspaces(context.store);
  const now = context.clock.now();
  for (const { id, goneAt } of all) if (goneAt === null && !isThere(id)) await letGo(context, id);
  for (const gone of workspacesGoneBefore(context.store, old)) {
    const store = await context.storeOf(gone.project, repositoryOf(gone));
    await dropSnapshots(store, gone.id);
    if (gone.kind !== "shared" && gone.folder === folderOf(context.stateDir, gone.project, gone.id)) {
      await removeAll(context, gone);
      await rm(`${gone.folder}.partial`, { recursive: true, force: true });
    }
    context.store.transact(() => deleteWorkspace(context.store, gone.id));
  }
  for (const project of new Set(all.map((each) => each.project))) {
    for (const problem of await removeDiscarded(join(context.stateDir, "workspaces", project)))
      toldLeft(context, problem);
    if (!existsSync(join(context.stateDir, "snapshots", `${project}.git`))) continue;
    const store = await context.storeOf(project, null);
    await tidyStore(store, now);
  }
}
