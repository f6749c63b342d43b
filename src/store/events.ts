/** The event log: numbered, never reused, the one source of every live stream. */
import type { Store } from "./database.ts";

export interface EventRecord {
  readonly id: number;
  readonly type: string;
  readonly project: string | null;
  readonly agent: string | null;
  readonly at: string;
  readonly data: unknown;
}

interface EventRow {
  readonly id: number;
  readonly project: string | null;
  readonly agent: string | null;
  readonly type: string;
  readonly data: string;
  readonly at: number;
}

export interface EventScope {
  readonly project?: string;
  readonly agent?: string;
  readonly types?: readonly string[];
}

export function insertEvent(
  store: Store,
  event: {
    project: string | null;
    agent: string | null;
    type: string;
    data: unknown;
    at: number;
  },
): EventRecord {
  const { lastId } = store.run(
    "INSERT INTO events (project, agent, type, data, at) VALUES (?, ?, ?, ?, ?)",
    event.project,
    event.agent,
    event.type,
    JSON.stringify(event.data),
    event.at,
  );
  return { ...event, id: lastId, at: new Date(event.at).toISOString() };
}

/**
 * A page stops behind the event that brings it over this: one event may hold megabytes, and a page is held in memory.
 */
const PAGE_BYTES = 256 * 1024;

/** Events after an id, in order; fewer than `limit` when they are large, none only when there is none. */
export function eventsAfter(store: Store, scope: EventScope, afterId: number, limit: number): EventRecord[] {
  const where = ["id > ?"];
  const params: (string | number)[] = [afterId];
  if (scope.agent !== undefined) (where.push("agent = ?"), params.push(scope.agent));
  else if (scope.project !== undefined) (where.push("project = ?"), params.push(scope.project));
  if (scope.types !== undefined) {
    where.push(`type IN (${scope.types.map(() => "?").join(", ")})`);
    params.push(...scope.types);
  }
  const from = `FROM events WHERE ${where.join(" AND ")}`;
  // Lengths first: they stand in the head of a row, its text is not read for them.
  const sizes = store.all<{ id: number; bytes: number }>(
    `SELECT id, octet_length(data) AS bytes ${from} ORDER BY id LIMIT ?`,
    ...params,
    limit,
  );
  let bytes = 0;
  const last = sizes.find((row) => (bytes += row.bytes) > PAGE_BYTES) ?? sizes.at(-1);
  if (last === undefined) return [];
  return store
    .all<EventRow>(`SELECT * ${from} AND id <= ? ORDER BY id`, ...params, last.id)
    .map((row) => ({ ...row, at: new Date(row.at).toISOString(), data: JSON.parse(row.data) as unknown }));
}

/** The oldest id still kept and the newest ever given. */
export function eventRange(store: Store): { oldest: number; newest: number } {
  const oldest = store.get<{ id: number | null }>("SELECT min(id) AS id FROM events")?.id ?? null;
  const newest = store.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?.seq ?? 0;
  return { oldest: oldest ?? newest + 1, newest };
}

/** One small batch; returns how many went. */
export function pruneEvents(store: Store, olderThan: number, limit: number): number {
  return store.run(
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ? ORDER BY at LIMIT ?)",
    olderThan,
    limit,
  ).changes;
}
