/**
 * Keeps what lies in an agent's folder under a name: the ref first, the row and the event after it, so that what is
 * told is there. Whoever died between the two finds the ref and goes on from it.
 */
import { event } from "../agents/journal.ts";
import { errorText } from "../lib/errors.ts";
import type { Store } from "../store/database.ts";
import type { EventData } from "../words/events.ts";
import type { Snapshot } from "../store/snapshots.ts";
import { findSnapshot, lastSnapshot, saveSnapshot } from "../store/snapshots.ts";
import type { Workspace } from "../store/workspaces.ts";
import { commitsOf } from "./commits.ts";
import { changesBetween, figuresOf } from "./compare.ts";
import type { Context } from "./context.ts";
import { repositoryOf } from "./context.ts";
import type { Skipped } from "./listing.ts";
import type { BytePath } from "./paths.ts";
import { shownPath } from "./paths.ts";
import { snapshotRefs } from "./snapshot-store.ts";
import { takeInside, takeSnapshot } from "./take.ts";

export interface KeepOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly alsoPaths?: readonly BytePath[];
}

export interface Kept {
  readonly snapshot: Snapshot;
  readonly untaken: readonly Skipped[];
  /** Stores it and tells it; inside a transaction. */
  record(tell: TellSnapshot): void;
}

export type TellSnapshot = (type: "snapshot", data: EventData["snapshot"]) => void;

/** So many are told by name; there is one line about the rest. */
const SKIPPED_TOLD = 100;

/** Throws where nothing could be taken; then there is no such snapshot, or the one that was. */
export async function keep(context: Context, workspace: Workspace, id: string, options: KeepOptions): Promise<Kept> {
  const { store: books, clock, snapshotBytes, newNonce, seam } = context;
  const store = await context.storeOf(workspace.project, repositoryOf(workspace));
  const began = clock.monotonic();
  const before = lastSnapshot(books, workspace.id);
  const taken = await takeSnapshot({
    store,
    agent: workspace.id,
    name: id,
    parent: before?.commit ?? null,
    folder: workspace.folder,
    maxBytes: snapshotBytes,
    nonce: newNonce(),
    ...options,
  });
  seam("snapshot_named");
  const first = findSnapshot(books, workspace.id, FIRST)?.commit ?? taken.commit;
  const figures = figuresOf(await changesBetween(store, first, taken.commit));
  const told = taken.skipped.slice(0, SKIPPED_TOLD).map(({ path, why }) => ({ path: shownPath(path), why }));
  const rest = taken.skipped.length - told.length;
  const snapshot: Snapshot = {
    agent: workspace.id,
    id,
    commit: taken.commit,
    tree: taken.tree,
    at: clock.now(),
    ...figures,
    commits: await commitsOf(context, workspace),
    skipped: rest === 0 ? told : [...told, { path: "…", why: `and ${rest} more` }],
    bytes: taken.bytes,
    tookMs: Math.round(clock.monotonic() - began),
  };
  return { snapshot, untaken: taken.skipped, record: (tell) => recordKept(books, snapshot, tell) };
}

/** Of the state before the first turn. */
export const FIRST = "0";
/** Of the state when the agent was deleted. */
export const LAST = "end";

function recordKept(store: Store, snapshot: Snapshot, tell: TellSnapshot): void {
  saveSnapshot(store, snapshot);
  const { id, files, insertions, deletions, skipped } = snapshot;
  tell("snapshot", { snapshot: { id, files, insertions, deletions, skipped: skipped.length } });
}

/** As `keep`, and stored. */
export async function keepNow(context: Context, workspace: Workspace, id: string, options: KeepOptions): Promise<Kept> {
  const kept = await keep(context, workspace, id, options);
  context.journal.write({ project: workspace.project, agent: workspace.id }, (entry) =>
    kept.record((type, data) => event(entry, type, data)),
  );
  return kept;
}

/** What lies there now, for whoever is inside the store's turnstile and only looks: no trace of it is left. */
export async function takeUnnamed(context: Context, workspace: Workspace, timeoutMs: number): Promise<string> {
  const store = await context.storeOf(workspace.project, repositoryOf(workspace));
  const { id: agent, folder } = workspace;
  const parent = lastSnapshot(context.store, agent)?.commit ?? null;
  const what = { agent, name: null, parent, folder, maxBytes: context.snapshotBytes, nonce: context.newNonce() };
  return (await takeInside({ store, ...what, timeoutMs })).commit;
}

/** `r1`, `r2`, …: the next that no ref has, whatever was told of it. */
export async function nextBefore(context: Context, workspace: Workspace): Promise<string> {
  const store = await context.storeOf(workspace.project, repositoryOf(workspace));
  const names = await snapshotRefs(store, workspace.id);
  for (let n = 1; ; n++) if (!names.has(`r${n}`)) return `r${n}`;
}

export const skippedNote = (error: unknown): string => `the state of the folder was not kept: ${errorText(error)}`;
