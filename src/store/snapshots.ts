/** Rows of snapshots: what is known of each without asking the store that holds its contents. */
import { toJson } from "../lib/json.ts";
import { aText, listOf, readStored, shapeOf } from "../lib/stored.ts";
import type { Store } from "./database.ts";

export interface Snapshot {
  readonly agent: string;
  /** `0`: before the first turn; a turn's number: at its end; `r1`, `r1-after`: around what was brought back; `end`. */
  readonly id: string;
  readonly commit: string;
  readonly tree: string;
  readonly at: number;
  /** Since the first of them. */
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
  /** On its branch since its base; null: it has none, or it was not counted. */
  readonly commits: number | null;
  /** What could not be taken; the paths as people see them. */
  readonly skipped: readonly { readonly path: string; readonly why: string }[];
  /** Of the files that were new or changed. */
  readonly bytes: number;
  readonly tookMs: number;
}

const COLUMNS = `agent, id, commit_id AS "commit", tree, at, files, insertions, deletions, commits, skipped,
  bytes, took_ms AS tookMs`;

type Row = Omit<Snapshot, "skipped"> & { readonly skipped: string };

const skippedReader = listOf(shapeOf<Snapshot["skipped"][number]>({ path: aText, why: aText }));

function fromRow(row: Row): Snapshot {
  const skipped = readStored(skippedReader, JSON.parse(row.skipped) as unknown);
  return { ...row, skipped: skipped.ok ? skipped.state : [] };
}

/** One of that name is replaced: its turn was ended again by a later daemon. */
export function saveSnapshot(store: Store, each: Snapshot): void {
  store.run(
    `INSERT OR REPLACE INTO snapshots
     (agent, id, commit_id, tree, at, files, insertions, deletions, commits, skipped, bytes, took_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    each.agent,
    each.id,
    each.commit,
    each.tree,
    each.at,
    each.files,
    each.insertions,
    each.deletions,
    each.commits,
    toJson(each.skipped),
    each.bytes,
    each.tookMs,
  );
}

export function findSnapshot(store: Store, agent: string, id: string): Snapshot | null {
  const row = store.get<Row>(`SELECT ${COLUMNS} FROM snapshots WHERE agent = ? AND id = ?`, agent, id);
  return row === null ? null : fromRow(row);
}

/** In the order in which they were taken, whatever the clock was set to: one that is replaced comes last anew. */
export function listSnapshots(store: Store, agent: string): Snapshot[] {
  return store.all<Row>(`SELECT ${COLUMNS} FROM snapshots WHERE agent = ? ORDER BY rowid`, agent).map(fromRow);
}

export interface SnapshotTotals {
  readonly count: number;
  /** What taking them took. */
  readonly tookMs: number;
  readonly longestMs: number;
}

export function snapshotTotals(store: Store): SnapshotTotals {
  const sql = `SELECT count(*) AS count, coalesce(sum(took_ms), 0) AS tookMs, coalesce(max(took_ms), 0) AS longestMs
    FROM snapshots`;
  return store.get<SnapshotTotals>(sql) ?? { count: 0, tookMs: 0, longestMs: 0 };
}

export function lastSnapshot(store: Store, agent: string): Snapshot | null {
  const sql = `SELECT ${COLUMNS} FROM snapshots WHERE agent = ? ORDER BY rowid DESC LIMIT 1`;
  const row = store.get<Row>(sql, agent);
  return row === null ? null : fromRow(row);
}
