/**
 * Where a mirror goes on: pure. What the database has of this store's log is compared with the log itself, because
 * either of the two may have been brought back from a backup.
 */
import { sha256 } from "../lib/digest.ts";

/** What of an event is never changed, not even when its agent is forgotten. */
export interface Landmark {
  readonly id: number;
  readonly type: string;
  readonly agent: string | null;
  readonly at: string;
}

export interface Cursor {
  readonly epoch: number;
  /** The last event that is mirrored; 0 = none. */
  readonly id: number;
  /** The digest of the events before that one. */
  readonly before: string;
  readonly digest: string;
}

/** Each digest holds all before it: two logs that differ anywhere differ from there on. */
export function chained(before: string, { id, type, agent, at }: Landmark): string {
  return sha256(`${before} ${id} ${type} ${agent ?? ""} ${at}`).toString("hex");
}

export interface LocalLog {
  readonly epoch: number;
  readonly oldest: number;
  /** The newest id ever given. */
  readonly newest: number;
  /** The event of that id, where it is still kept. */
  find(id: number): Landmark | null;
}

export type Position =
  /** `gap`: kept by nobody any more. */
  | { readonly type: "go_on"; readonly gap: { readonly from: number; readonly to: number } | null }
  /** The log begins anew, under this number. */
  | { readonly type: "anew"; readonly epoch: number; readonly why: string };

/** `cursor` null: the database knows nothing of this log. */
export function positionOf(cursor: Cursor | null, log: LocalLog): Position {
  if (cursor === null) return { type: "anew", epoch: log.epoch, why: "the first time" };
  if (cursor.epoch < log.epoch) return { type: "anew", epoch: log.epoch, why: "the store was restored" };
  const restored = { type: "anew", epoch: cursor.epoch + 1, why: "the store was restored" } as const;
  if (cursor.epoch > log.epoch || log.newest < cursor.id) return restored;
  const row = cursor.id === 0 ? null : log.find(cursor.id);
  if (row !== null && chained(cursor.before, row) !== cursor.digest) return restored;
  const next = cursor.id + 1;
  return { type: "go_on", gap: log.oldest > next ? { from: next, to: log.oldest - 1 } : null };
}
