/**
 * Every start of the daemon, and the processes it found begun: which of them lived through it. Says only what was seen
 * when they were taken over, never what became of them later.
 */
import type { Store } from "./database.ts";

/** Older ones tell nobody anything. */
const KEPT_MS = 90 * 24 * 60 * 60 * 1000;

/** Before anything is taken over: what had a process when the daemon before this one was last heard of. */
export function insertStart(store: Store, now: number): void {
  store.run("DELETE FROM starts WHERE at < ?", now - KEPT_MS);
  const { lastId } = store.run("INSERT INTO starts (at) VALUES (?)", now);
  store.run(
    `INSERT INTO start_runs (start, agent, run)
     SELECT ?, agent, max(n) FROM runs WHERE state IN ('spawning', 'running') GROUP BY agent`,
    lastId,
  );
}

/** Where the latest start left an agent's process; null: it was not taken over in time to say it. */
export function saveSurvivors(store: Store, lives: (agent: string, run: number) => boolean | null): void {
  const rows = store.all<{ start: number; agent: string; run: number }>(
    "SELECT start, agent, run FROM start_runs WHERE start = (SELECT max(id) FROM starts)",
  );
  if (rows.length === 0) return;
  store.transact(() => {
    for (const { start, agent, run } of rows) {
      const lived = lives(agent, run);
      if (lived === null) continue;
      store.run("UPDATE start_runs SET lived = ? WHERE start = ? AND agent = ?", lived ? 1 : 0, start, agent);
    }
  });
}
