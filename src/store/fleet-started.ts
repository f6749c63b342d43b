/**
 * Every task of a fleet's pool that this box ever began, also when it is over: what the fleet's database forgets when
 * it is brought back from a backup is known here. Forgotten by age and number, never sooner than a backup is of use.
 */
import type { Store } from "./database.ts";

export interface StartedTask {
  readonly task: string;
  readonly claim: number;
  readonly agent: string;
  /** How it ended; null: it is at work. */
  readonly ended: "done" | "failed" | "cancelled" | null;
  readonly error: string | null;
}

/** Longer than any backup is good for. */
export const STARTED_KEPT_DAYS = 30;
const KEPT_TASKS = 50_000;

export function findStarted(store: Store, task: string): StartedTask | null {
  return store.get<StartedTask>("SELECT task, claim, agent, ended, error FROM fleet_started WHERE task = ?", task);
}

/** In the transaction that makes its agent. Throws when it was begun under this claim or a later one: it must not. */
export function noteStarted(store: Store, task: string, claim: number, agent: string, now: number): void {
  const { changes } = store.run(
    `INSERT INTO fleet_started (task, claim, agent, at) VALUES (?, ?, ?, ?)
     ON CONFLICT (task) DO UPDATE SET claim = excluded.claim, agent = excluded.agent, at = excluded.at, ended = NULL, error = NULL
     WHERE excluded.claim > fleet_started.claim`,
    task,
    claim,
    agent,
    now,
  );
  if (changes !== 1) throw new Error(`the task ${task} was begun here before: it must not be begun again`);
}

export function noteEnded(
  store: Store,
  task: string,
  claim: number,
  { end, error }: { readonly end: "done" | "failed" | "cancelled"; readonly error: string | null },
): void {
  store.run("UPDATE fleet_started SET ended = ?, error = ? WHERE task = ? AND claim = ?", end, error, task, claim);
}

/** What is over and was begun before `old` (epoch ms), and the oldest of too many. */
export function pruneStarted(store: Store, old: number, kept = KEPT_TASKS): void {
  const [oldest] = store.all<{ n: number }>("SELECT n FROM fleet_started ORDER BY n DESC LIMIT 1 OFFSET ?", kept);
  store.transact(() =>
    store.run("DELETE FROM fleet_started WHERE ended IS NOT NULL AND (at < ? OR n <= ?)", old, oldest?.n ?? 0),
  );
}
