/**
 * Calls that other boxes of the fleet made on this one, and how far each got: so that none is carried out twice, over
 * any death. `begun`: nothing of it has happened. `left`: it may have. `done`: with its answer. A row goes when the
 * fleet's database no longer has the call, never by its age.
 */
import type { Store } from "./database.ts";

export type StoredCall =
  | { readonly state: "begun" | "left"; readonly hash: string }
  | { readonly state: "done"; readonly hash: string; readonly status: number; readonly answer: string };

interface CallRow {
  readonly hash: string;
  readonly state: StoredCall["state"];
  readonly status: number | null;
  readonly answer: string | null;
}

export function findCall(store: Store, id: string): StoredCall | null {
  const row = store.get<CallRow>("SELECT hash, state, status, answer FROM fleet_calls WHERE id = ?", id);
  if (row === null) return null;
  const { hash, state, status, answer } = row;
  if (state !== "done") return { state, hash };
  return { state, hash, status: status ?? 500, answer: answer ?? "" };
}

export function beginCall(store: Store, id: string, hash: string): void {
  store.run("INSERT OR IGNORE INTO fleet_calls (id, hash, state) VALUES (?, ?, 'begun')", id, hash);
}

export function callLeft(store: Store, id: string): void {
  store.run("UPDATE fleet_calls SET state = 'left' WHERE id = ? AND state = 'begun'", id);
}

/** In the transaction of its effect. The first answer stays. */
export function finishCall(
  store: Store,
  id: string,
  { status, answer }: { readonly status: number; readonly answer: string },
): void {
  store.run(
    "UPDATE fleet_calls SET state = 'done', status = ?, answer = ? WHERE id = ? AND state <> 'done'",
    status,
    answer,
    id,
  );
}

/** Oldest first. */
export function callIds(store: Store, after: string, limit: number): string[] {
  return store
    .all<{ id: string }>("SELECT id FROM fleet_calls WHERE id > ? ORDER BY id LIMIT ?", after, limit)
    .map(({ id }) => id);
}

export function forgetCall(store: Store, id: string): void {
  store.run("DELETE FROM fleet_calls WHERE id = ?", id);
}
