/** The outbox: webhooks on their way, each with its attempts. A row is written in the transaction of what it tells. */
import type { Store } from "./database.ts";

export type DeliveryState = "pending" | "delivered" | "dead";

export interface Delivery {
  /** `webhook-id`: the same over retries and redelivery. */
  readonly id: string;
  readonly seq: number;
  readonly project: string | null;
  readonly agent: string | null;
  readonly event: string;
  readonly url: string;
  /** Of a project's or agent's own webhook; null = the config's, looked up when it is sent. */
  readonly token: string | null;
  readonly own: boolean;
  readonly body: string;
  readonly state: DeliveryState;
  /** All attempts ever; `round` counts those since it was made or redelivered. */
  readonly attempts: number;
  readonly round: number;
  readonly refusals: number;
  readonly nextAt: number | null;
  readonly firstAt: number | null;
  readonly lastError: string | null;
  readonly createdAt: number;
  readonly settledAt: number | null;
}

interface DeliveryRow {
  readonly id: string;
  readonly seq: number;
  readonly project: string | null;
  readonly agent: string | null;
  readonly event: string;
  readonly url: string;
  readonly token: string | null;
  readonly own: number;
  readonly body: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly round: number;
  readonly refusals: number;
  readonly next_at: number | null;
  readonly first_at: number | null;
  readonly last_error: string | null;
  readonly created_at: number;
  readonly settled_at: number | null;
}

function fromRow(row: DeliveryRow): Delivery {
  return {
    id: row.id, seq: row.seq, project: row.project, agent: row.agent, event: row.event, url: row.url, token: row.token, own: row.own === 1,
    body: row.body, state: row.state, attempts: row.attempts, round: row.round, refusals: row.refusals, nextAt: row.next_at, firstAt: row.first_at,
    lastError: row.last_error, createdAt: row.created_at, settledAt: row.settled_at,
  };
}

export type NewDelivery = Pick<Delivery, "id" | "project" | "agent" | "event" | "url" | "token" | "own" | "body">;

/** Due at once. Order is that of `seq`. */
export function insertDelivery(store: Store, each: NewDelivery, now: number): void {
  store.run(
    `INSERT INTO deliveries (id, seq, project, agent, event, url, token, own, body, state, next_at, created_at)
     VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM deliveries), ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
    each.id, each.project, each.agent, each.event, each.url, each.token, each.own ? 1 : 0, each.body, now, now,
  );
}

/** Pending ones with none of the same destination and agent before them: only these may be tried. */
const HEADS = `FROM deliveries d WHERE d.state = 'pending' AND NOT EXISTS (
  SELECT 1 FROM deliveries e WHERE e.state = 'pending' AND e.url = d.url AND e.agent IS d.agent AND e.seq < d.seq)`;

export function dueDeliveries(store: Store, now: number, limit: number): Delivery[] {
  return store.all<DeliveryRow>(`SELECT d.* ${HEADS} AND d.next_at <= ? ORDER BY d.next_at, d.seq LIMIT ?`, now, limit).map(fromRow);
}

/** When the next one falls due after `now`; null = none waits. */
export function nextDueAt(store: Store, now: number): number | null {
  return store.get<{ at: number | null }>(`SELECT min(d.next_at) AS at ${HEADS} AND d.next_at > ?`, now)?.at ?? null;
}

export interface AttemptRecord {
  readonly at: number;
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly response: string | null;
}

export interface AttemptEnd {
  readonly state: DeliveryState;
  readonly nextAt: number | null;
  readonly refusals: number;
  readonly firstAt: number;
  readonly lastError: string | null;
}

export function recordAttempt(store: Store, id: string, attempt: AttemptRecord, end: AttemptEnd, now: number): void {
  store.run(
    `INSERT INTO attempts (delivery, n, at, duration_ms, status, error, response)
     VALUES (?1, (SELECT attempts + 1 FROM deliveries WHERE id = ?1), ?2, ?3, ?4, ?5, ?6)`,
    id, attempt.at, attempt.durationMs, attempt.status, attempt.error, attempt.response,
  );
  store.run(
    `UPDATE deliveries SET state = ?, attempts = attempts + 1, round = round + 1, refusals = ?, next_at = ?, first_at = ?, last_error = ?, settled_at = ?
     WHERE id = ?`,
    end.state, end.refusals, end.nextAt, end.firstAt, end.lastError, end.state === "pending" ? null : now, id,
  );
}

/** Once more from the beginning of the schedule, under the same id. */
export function reviveDelivery(store: Store, id: string, now: number): void {
  store.run(
    "UPDATE deliveries SET state = 'pending', round = 0, refusals = 0, first_at = NULL, next_at = ?, settled_at = NULL, last_error = NULL WHERE id = ?",
    now, id,
  );
}

export function findDelivery(store: Store, id: string): Delivery | null {
  const row = store.get<DeliveryRow>("SELECT * FROM deliveries WHERE id = ?", id);
  return row === null ? null : fromRow(row);
}

/** Newest first, before a `seq`. */
export function listDeliveries(store: Store, { state, before, limit }: { state?: DeliveryState; before?: number; limit: number }): Delivery[] {
  return store
    .all<DeliveryRow>(
      `SELECT * FROM deliveries WHERE seq < ?1 ${state === undefined ? "" : "AND state = ?3"} ORDER BY seq DESC LIMIT ?2`,
      before ?? Number.MAX_SAFE_INTEGER, limit, ...(state === undefined ? [] : [state]),
    )
    .map(fromRow);
}

export function attemptsOf(store: Store, id: string): (AttemptRecord & { readonly n: number })[] {
  return store.all("SELECT n, at, duration_ms AS durationMs, status, error, response FROM attempts WHERE delivery = ? ORDER BY n", id);
}

export function countDeliveries(store: Store): Record<DeliveryState, number> {
  const counts = { pending: 0, delivered: 0, dead: 0 };
  for (const row of store.all<{ state: DeliveryState; n: number }>("SELECT state, count(*) AS n FROM deliveries GROUP BY state")) counts[row.state] = row.n;
  return counts;
}

/** Settled ones only. One small batch; returns how many went. */
export function pruneDeliveries(store: Store, olderThan: number, limit: number): number {
  return store.run(
    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 'pending' AND settled_at < ? ORDER BY settled_at LIMIT ?)",
    olderThan, limit,
  ).changes;
}
