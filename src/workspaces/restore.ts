/**
 * Brings a folder back to what a snapshot holds. What lies there now was taken before, so that this, too, can be taken
 * back; only what a snapshot held is replaced or deleted, and whatever was in none stays where it is and is named.
 * Nothing is written or deleted through a link: git looks at each folder on the way, and a path with a foreign thing in
 * its way is left alone.
 */
import { lstatSync, mkdirSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { changesBetween } from "./compare.ts";
import type { Change, Skipped } from "./listing.ts";
import type { BytePath } from "./paths.ts";
import { below, fromBytes, parents, toBytes } from "./paths.ts";
import type { SnapshotStore, StoreRequest } from "./snapshot-store.ts";
import { storeLine, storeOk } from "./snapshot-store.ts";
import { entriesOf } from "./take.ts";
import { given } from "../lib/given.ts";

export interface RestoreRequest {
  readonly store: SnapshotStore;
  readonly folder: string;
  /** What lies there now, just taken, and what could not be taken. */
  readonly now: string;
  readonly untaken: readonly Skipped[];
  readonly to: string;
  /** Only these, and what lies below them. Without: everything. */
  readonly only?: readonly BytePath[];
  readonly nonce: string;
}

export interface Restored {
  readonly written: number;
  readonly deleted: number;
  /** Left as they were. */
  readonly kept: readonly Skipped[];
}

const RESTORE_MS = 10 * 60 * 1000;

export async function restoreFolder(request: RestoreRequest): Promise<Restored> {
  const { store, folder, now, to, only, nonce } = request;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const held = new Set((await entriesOf(store, now)).map(({ path }) => path));
  const all = await changesBetween(store, now, to);
  const wanted = all.flatMap(apart).filter(({ path }) => only === undefined || only.some((each) => isAt(path, each)));
  const kept: Skipped[] = [];
  for (const each of wanted) {
    const why = await obstacle(request, each, held);
    if (why !== null) kept.push({ path: each.path, why });
  }
  const out = new Set(kept.map(({ path }) => path));
  const doing = wanted.filter(({ path }) => !out.has(path));
  const index = join(store.dir, `index-restore.new-${nonce}`);
  const git = (args: readonly string[], stdin?: Uint8Array): StoreRequest => ({
    work: folder,
    index,
    args,
    timeoutMs: RESTORE_MS,
    ...given({ stdin }),
  });
  try {
    // The tree to come: what lies there, with only those paths changed that are to be.
    await storeOk(store, git(["read-tree", now]));
    const zero = "0".repeat(now.length);
    const lines = doing.map(({ path, mode, oid }) =>
      oid === null ? `0 ${zero}\t${path}\0` : `${mode} ${oid}\t${path}\0`,
    );
    // Deletions first: a file may take the place of a folder.
    lines.sort((a, b) => Number(b.startsWith("0 ")) - Number(a.startsWith("0 ")));
    await storeOk(store, git(["update-index", "--replace", "-z", "--index-info"], toBytes(lines.join(""))));
    const tree = await storeLine(store, git(["write-tree"]));
    await storeOk(store, git(["read-tree", now]));
    await storeOk(store, git(["read-tree", "--reset", "-u", now, tree]));
  } finally {
    rmSync(index, { force: true });
    rmSync(`${index}.lock`, { force: true });
  }
  const deleted = doing.filter(({ oid }) => oid === null).length;
  return { written: doing.length - deleted, deleted, kept };
}

interface Step {
  readonly path: BytePath;
  readonly mode: string;
  /** null: it is to go. */
  readonly oid: string | null;
}

/** A move is a deletion and a new file. */
function apart({ kind, path, from, newMode, newOid }: Change): Step[] {
  const there: Step = { path, mode: newMode, oid: kind === "deleted" ? null : newOid };
  return kind === "renamed" && from !== undefined ? [{ path: from, mode: "", oid: null }, there] : [there];
}

const isAt = (path: BytePath, place: BytePath): boolean => path === place || path.startsWith(`${place}/`);

/** What no snapshot holds and stands where this is to be written; null: nothing. */
async function obstacle({ folder, untaken }: RestoreRequest, step: Step, held: ReadonlySet<BytePath>) {
  const lost = untaken.find(({ path }) => isAt(step.path, path));
  if (lost !== undefined) return `what lies there could not be kept (${lost.why})`;
  if (step.oid === null) return null;
  for (const parent of parents(step.path)) {
    const stats = lstatSync(below(folder, parent), { throwIfNoEntry: false });
    if (stats === undefined) break;
    if (!stats.isDirectory() && !held.has(parent))
      return "something that no snapshot holds stands where its folder would be";
  }
  const stats = lstatSync(below(folder, step.path), { throwIfNoEntry: false });
  if (stats === undefined || held.has(step.path)) return null;
  if (!stats.isDirectory()) return "something that no snapshot holds stands there";
  return (await holdsForeign(folder, step.path, held))
    ? "a folder stands there, with files that no snapshot holds"
    : null;
}

async function holdsForeign(folder: string, path: BytePath, held: ReadonlySet<BytePath>): Promise<boolean> {
  for (const entry of await readdir(below(folder, path), { encoding: "buffer" })) {
    const each = `${path}/${fromBytes(entry)}`;
    const stats = lstatSync(below(folder, each), { throwIfNoEntry: false });
    if (stats === undefined) continue;
    if (stats.isDirectory() ? await holdsForeign(folder, each, held) : !held.has(each)) return true;
  }
  return false;
}
