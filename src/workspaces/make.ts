/**
 * Makes an agent's folder before its first start: a work tree or a copy, what comes along, what sets it up, and the
 * first snapshot. The row is committed before anything is made and says `making` until all of it is there: whoever
 * finds that word begins anew.
 */
import { lstatSync } from "node:fs";
import { join } from "node:path";
import { event } from "../agents/journal.ts";
import { HarnessError, errorText } from "../lib/errors.ts";
import type { Agent } from "../store/agents.ts";
import type { Project } from "../store/projects.ts";
import { getProject } from "../store/projects.ts";
import { findSnapshot } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import { findWorkspace, saveWorkspace } from "../store/workspaces.ts";
import type { WorkspaceWish } from "../words/workspace.ts";
import type { Context } from "./context.ts";
import { note } from "./context.ts";
import { copyFolder } from "./copy.ts";
import { lacksDisk } from "./fault.ts";
import { bringAlong, setUp } from "./furnish.ts";
import { FIRST, keepNow, skippedNote } from "./keep.ts";
import { shownPath } from "./paths.ts";
import type { Repository } from "./repository.ts";
import { commitOf, findRepository, headBranch } from "./repository.ts";
import { checkedOutAt } from "./merge.ts";
import { isThere, lockedBy } from "./locks.ts";
import { addWorktree, filtersLeftOut, makeBranch, mendPointer } from "./worktree.ts";

/** Nobody waits for an answer meanwhile, so the first snapshot may take longer than those between two turns. */
const FIRST_MS = 10 * 60 * 1000;

/** Does an agent need anything of us before it starts? Looks, and asks nobody. */
export function isReady(context: Pick<Context, "store">, agent: Agent): boolean {
  const row = findWorkspace(context.store, agent.id);
  return (
    row?.state === "ready" && isFolder(row.folder) && (row.kind !== "worktree" || isThere(join(row.folder, ".git")))
  );
}

const isFolder = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** Throws WORKSPACE_FAILED; the next attempt begins anew. */
export async function prepare(context: Context, agent: Agent, signal: AbortSignal): Promise<void> {
  const project = getProject(context.store, agent.project);
  const wish = agent.settings.workspace;
  const before = findWorkspace(context.store, agent.id);
  try {
    if (wish === undefined) return await prepareShared(context, agent, project, before, signal);
    if (before?.state === "ready" && isFolder(before.folder)) return mended(context, before);
    if (before?.state === "ready")
      note(
        context,
        before,
        "workspace_gone",
        "its folder was gone and is made anew: restore brings back what was kept",
      );
    const begun = await makeRow(context, agent, project, wish, before);
    context.seam("workspace_row");
    const row =
      begun.kind === "worktree"
        ? await makeWorktree(context, begun, project, wish, signal)
        : await makeCopy(context, begun, signal);
    context.seam("workspace_made");
    for (const { path, why } of await bringAlong(row, wish.copy ?? []))
      note(context, row, "workspace_copy", `${path} did not come along: ${why}`);
    if (wish.setup !== undefined) await setUp(row, wish.setup, context.setupEnv(agent), signal);
    context.seam("workspace_set_up");
    if (findSnapshot(context.store, agent.id, FIRST) === null)
      await keepNow(context, row, FIRST, { timeoutMs: FIRST_MS, signal });
    ready(context, row);
  } catch (error) {
    if (error instanceof HarnessError && error.code === "WORKSPACE_FAILED") throw error;
    // Not for want of something that comes by itself: a copy that fills the disk again and again helps nobody.
    const cause = lacksDisk(error) ? {} : { cause: error };
    throw new HarnessError("WORKSPACE_FAILED", `cannot make its workspace: ${errorText(error)}`, cause);
  }
}

function ready(context: Context, row: Workspace): void {
  const { kind, folder, branch } = row;
  context.journal.write({ project: row.project, agent: row.id }, (entry) => {
    saveWorkspace(context.store, { ...row, state: "ready" });
    event(entry, "workspace", { workspace: { kind, path: folder, branch: shortName(branch) } });
  });
}

export const shortName = (ref: string | null): string | null => ref?.replace(/^refs\/heads\//, "") ?? null;

/** In the project's own folder nothing is made; what lies there is only kept. */
async function prepareShared(
  context: Context,
  agent: Agent,
  project: Project,
  before: Workspace | null,
  signal: AbortSignal,
): Promise<void> {
  const row: Workspace = { ...blank(context, agent, project), kind: "shared", folder: project.cwd, cwd: project.cwd };
  if (before === null) context.store.transact(() => saveWorkspace(context.store, { ...row, state: "ready" }));
  if (findSnapshot(context.store, agent.id, FIRST) !== null) return;
  // The folder is a person's and is there without us: the agent may work all the same.
  await keepNow(context, row, FIRST, { timeoutMs: FIRST_MS, signal }).catch((error: unknown) =>
    note(context, row, "snapshot_skipped", skippedNote(error)),
  );
}

const blank = (context: Context, agent: Agent, project: Project): Omit<Workspace, "kind" | "folder" | "cwd"> => ({
  id: agent.id,
  project: project.name,
  name: agent.name,
  state: "making",
  source: project.cwd,
  base: null,
  target: null,
  branch: null,
  mergedInto: [],
  createdAt: context.clock.now(),
  goneAt: null,
});

export const folderOf = (stateDir: string, project: string, id: string): string =>
  join(stateDir, "workspaces", project, id);

/** Committed before anything is made. Of an earlier attempt, what it had decided holds. */
async function makeRow(
  context: Context,
  agent: Agent,
  project: Project,
  wish: WorkspaceWish,
  before: Workspace | null,
): Promise<Workspace> {
  const folder = folderOf(context.stateDir, project.name, agent.id);
  const save = (row: Workspace): Workspace => {
    context.store.transact(() => saveWorkspace(context.store, row));
    return row;
  };
  if (wish.kind === "copy") return save({ ...blank(context, agent, project), kind: "copy", folder, cwd: folder });
  const repo = needRepository(project.cwd);
  const cwd = join(folder, repo.prefix);
  if (before !== null && before.base !== null) return save({ ...before, state: "making", folder, cwd });
  const { git } = context;
  const from = wish.base ?? "HEAD";
  const base = await commitOf(git, repo, from);
  if (base === null)
    throw failed(
      wish.base === undefined
        ? `the repository ${repo.top} has no commit yet: commit something, or use a workspace of kind "copy"`
        : `there is no commit ${JSON.stringify(wish.base)} in ${repo.top}`,
    );
  const named = wish.base === undefined ? await headBranch(git, repo) : `refs/heads/${wish.base}`;
  const target = named !== null && (await commitOf(git, repo, named)) !== null ? named : null;
  return save({ ...blank(context, agent, project), kind: "worktree", folder, cwd, base, target });
}

function needRepository(folder: string): Repository {
  const repo = findRepository(folder);
  if (repo !== null) return repo;
  throw failed(`${folder} lies in no git repository: use a workspace of kind "copy"`);
}

export const failed = (why: string): HarnessError => new HarnessError("WORKSPACE_FAILED", why);

async function makeWorktree(
  context: Context,
  begun: Workspace,
  project: Project,
  wish: WorkspaceWish,
  signal: AbortSignal,
): Promise<Workspace> {
  const { git, filterEnv, newNonce } = context;
  const repo = needRepository(project.cwd);
  const branch = await ownBranch(context, begun, repo, wish.branch);
  const row = { ...begun, branch };
  context.seam("workspace_branch");
  const store = await context.storeOf(project.name, repo);
  const filtersSee = context.isTrusted(project) ? filterEnv : null;
  const { folder } = row;
  const request = { git, store, repo, folder, branch, nonce: newNonce(), filtersSee, signal };
  await addWorktree(request);
  const left = filtersSee === null ? await filtersLeftOut(request) : [];
  if (left.length > 0)
    note(
      context,
      row,
      "workspace_unfiltered",
      `nobody trusts the project, so its files are as they are stored: no filter ran (${left.join(", ")}), and what LFS keeps elsewhere is a pointer to it`,
    );
  return row;
}

/** The one that it has, or a new one. Its name is stored before it is made, so that it is known for ours. */
async function ownBranch(
  context: Context,
  row: Workspace,
  repo: Repository,
  wished: string = `agent/${row.project}/${row.name ?? row.id}`,
): Promise<string> {
  const { git, store } = context;
  const base = row.base ?? "HEAD";
  const spare = `agent-${row.id}`;
  if (row.branch !== null) {
    const there = (await commitOf(git, repo, row.branch)) !== null;
    // Another daemon may have made one of that name before us, and an agent of it works there.
    if (there && [null, row.folder].includes(await checkedOutAt(git, repo, row.branch))) return row.branch;
    // An agent may have deleted it: then it begins at its base once more.
    if (!there && (await makeBranch(git, repo, [shortName(row.branch) ?? spare], base)) !== null) return row.branch;
  }
  for (const name of [wished, spare]) {
    const branch = `refs/heads/${name}`;
    if ((await commitOf(git, repo, branch)) !== null) continue;
    store.transact(() => saveWorkspace(store, { ...row, branch }));
    if ((await makeBranch(git, repo, [name], base)) === null) continue;
    if (name !== wished)
      note(
        context,
        row,
        "workspace_branch",
        `the branch ${wished} cannot be made: it works on ${spare}${lockedAt(repo, [wished])}`,
      );
    return branch;
  }
  const locked = lockedAt(repo, [wished, spare]);
  throw failed(`neither the branch ${wished} nor ${spare} can be made in ${repo.top}${locked}`);
}

const lockedAt = (repo: Repository, names: readonly string[]): string => {
  const path = names.map((name) => join(repo.commonDir, `refs/heads/${name}.lock`)).find(isThere);
  return path === undefined ? "" : `; ${lockedBy(path)}`;
};

async function makeCopy(context: Context, row: Workspace, signal: AbortSignal): Promise<Workspace> {
  const { reflink, left, bytes } = await copyFolder(row.source, row.folder, signal);
  if (reflink === false)
    note(context, row, "workspace_copied", `its file system shares no contents: ${bytes} bytes lie there twice`);
  if (left.length > 0) {
    const named = left.slice(0, 20).map(shownPath).join(", ");
    note(context, row, "workspace_left", `${left.length} did not come along (special files, or unreadable): ${named}`);
  }
  return row;
}

/** It is there; what an agent has broken of it is put back where that can be. */
function mended(context: Context, row: Workspace): void {
  if (row.kind !== "worktree" || isThere(join(row.folder, ".git"))) return;
  const repo = findRepository(row.source);
  const put = repo !== null && mendPointer(repo, row.folder);
  const said = put ? "its .git was gone and was put back" : "its .git is gone: what lies there is kept all the same";
  note(context, row, "workspace_mended", said);
}
