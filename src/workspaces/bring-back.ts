/** Restores a workspace, and brings one back whose agent is gone. What lies there is kept first. */
import { existsSync } from "node:fs";
import { HarnessError } from "../lib/errors.ts";
import { event } from "../agents/journal.ts";
import { listSnapshots } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import { findWorkspace, saveWorkspace } from "../store/workspaces.ts";
import type { Context } from "./context.ts";
import { note, repositoryOf, snapshotOf, workspaceOf } from "./context.ts";
import { asAnswer } from "./fault.ts";
import { keepNow, nextBefore, skippedNote } from "./keep.ts";
import type { BytePath } from "./paths.ts";
import type { Restored } from "./restore.ts";
import { restoreFolder } from "./restore.ts";
import { entriesOf } from "./take.ts";
import { addWorktree, makeBranch } from "./worktree.ts";
import { commitOf } from "./repository.ts";
import { shortName } from "./make.ts";
import { given } from "../lib/given.ts";

const RESTORE_MS = 5 * 60 * 1000;

export interface BroughtBack extends Restored {
  /** The snapshot that takes it back. */
  readonly before: string;
}

export async function restore(
  context: Context,
  agent: string,
  id: string,
  only?: readonly BytePath[],
): Promise<BroughtBack> {
  const workspace = workspaceOf(context, agent);
  const wanted = snapshotOf(context, agent, id);
  return bringTo(context, workspace, wanted.commit, only);
}

async function bringTo(
  context: Context,
  workspace: Workspace,
  commit: string,
  only?: readonly BytePath[],
): Promise<BroughtBack> {
  const store = await context.storeOf(workspace.project, repositoryOf(workspace));
  const before = await nextBefore(context, workspace);
  // What is to be written is kept though it may be ignored by now: nothing is overwritten that was not taken.
  const alsoPaths = (await entriesOf(store, commit)).map(({ path }) => path);
  const { snapshot, untaken } = await keepNow(context, workspace, before, { timeoutMs: RESTORE_MS, alsoPaths });
  context.seam("restore_kept");
  const restored = store.turnstile.together(() =>
    restoreFolder({
      store,
      folder: workspace.folder,
      now: snapshot.commit,
      untaken,
      to: commit,
      nonce: context.newNonce(),
      ...given({ only }),
    }),
  );
  // Whole or in part: what the folder became is what its agent goes on from, and what its next turn is compared with.
  await restored.catch(() => undefined);
  if (workspace.goneAt === null)
    await keepNow(context, workspace, `${before}-after`, { timeoutMs: RESTORE_MS, alsoPaths }).catch((error: unknown) =>
      note(context, workspace, "snapshot_skipped", skippedNote(error)),
    );
  const { folder } = workspace;
  const after = `try again, or restore ${before}: that is what lay there`;
  return {
    ...(await restored.catch((error: unknown) => {
      throw asAnswer(error, { what: "the folder was brought back in part, or not at all", after, folder });
    })),
    before,
  };
}

/** The folder of an agent that is gone, at its old place, as it was at the end. */
export async function recover(context: Context, id: string): Promise<Workspace & Restored> {
  const workspace = findWorkspace(context.store, id);
  // What lay there before something was brought back is no state that the agent left.
  const last = listSnapshots(context.store, id).findLast((each) => !/^r\d+$/.test(each.id));
  if (workspace === null || last === undefined || workspace.kind === "shared")
    throw new HarnessError(
      "WORKSPACE_NOT_FOUND",
      `nothing is kept under ${id}: GET /api/v1/workspaces lists what is (retention.workspacesDays says how long)`,
    );
  if (workspace.goneAt === null)
    throw new HarnessError("INVALID_REQUEST", `its agent is still there: restore a snapshot of it instead`);
  // What could not be kept still lies in the folder, and nowhere else.
  const stayed = last.skipped.length > 0 && existsSync(workspace.folder);
  if (workspace.state === "kept" && workspace.kind === "worktree" && !stayed) await putWorktree(context, workspace);
  const restored = await bringTo(context, workspace, last.commit);
  const back: Workspace = { ...workspace, state: "recovered", goneAt: context.clock.now() };
  context.journal.write({ project: workspace.project, agent: id }, (entry) => {
    saveWorkspace(context.store, back);
    const { kind, folder, branch } = back;
    event(entry, "workspace", { workspace: { kind, path: folder, branch: shortName(branch) } });
  });
  return { ...back, ...restored };
}

/** A work tree again, where the repository is still there; else the files alone. */
async function putWorktree(context: Context, workspace: Workspace): Promise<void> {
  const { project, folder, branch, base } = workspace;
  const repo = repositoryOf(workspace);
  if (repo === null || branch === null || base === null) return;
  const { git, newNonce } = context;
  const there = (await commitOf(git, repo, branch)) !== null;
  if (!there && (await makeBranch(git, repo, [shortName(branch) ?? ""], base)) === null) return;
  const store = await context.storeOf(project, repo);
  const signal = new AbortController().signal;
  await addWorktree({ git, store, repo, folder, branch, nonce: newNonce(), filtersSee: null, signal });
}
