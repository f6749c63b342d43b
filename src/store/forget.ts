/**
 * Deleting an agent means that its words are gone: its rows go in the transaction that deletes it, and here what was
 * written about it elsewhere. Events keep their id and type and lose their data, settled deliveries and the kept answer
 * of its making lose their texts, keys of its inputs go. In small batches, over a restart if need be. Then the file is
 * made to forget as well: deleted bytes are overwritten by SQLite, the log is cut, free pages are given back.
 */
import { isObject } from "../lib/check.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import { toJson, tryJson } from "../lib/json.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "./database.ts";
import { createScope } from "./idempotency.ts";
import { INCREMENTAL, pragma } from "./pragma.ts";

const BATCH = 500;
const PAUSE_MS = 20;
const RETRY_MS = 5000;
const EVERY_MS = 60 * 60 * 1000;
/** Free pages given back in one step. */
const PAGES = 2000;

/** What stands where a text was. */
export const FORGOTTEN = toJson({ forgotten: true });

/** In the transaction that deletes the agent. The first batch at once: most agents have no more. */
export function forgetAgent(store: Store, agent: string): void {
  store.run("INSERT OR REPLACE INTO forgetting (agent, after_event) VALUES (?, 0)", agent);
  store.run("UPDATE deliveries SET orphaned = 1 WHERE agent = ?", agent);
  forgetBatch(store, agent, 0);
}

/** One batch of each kind; the row goes with the last. */
function forgetBatch(store: Store, agent: string, afterEvent: number): void {
  const events = blankEvents(store, agent, afterEvent);
  const deliveries = blankDeliveries(store, agent);
  const keys = store.run(
    "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency WHERE agent = ? AND scope NOT LIKE ? LIMIT ?)",
    agent,
    createScope("%"),
    BATCH,
  ).changes;
  blankAnswers(store, agent);
  if (events < BATCH && deliveries < BATCH && keys < BATCH) store.run("DELETE FROM forgetting WHERE agent = ?", agent);
}

/** Taken out and put back without their data: a row that only becomes shorter gives no page back. */
function blankEvents(store: Store, agent: string, after: number): number {
  const rows = store.all<{
    id: number;
    project: string | null;
    type: string;
    at: number;
  }>("SELECT id, project, type, at FROM events WHERE agent = ? AND id > ? ORDER BY id LIMIT ?", agent, after, BATCH);
  const last = rows.at(-1);
  if (last === undefined) return 0;
  store.run("DELETE FROM events WHERE agent = ? AND id > ? AND id <= ?", agent, after, last.id);
  for (const { id, project, type, at } of rows) {
    store.run(
      "INSERT INTO events (id, project, agent, type, data, at) VALUES (?, ?, ?, ?, ?, ?)",
      id,
      project,
      agent,
      type,
      FORGOTTEN,
      at,
    );
  }
  store.run("UPDATE forgetting SET after_event = ? WHERE agent = ?", last.id, agent);
  return rows.length;
}

/** The stored 201 still says what was made, without the texts of whoever made it. */
function blankAnswers(store: Store, agent: string): void {
  const rows = store.all<{ scope: string; key: string; answer: string }>(
    "SELECT scope, key, answer FROM idempotency WHERE agent = ?",
    agent,
  );
  for (const { scope, key, answer } of rows) {
    const body = tryJson(answer);
    const made = isObject(body) && isObject(body["agent"]) ? body["agent"] : {};
    const blanked = toJson({
      agent: { ...made, name: null, systemPrompt: null, env: [], webhook: null, metadata: {} },
    });
    if (blanked !== answer)
      store.run("UPDATE idempotency SET answer = ? WHERE scope = ? AND key = ?", blanked, scope, key);
  }
}

/** Settled ones; those under way lose theirs when they are settled (`forgetSettled`). */
function blankDeliveries(store: Store, agent: string): number {
  const rows = store.all<{ id: string }>(
    "SELECT id FROM deliveries WHERE agent = ? AND state <> 'pending' AND body <> ? LIMIT ?",
    agent,
    FORGOTTEN,
    BATCH,
  );
  for (const { id } of rows) blankDelivery(store, id);
  return rows.length;
}

function blankDelivery(store: Store, id: string): void {
  store.run("UPDATE deliveries SET body = ?, token = NULL, last_error = NULL WHERE id = ?", FORGOTTEN, id);
  store.run("UPDATE attempts SET error = NULL, response = NULL WHERE delivery = ?", id);
}

/** In the transaction that settles a delivery: it has told what it had to, and its agent is gone. */
export function forgetSettled(store: Store, delivery: string): void {
  const orphan = store.get("SELECT 1 FROM deliveries WHERE id = ? AND orphaned = 1 AND state <> 'pending'", delivery);
  if (orphan !== null) blankDelivery(store, delivery);
}

export interface Forgetting {
  /** An agent was deleted. */
  wake(): void;
  /** Nothing happens for a while: an old file may be made anew. */
  quiet(): void;
  stop(): void;
}

export interface ForgettingDeps {
  readonly store: Store;
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

export function startForgetting({ store, path, clock, log }: ForgettingDeps): Forgetting {
  let timer: Timer | null = null;
  let cutDue = true;
  let tried = false;

  const plan = (ms: number): void => {
    timer?.cancel();
    timer = clock.setTimer(ms, step);
  };
  /** true = there is more to do. */
  const work = (): boolean => {
    const next = store.get<{ agent: string; after_event: number }>("SELECT agent, after_event FROM forgetting LIMIT 1");
    if (next !== null) {
      store.transact(() => forgetBatch(store, next.agent, next.after_event));
      return true;
    }
    if (giveBack(store)) return true;
    if (cutDue) store.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    cutDue = false;
    return false;
  };
  const step = (): void => {
    try {
      const more = work();
      if (!more) cutDue = true; // the hourly one
      plan(more ? PAUSE_MS : EVERY_MS);
    } catch (error) {
      const soon = error instanceof HarnessError;
      if (!soon) log.error("cannot take out what a deleted agent left", { error });
      plan(soon ? RETRY_MS : EVERY_MS);
    }
  };
  plan(PAUSE_MS);
  return {
    wake() {
      cutDue = true;
      plan(PAUSE_MS);
    },
    quiet() {
      if (tried) return;
      tried = true;
      void import("./make-anew.ts")
        .then(({ makeAnew }) => makeAnew(store, path, log))
        .catch((error: unknown) => log.warn("cannot make the store's file anew, it works as it is", { error }));
    },
    stop: () => timer?.cancel(),
  };
}

/** One step of giving free pages back to the file system; true = there are more. */
function giveBack(store: Store): boolean {
  const free = pragma(store, "freelist_count");
  if (free === 0 || pragma(store, "auto_vacuum") !== INCREMENTAL) return false;
  // Rows come out one a page: they have to be walked for the pages to go.
  store.db.query(`PRAGMA incremental_vacuum(${PAGES})`).all();
  return free > PAGES;
}
