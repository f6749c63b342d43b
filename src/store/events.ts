/** The event log: numbered, never reused, the one source of every live stream. */
import { toJson } from "../lib/json.ts";
import { anything } from "../lib/stored.ts";
import type { EventData, EventType, StoredEvent } from "../words/events.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";

export interface EventRecord {
  readonly id: number;
  readonly type: StoredEvent;
  readonly project: string | null;
  readonly agent: string | null;
  readonly at: string;
  readonly data: unknown;
}

type EventRow = Omit<EventRecord, "at" | "data"> & { readonly at: number; readonly data: string };

export interface EventScope {
  readonly project?: string;
  readonly agent?: string;
  readonly types?: readonly EventType[];
  /** With `types`: of this agent everything, whatever its type. */
  readonly whole?: string;
}

/** The same question, asked of one event. */
export function inScope(
  each: { readonly type: EventType; readonly agent: string | null; readonly project: string | null },
  { agent, project, types, whole }: EventScope,
): boolean {
  if (types !== undefined && !types.includes(each.type) && (whole === undefined || each.agent !== whole)) return false;
  if (agent !== undefined) return each.agent === agent;
  return project === undefined || each.project === project;
}

export function insertEvent<T extends StoredEvent>(
  store: Store,
  event: {
    readonly project: string | null;
    readonly agent: string | null;
    readonly type: T;
    readonly data: EventData[T];
    readonly at: number;
  },
): EventRecord {
  const { lastId } = store.run(
    "INSERT INTO events (project, agent, type, data, at) VALUES (?, ?, ?, ?, ?)",
    event.project,
    event.agent,
    event.type,
    toJson(event.data),
    event.at,
  );
  return { ...event, id: lastId, at: new Date(event.at).toISOString() };
}

/**
 * A page of a stream stops behind the event that brings it over this: one event may hold megabytes, and a page is held
 * in memory.
 */
const STREAM_PAGE_BYTES = 256 * 1024;

/** Events after an id, in order; fewer than `limit` when they are large, none only when there is none. */
export function eventsAfter(store: Store, scope: EventScope, after: number, limit: number): EventRecord[] {
  return pageOf(store, scope, { after, before: Number.MAX_SAFE_INTEGER, forward: true, limit }, STREAM_PAGE_BYTES)
    .events;
}

export interface EventPage {
  readonly after?: number;
  readonly before?: number;
  readonly limit: number;
}

/** What one answer may hold. */
const PAGE_BYTES = 4 * 1024 * 1024;

/**
 * In order of id: the newest `limit`, or those behind `after`, or the newest before `before`. `more`: there are others
 * on the side that the page did not begin from.
 */
export function listEvents(
  store: Store,
  scope: EventScope,
  { after, before, limit }: EventPage,
): { events: EventRecord[]; more: boolean } {
  const between = { after: after ?? 0, before: before ?? Number.MAX_SAFE_INTEGER };
  return pageOf(store, scope, { ...between, forward: after !== undefined, limit }, PAGE_BYTES);
}

interface Walk {
  readonly after: number;
  readonly before: number;
  readonly forward: boolean;
  readonly limit: number;
}

function pageOf(
  store: Store,
  scope: EventScope,
  { after, before, forward, limit }: Walk,
  maxBytes: number,
): { events: EventRecord[]; more: boolean } {
  const { where, params } = condition(scope);
  const order = `ORDER BY id ${forward ? "" : "DESC"}`;
  // Lengths first: they stand in the head of a row, its text is not read for them.
  const sizes = store.all<{ id: number; bytes: number }>(
    `SELECT id, octet_length(data) AS bytes FROM events WHERE id > ? AND id < ? ${where} ${order} LIMIT ?`,
    after,
    before,
    ...params,
    limit + 1,
  );
  let bytes = 0;
  const full = sizes.findIndex((row) => (bytes += row.bytes) > maxBytes) + 1;
  const count = Math.min(full === 0 ? sizes.length : full, limit);
  const [first, last] = [sizes[0]?.id, sizes[count - 1]?.id];
  if (first === undefined || last === undefined) return { events: [], more: false };
  const events = store
    .all<EventRow>(
      `SELECT * FROM events WHERE id >= ? AND id <= ? ${where} ORDER BY id`,
      Math.min(first, last),
      Math.max(first, last),
      ...params,
    )
    .map((row) => ({ ...row, at: new Date(row.at).toISOString(), data: fromColumn(anything, row.data, {}) }));
  return { events, more: count < sizes.length };
}

function condition({ agent, project, types, whole }: EventScope): { where: string; params: string[] } {
  const where: string[] = [];
  const params: string[] = [];
  if (agent !== undefined) (where.push("AND agent = ?"), params.push(agent));
  else if (project !== undefined) (where.push("AND project = ?"), params.push(project));
  if (types !== undefined) {
    const among = `type IN (${types.map(() => "?").join(", ")})`;
    params.push(...types);
    if (whole === undefined) where.push(`AND ${among}`);
    else (where.push(`AND (${among} OR agent = ?)`), params.push(whole));
  }
  return { where: where.join(" "), params };
}

/** The oldest id still kept and the newest ever given. */
export function eventRange(store: Store): { oldest: number; newest: number } {
  const oldest = store.get<{ id: number | null }>("SELECT min(id) AS id FROM events")?.id ?? null;
  const newest = newestEvent(store);
  return { oldest: oldest ?? newest + 1, newest };
}

/** The newest id ever given; 0 = none yet. */
export function newestEvent(store: Store): number {
  return store.get<{ seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'events'")?.seq ?? 0;
}

/** When that event happened, or the first one after it that is still kept; null = none is. */
export function eventTime(store: Store, id: number): number | null {
  return store.get<{ at: number }>("SELECT at FROM events WHERE id >= ? ORDER BY id LIMIT 1", id)?.at ?? null;
}

/** What of one event is never changed, not even when its agent is forgotten. */
export function findLandmark(store: Store, id: number): Pick<EventRecord, "id" | "type" | "agent" | "at"> | null {
  const row = store.get<EventRow>("SELECT id, type, agent, at FROM events WHERE id = ?", id);
  return row === null ? null : { id, type: row.type, agent: row.agent, at: new Date(row.at).toISOString() };
}

/**
 * One small batch; returns how many went. Those behind `upTo` are still wanted by somebody: they stay until
 * `atLatest`.
 */
export function pruneEvents(
  store: Store,
  olderThan: number,
  limit: number,
  kept: { readonly upTo: number; readonly atLatest: number } | null = null,
): number {
  const { upTo, atLatest } = kept ?? { upTo: Number.MAX_SAFE_INTEGER, atLatest: olderThan };
  return store.run(
    "DELETE FROM events WHERE id IN (SELECT id FROM events WHERE at < ?1 AND (id <= ?2 OR at < ?3) ORDER BY at LIMIT ?4)",
    olderThan,
    upTo,
    atLatest,
    limit,
  ).changes;
}

/** How much text lies in events behind an id that are older than a moment. */
export function eventBytes(store: Store, after: number, olderThan: number): number {
  const row = store.get<{ bytes: number | null }>(
    "SELECT sum(octet_length(data)) AS bytes FROM events WHERE at < ? AND id > ?",
    olderThan,
    after,
  );
  return row?.bytes ?? 0;
}
