/** The outbox: webhooks on their way, each with its attempts. A row is written in the transaction of what it tells. */
import type { Store } from "./database.ts";
import { forgetSettled } from "./forget.ts";

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
  /** The length of the wait that `nextAt` ends: no time further ahead is believed. */
  readonly delayMs: number;
  /** All waits of this round, the present one included; of them, those for a receiver that is not there. */
  readonly waitedMs: number;
  readonly absentMs: number;
  /** How long the store had been in use when the present wait began (ms); null: it was not noted. */
  readonly sinceAge: number | null;
  readonly lastError: string | null;
  readonly createdAt: number;
  readonly settledAt: number | null;
}

/** Of `deliveries d`: all but what is sent. */
const SHOWN = `d.id, d.seq, d.project, d.agent, d.event, d.url, d.own, d.state, d.attempts, d.round, d.refusals,
  d.next_at AS nextAt, d.delay_ms AS delayMs, d.waited_ms AS waitedMs, d.absent_ms AS absentMs, d.since_age AS sinceAge,
  d.last_error AS lastError, d.created_at AS createdAt, d.settled_at AS settledAt`;

/** SQLite has no booleans. */
type Row<T extends { readonly own: boolean }> = Omit<T, "own"> & { readonly own: number };

export type NewDelivery = Pick<Delivery, "id" | "project" | "agent" | "event" | "url" | "token" | "own" | "body">;

/** Due at once. Order is that of `seq`. */
export function insertDelivery(store: Store, each: NewDelivery, now: number): void {
  store.run(
    `INSERT INTO deliveries (id, seq, project, agent, event, url, token, own, body, state, next_at, created_at)
     VALUES (?, (SELECT coalesce(max(seq), 0) + 1 FROM deliveries), ?, ?, ?, ?, ?, ?, ?, 'pending', ?, ?)`,
    each.id,
    each.project,
    each.agent,
    each.event,
    each.url,
    each.token,
    each.own ? 1 : 0,
    each.body,
    now,
    now,
  );
}

/** The next of its line: those of one agent go to a URL one after the other. */
export interface DeliveryHead {
  readonly id: string;
  readonly url: string;
  readonly agent: string | null;
  readonly nextAt: number;
}

/** Only these may be tried, in order of their due times. Those without an agent (tests) stand in no line. */
export function pendingHeads(store: Store): DeliveryHead[] {
  // Grouped, not asked row by row: this stays a walk over one small index when an outage has piled up thousands.
  return store.all<DeliveryHead>(
    `SELECT id, url, agent, next_at AS nextAt FROM deliveries JOIN (
       SELECT min(seq) AS seq FROM deliveries WHERE state = 'pending' AND agent IS NOT NULL GROUP BY url, agent
       UNION ALL SELECT seq FROM deliveries WHERE state = 'pending' AND agent IS NULL
     ) USING (seq) ORDER BY next_at, seq`,
  );
}

/** One that is pending, whether or not it is the next of its line. */
export function headOf(store: Store, id: string): DeliveryHead | null {
  return store.get("SELECT id, url, agent, next_at AS nextAt FROM deliveries WHERE id = ? AND state = 'pending'", id);
}

export interface AttemptRecord {
  readonly at: number;
  readonly durationMs: number;
  readonly status: number | null;
  readonly error: string | null;
  readonly response: string | null;
}

export type AttemptEnd = Pick<
  Delivery,
  "state" | "nextAt" | "delayMs" | "waitedMs" | "absentMs" | "sinceAge" | "refusals" | "lastError"
>;

export function recordAttempt(store: Store, id: string, attempt: AttemptRecord, end: AttemptEnd, now: number): void {
  store.run(
    `INSERT INTO attempts (delivery, n, at, duration_ms, status, error, response)
     VALUES (?1, (SELECT attempts + 1 FROM deliveries WHERE id = ?1), ?2, ?3, ?4, ?5, ?6)`,
    id,
    attempt.at,
    attempt.durationMs,
    attempt.status,
    attempt.error,
    attempt.response,
  );
  store.run(
    `UPDATE deliveries SET state = ?, attempts = attempts + 1, round = round + 1, refusals = ?, next_at = ?, delay_ms = ?,
     waited_ms = ?, absent_ms = ?, since_age = ?, last_error = ?, settled_at = ? WHERE id = ?`,
    end.state,
    end.refusals,
    end.nextAt,
    end.delayMs,
    end.waitedMs,
    end.absentMs,
    end.sinceAge,
    end.lastError,
    end.state === "pending" ? null : now,
    id,
  );
  if (end.state !== "pending") forgetSettled(store, id);
}

/** The wall clock was set: what waits keeps its distance. */
export function shiftPending(store: Store, byMs: number): void {
  store.run("UPDATE deliveries SET next_at = next_at + ? WHERE state = 'pending'", byMs);
}

/** No wait is longer than it was made: a stored time further ahead is of a clock that was wrong. */
export function clampPending(store: Store, now: number): void {
  store.run(
    "UPDATE deliveries SET next_at = ?1 + delay_ms WHERE state = 'pending' AND next_at > ?1 AND next_at > ?1 + delay_ms",
    now,
  );
}

export type DeliveryTarget = Pick<Delivery, "url" | "token" | "own">;

/** To be tried now, under the same id; a settled one from the schedule's beginning. What it waits for is let off. */
export function reviveDelivery(store: Store, id: string, { url, token, own }: DeliveryTarget, now: number): void {
  store.run(
    `UPDATE deliveries SET url = ?, token = ?, own = ?, next_at = ?, delay_ms = 0,
     waited_ms = max(0, waited_ms - delay_ms), absent_ms = max(0, absent_ms - delay_ms) WHERE id = ?`,
    url,
    token,
    own ? 1 : 0,
    now,
    id,
  );
  store.run(
    `UPDATE deliveries SET state = 'pending', round = 0, refusals = 0, waited_ms = 0, absent_ms = 0, settled_at = NULL, last_error = NULL
     WHERE id = ? AND state <> 'pending'`,
    id,
  );
}

/** What waits for the config's webhook follows it when it moves. */
export function retargetPending(store: Store, url: string): void {
  store.run("UPDATE deliveries SET url = ? WHERE state = 'pending' AND own = 0 AND url <> ?", url, url);
}

export function findDelivery(store: Store, id: string): Delivery | null {
  const row = store.get<Row<Delivery>>(`SELECT ${SHOWN}, d.token, d.body FROM deliveries d WHERE d.id = ?`, id);
  return row === null ? null : { ...row, own: row.own === 1 };
}

export interface ListedDelivery extends Omit<Delivery, "body" | "token"> {
  /** The earlier one of the same agent that has to be settled first. */
  readonly waitsFor: string | null;
}

const WAITS_FOR = `(SELECT e.id FROM deliveries e
  WHERE e.state = 'pending' AND d.state = 'pending' AND e.url = d.url AND e.agent = d.agent AND e.seq < d.seq ORDER BY e.seq LIMIT 1)`;
const LISTED = `${SHOWN}, ${WAITS_FOR} AS waitsFor`;

const listed = (row: Row<ListedDelivery>): ListedDelivery => ({ ...row, own: row.own === 1 });

export interface DeliveryFilter {
  readonly state?: DeliveryState;
  readonly project?: string;
  /** An agent's id. */
  readonly agent?: string;
  readonly before?: number;
  readonly limit: number;
}

/** Newest first, before a `seq`. */
export function listDeliveries(
  store: Store,
  { state, project, agent, before, limit }: DeliveryFilter,
): ListedDelivery[] {
  const asked = Object.entries({ state, project, agent }).filter(([, value]) => value !== undefined);
  const where = ["d.seq < ?", ...asked.map(([column]) => `d.${column} = ?`)].join(" AND ");
  return store
    .all<Row<ListedDelivery>>(
      `SELECT ${LISTED} FROM deliveries d WHERE ${where} ORDER BY d.seq DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      ...asked.flatMap(([, value]) => value ?? []),
      limit,
    )
    .map(listed);
}

/** One as it is listed. */
export function listedDelivery(store: Store, id: string): ListedDelivery | null {
  const row = store.get<Row<ListedDelivery>>(`SELECT ${LISTED} FROM deliveries d WHERE d.id = ?`, id);
  return row === null ? null : listed(row);
}

export function attemptsOf(store: Store, id: string): (AttemptRecord & { readonly n: number })[] {
  return store.all(
    "SELECT n, at, duration_ms AS durationMs, status, error, response FROM attempts WHERE delivery = ? ORDER BY n",
    id,
  );
}

export function countDeliveries(store: Store): Record<DeliveryState, number> {
  const counts = { pending: 0, delivered: 0, dead: 0 };
  for (const row of store.all<{ state: DeliveryState; n: number }>(
    "SELECT state, count(*) AS n FROM deliveries GROUP BY state",
  ))
    counts[row.state] = row.n;
  return counts;
}

/** Settled ones only. One small batch; returns how many went. */
export function pruneDeliveries(store: Store, olderThan: number, limit: number): number {
  return store.run(
    "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE state <> 'pending' AND settled_at < ? ORDER BY settled_at LIMIT ?)",
    olderThan,
    limit,
  ).changes;
}
