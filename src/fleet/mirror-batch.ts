/**
 * One batch of a mirror, in one transaction with its cursor: events, and what they touched. The cursor moves only from
 * where it was: whoever else moved it wins. A row that the database refuses is found by halving, and told as a gap.
 */
import { errorText } from "../lib/errors.ts";
import type { EventRecord } from "../store/events.ts";
import type { Ask, Database } from "./database.ts";
import { BATCH_DEADLINE_MS, sqlState } from "./database.ts";
import type { Touched } from "./documents.ts";
import type { Cursor, Landmark } from "./position.ts";
import { chained } from "./position.ts";
import { textArray } from "./registry.ts";
import { safeJson } from "./values.ts";

/** The cursor is not where it was left: it has to be read again. */
export class CursorMoved extends Error {}

/** Something else stands where this log goes on: two logs under one name. */
export class LogConflict extends Error {}

export interface MirrorRow {
  readonly id: number;
  readonly type: string;
  readonly project: string | null;
  readonly agent: string | null;
  readonly at: string;
  readonly data: string;
  /** What is really there, of a row that stands for another. */
  readonly of?: Landmark;
}

const EVENTS = `
  INSERT INTO ~events (node_no, epoch, id, type, project, agent, at, data)
  SELECT $1, $2, r.* FROM jsonb_to_recordset($3::text::jsonb)
    AS r(id bigint, type text, project text, agent text, at timestamptz, data text)`;

const ADVANCE = `
  UPDATE ~cursors SET id = $4, before = $5, digest = $6, newest = $7, at = clock_timestamp()
  WHERE node_no = $1 AND epoch = $2 AND id = $3`;

const AGENTS = `
  INSERT INTO ~agents (node_no, epoch, deleted, id, rev, project, name, provider, status, doc)
  SELECT $1, $2, false, r.* FROM jsonb_to_recordset($3::text::jsonb)
    AS r(id text, rev bigint, project text, name text, provider text, status text, doc text)
  ON CONFLICT (node_no, id) DO UPDATE SET epoch = excluded.epoch, rev = excluded.rev, project = excluded.project,
    name = excluded.name, provider = excluded.provider, status = excluded.status, doc = excluded.doc, deleted = false,
    at = clock_timestamp()
  WHERE (excluded.epoch, excluded.rev) > (agents.epoch, agents.rev)`;

const PERMISSIONS = `
  INSERT INTO ~permissions (node_no, epoch, agent, id, rev, state, created_at, doc)
  SELECT $1, $2, r.* FROM jsonb_to_recordset($3::text::jsonb)
    AS r(agent text, id text, rev bigint, state text, created_at timestamptz, doc text)
  ON CONFLICT (node_no, agent, id) DO UPDATE SET epoch = excluded.epoch, rev = excluded.rev, state = excluded.state,
    doc = excluded.doc
  WHERE (excluded.epoch, excluded.rev) > (permissions.epoch, permissions.rev)`;

const MESSAGES = `
  INSERT INTO ~messages (node_no, epoch, agent, id, rev, doc)
  SELECT $1, $2, r.* FROM jsonb_to_recordset($3::text::jsonb) AS r(agent text, id bigint, rev bigint, doc text)
  ON CONFLICT (node_no, agent, id) DO UPDATE SET epoch = excluded.epoch, rev = excluded.rev, doc = excluded.doc
  WHERE (excluded.epoch, excluded.rev) > (messages.epoch, messages.rev)`;

const TOMBSTONES = `
  UPDATE ~agents a SET deleted = true, doc = '{}', epoch = $2, rev = r.rev, at = clock_timestamp()
  FROM jsonb_to_recordset($3::text::jsonb) AS r(id text, rev bigint)
  WHERE a.node_no = $1 AND a.id = r.id AND (a.epoch, a.rev) < ($2, r.rev)`;

const FORGOTTEN = safeJson({ forgotten: true });

export interface Place {
  readonly node: number;
  readonly epoch: number;
}

/** Order of the members is that of the columns in the statements above. */
export async function writeTouched(ask: Ask, { node, epoch }: Place, touched: Touched): Promise<void> {
  const put = async (statement: string, rows: readonly object[]): Promise<void> => {
    if (rows.length > 0) await ask(statement, node, epoch, safeJson(rows));
  };
  await put(AGENTS, touched.agents);
  await put(PERMISSIONS, touched.permissions);
  await put(MESSAGES, touched.messages);
  if (touched.gone.length === 0) return;
  await put(TOMBSTONES, touched.gone);
  const gone = textArray(touched.gone.map(({ id }) => id));
  await ask("DELETE FROM ~messages WHERE node_no = $1 AND agent = ANY ($2::text[])", node, gone);
  await ask("DELETE FROM ~permissions WHERE node_no = $1 AND agent = ANY ($2::text[])", node, gone);
  await ask(
    "UPDATE ~events SET data = $3 WHERE node_no = $1 AND agent = ANY ($2::text[]) AND data <> $3",
    node,
    gone,
    FORGOTTEN,
  );
}

export const rowOf = ({ id, type, project, agent, at, data }: EventRecord): MirrorRow => ({
  id,
  type,
  project,
  agent,
  at,
  data: safeJson(data),
});

/** A row that says what is not there: of one that was refused, or up to the last of those that nobody keeps. */
export const gapRow = (id: number, at: string, data: object): MirrorRow => ({
  id,
  type: "gap",
  project: null,
  agent: null,
  at,
  data: safeJson(data),
});

/** Gives the cursor behind the batch. Throws CursorMoved, LogConflict, DatabaseAway. */
export async function writeBatch(
  database: Database,
  node: number,
  cursor: Cursor,
  rows: readonly MirrorRow[],
  newest: number,
  touched: () => Touched,
): Promise<Cursor> {
  const { epoch } = cursor;
  let [before, digest] = [cursor.before, cursor.digest];
  for (const row of rows) [before, digest] = [digest, chained(digest, row.of ?? row)];
  const id = rows.at(-1)?.id ?? cursor.id;
  try {
    await database.transact(async (ask) => {
      const moved = await ask(ADVANCE, node, epoch, cursor.id, id, before, digest, newest);
      if (moved.count !== 1) throw new CursorMoved();
      await ask(EVENTS, node, epoch, safeJson(rows));
      await writeTouched(ask, { node, epoch }, touched());
    }, BATCH_DEADLINE_MS);
    return { epoch, id, before, digest };
  } catch (error) {
    const state = sqlState(error);
    if (state === "23505") throw new LogConflict(errorText(error));
    if (state?.startsWith("22") !== true && state?.startsWith("54") !== true) throw error;
    const [first, second] = [rows.slice(0, rows.length >> 1), rows.slice(rows.length >> 1)];
    const [only] = rows;
    if (only !== undefined && rows.length === 1) {
      if (only.type === "gap") throw error; // our own words: nothing more can be left out
      const told = { ...gapRow(only.id, only.at, { id: only.id, reason: errorText(error) }), of: only };
      return await writeBatch(database, node, cursor, [told], newest, nothing);
    }
    const middle = await writeBatch(database, node, cursor, first, newest, touched);
    return await writeBatch(database, node, middle, second, newest, touched);
  }
}

const nothing = (): Touched => ({ agents: [], permissions: [], messages: [], gone: [] });
