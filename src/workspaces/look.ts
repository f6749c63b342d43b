/** What is asked about an agent's work: what lies between two snapshots of it, in figures and in lines. */
import { HarnessError } from "../lib/errors.ts";
import type { Snapshot } from "../store/snapshots.ts";
import { lastSnapshot, listSnapshots } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import type { WorkFigures } from "../words/workspace.ts";
import { commitsOf } from "./commits.ts";
import { changesBetween, diffBetween, figuresOf, patchBetween } from "./compare.ts";
import type { Compared } from "./compare.ts";
import type { Context } from "./context.ts";
import { repositoryOf, snapshotOf, workspaceOf } from "./context.ts";
import { FIRST } from "./keep.ts";
import type { Change } from "./listing.ts";

/** Between which snapshots: of one turn, or from one to another; without either all of the work. */
export interface Range {
  readonly turn?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface Between {
  readonly workspace: Workspace;
  readonly from: Snapshot;
  readonly to: Snapshot;
}

export function between(context: Context, agent: string, { turn, from, to }: Range): Between {
  const workspace = workspaceOf(context, agent);
  if (turn !== undefined) {
    const all = listSnapshots(context.store, agent);
    const of = snapshotOf(context, agent, turn);
    const before = all[all.findIndex((each) => each.id === of.id) - 1] ?? of;
    return { workspace, from: before, to: of };
  }
  const last = to === undefined ? lastSnapshot(context.store, agent) : snapshotOf(context, agent, to);
  if (last === null)
    throw new HarnessError("SNAPSHOT_NOT_FOUND", "nothing was kept of this agent's folder yet: it has not begun");
  return { workspace, from: snapshotOf(context, agent, from ?? FIRST), to: last };
}

export interface Work extends Between {
  readonly changes: readonly Change[];
  readonly figures: WorkFigures;
  /** Of its branch, since the base; null: it has none. */
  readonly commits: number | null;
}

export async function changes(context: Context, agent: string, range: Range): Promise<Work> {
  const found = between(context, agent, range);
  const store = await storeOf(context, found.workspace);
  const all = await changesBetween(store, found.from.commit, found.to.commit);
  return { ...found, changes: all, figures: figuresOf(all), commits: await commitsOf(context, found.workspace) };
}

const storeOf = (context: Context, workspace: Workspace) => context.storeOf(workspace.project, repositoryOf(workspace));

export async function diff(
  context: Context,
  agent: string,
  range: Range & { readonly path?: string | undefined; readonly sectionBytes: number },
): Promise<Between & { readonly files: readonly Compared[]; readonly truncated: boolean }> {
  const found = between(context, agent, range);
  const store = await storeOf(context, found.workspace);
  return { ...found, ...(await diffBetween(store, found.from.commit, found.to.commit, range)) };
}

export async function patch(context: Context, agent: string, range: Range): Promise<Buffer> {
  const found = between(context, agent, range);
  return patchBetween(await storeOf(context, found.workspace), found.from.commit, found.to.commit);
}
