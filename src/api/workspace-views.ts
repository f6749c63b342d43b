/** How agents' work looks in the API. Loaded when somebody asks for it. */
import type { Workspace } from "../store/workspaces.ts";
import type { Snapshot } from "../store/snapshots.ts";
import { listSnapshots } from "../store/snapshots.ts";
import type { Change, Skipped } from "../workspaces/listing.ts";
import type { Range } from "../workspaces/look.ts";
import { shortName } from "../workspaces/make.ts";
import type { MergeWish } from "../workspaces/merge-work.ts";
import { readPath, shownPath } from "../workspaces/paths.ts";
import type { ApiDeps } from "./deps.ts";
import { iso } from "./views.ts";

/** So many files are listed; the figures are of all. */
const FILES = 2000;
/** Of one file's lines. */
const SECTION_BYTES = 128 * 1024;
/** Of all lines in one answer. */
const DIFF_BYTES = 4 * 1024 * 1024;

const workspaceView = ({ kind, folder, branch, base, target }: Workspace) => ({
  kind,
  path: folder,
  branch: shortName(branch),
  base,
  target: shortName(target),
});

const fileView = ({ kind, path, from, oldMode, newMode, insertions, deletions }: Change) => ({
  path: shownPath(path),
  kind,
  ...(from === undefined ? {} : { from: shownPath(from) }),
  ...(kind === "modified" && oldMode !== newMode ? { mode: newMode } : {}),
  insertions,
  deletions,
});

const skippedView = (skipped: readonly Skipped[]) =>
  skipped.slice(0, FILES).map(({ path, why }) => ({ path: shownPath(path), why }));

/** What lies in its folder is being kept, by a turn that ends or behind its end. */
function isSaving(supervisor: ApiDeps["supervisor"], agent: string): boolean {
  const state = supervisor.find(agent)?.state();
  return state !== undefined && (state.saving !== null || state.turn?.closing?.steps[0] === "snapshot");
}

export async function changesView({ rooms, supervisor }: ApiDeps, agent: string, range: Range) {
  const saving = isSaving(supervisor, agent);
  const { workspace, from, to, changes, figures, commits } = await (await rooms()).changes(agent, range);
  return {
    workspace: workspaceView(workspace),
    ...(workspace.kind === "shared" ? { shared: true } : {}),
    ...(saving && range.turn === undefined && range.to === undefined ? { pending: true } : {}),
    from: from.id,
    to: to.id,
    ...figures,
    commits,
    changes: changes.slice(0, FILES).map(fileView),
    skipped: to.skipped,
    truncated: changes.length > FILES,
  };
}

export async function diffView({ rooms }: ApiDeps, agent: string, range: Range & { readonly path?: string }) {
  const path = range.path === undefined ? undefined : readPath(range.path);
  const found = await (await rooms()).diff(agent, { ...range, path, sectionBytes: SECTION_BYTES });
  let left = DIFF_BYTES;
  const files = found.files.slice(0, FILES).map(({ change, section }) => {
    const fits = section !== null && section.text.length <= left;
    if (fits) left -= section.text.length;
    return { ...fileView(change), patch: fits ? section.text : null, truncated: !fits || section.truncated };
  });
  return {
    from: found.from.id,
    to: found.to.id,
    files,
    truncated: found.files.length > FILES || files.some(({ truncated }) => truncated),
  };
}

const snapshotView = ({ id, commit, at, files, insertions, deletions, skipped, bytes, tookMs }: Snapshot) => ({
  id,
  commit,
  at: iso(at),
  files,
  insertions,
  deletions,
  skipped,
  bytes,
  tookMs,
});

export function snapshotsView({ store }: ApiDeps, agent: string) {
  return { snapshots: listSnapshots(store, agent).map(snapshotView) };
}

export async function restoreView(
  { rooms }: ApiDeps,
  agent: string,
  id: string,
  { paths }: { readonly paths?: readonly string[] },
) {
  const { written, deleted, kept, before } = await (await rooms()).restore(agent, id, paths?.map(readPath));
  return { snapshot: id, written, deleted, kept: skippedView(kept), before };
}

export async function mergeView({ rooms }: ApiDeps, agent: string, wish: MergeWish) {
  const { conflicts, nested, ...done } = await (await rooms()).merge(agent, wish);
  return {
    ...done,
    conflicts: conflicts.map(({ path, stages }) => ({ path: shownPath(path), stages })),
    nested: nested.map(shownPath),
  };
}

export async function workspacesView({ rooms, supervisor }: ApiDeps) {
  const { workspaces, snapshotBytes } = await (await rooms()).list();
  return {
    workspaces: workspaces.map((each) => ({
      id: each.id,
      project: each.project,
      name: each.name,
      state: each.state,
      ...(isSaving(supervisor, each.id) ? { pending: true } : {}),
      ...workspaceView(each),
      bytes: each.bytes,
      createdAt: iso(each.createdAt),
      goneAt: each.goneAt === null ? null : iso(each.goneAt),
    })),
    snapshotBytes,
  };
}

export async function recoverView({ rooms }: ApiDeps, id: string) {
  const back = await (await rooms()).recover(id);
  return { workspace: workspaceView(back), written: back.written, kept: skippedView(back.kept) };
}
