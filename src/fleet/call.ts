/**
 * What a call of one box on another is, and its statements. A call is a row; whoever it is for runs it and writes the
 * answer.
 */
import type { Ask, Database, Rows } from "./database.ts";
import { bytesOf, numberOf, numberOrNull, textOf, timeOf } from "./values.ts";

export const CALL_STATES = ["queued", "claimed", "done", "expired"] as const;
export type CallState = (typeof CALL_STATES)[number];

/** Everything of a request that goes to the other box, sealed. */
export interface CallRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
}

export interface CallAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface CallRow {
  readonly id: string;
  readonly node: string;
  readonly method: string;
  readonly path: string;
  readonly state: CallState;
  readonly status: number | null;
  readonly createdAt: string;
}

const INSERT = `
  INSERT INTO ~calls (id, node_no, asker, method, path, created_by, expires_at)
  VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7::int * interval '1 ms') ON CONFLICT (id) DO NOTHING`;

export interface NewCall {
  readonly id: string;
  readonly node: number;
  readonly asker: number;
  readonly method: string;
  /** Without the query: it is read by people. */
  readonly path: string;
  readonly createdBy: string;
  readonly ttlMs: number;
  readonly sealed: Uint8Array;
}

/** In a transaction. */
export async function insertCall(ask: Ask, call: NewCall): Promise<void> {
  const { id, node, asker, method, path, createdBy, ttlMs, sealed } = call;
  await ask(INSERT, id, node, asker, method, path, createdBy, ttlMs);
  await ask("INSERT INTO ~call_bodies (call, sealed) VALUES ($1, $2)", id, Buffer.from(sealed));
}

const CLAIM = `
  UPDATE ~calls SET state = 'claimed', claim = claim + 1, session = $2
  WHERE id IN (
    SELECT id FROM ~calls WHERE node_no = $1 AND state IN ('queued', 'claimed') AND expires_at > clock_timestamp()
      AND NOT (state = 'claimed' AND id = ANY ($3::text[]))
    ORDER BY created_at LIMIT $4 FOR UPDATE SKIP LOCKED)
  RETURNING id, asker, claim, method, path, created_by`;

export interface ClaimedCall {
  readonly id: string;
  readonly asker: number;
  readonly claim: number;
  readonly method: string;
  readonly path: string;
  readonly createdBy: string;
}

/** Those that wait for this box, and those that an earlier daemon of it did not finish. `running`: ours already. */
export async function claimCalls(
  ask: Ask,
  node: { readonly no: number; readonly session: string },
  running: string,
  limit: number,
): Promise<readonly ClaimedCall[]> {
  return (await ask(CLAIM, node.no, node.session, running, limit)).map((row) => ({
    id: textOf(row, "id"),
    asker: numberOf(row, "asker"),
    claim: numberOf(row, "claim"),
    method: textOf(row, "method"),
    path: textOf(row, "path"),
    createdBy: textOf(row, "created_by"),
  }));
}

/** null: it was taken back meanwhile. */
export async function readBody(ask: Ask, id: string): Promise<Uint8Array | null> {
  const [row] = await ask("SELECT sealed FROM ~call_bodies WHERE call = $1", id);
  return row === undefined ? null : bytesOf(row, "sealed");
}

/** Parts are written one by one, so that no statement holds megabytes. */
export const PART_BYTES = 256 * 1024;

/** The last thing that makes it an answer is the state: parts of a writer that died are written over. */
export async function writeAnswer(
  database: Database,
  { id, claim }: ClaimedCall,
  session: string,
  { status, headers, body }: CallAnswer,
  hinted: (ask: Ask) => Promise<void>,
): Promise<void> {
  const parts = [Buffer.from(JSON.stringify(headers))];
  for (let at = 0; at < body.length; at += PART_BYTES) parts.push(Buffer.from(body.subarray(at, at + PART_BYTES)));
  for (const [n, part] of parts.entries())
    await database.ask(
      `INSERT INTO ~call_answers (call, n, part) SELECT id, $2, $3 FROM ~calls WHERE id = $1
       ON CONFLICT (call, n) DO UPDATE SET part = excluded.part`,
      id,
      n,
      part,
    );
  await database.transact(async (ask) => {
    const done = await ask(
      `UPDATE ~calls SET state = 'done', status = $4, done_at = clock_timestamp()
       WHERE id = $1 AND claim = $2 AND session = $3 AND state = 'claimed'`,
      id,
      claim,
      session,
      status,
    );
    await ask("DELETE FROM ~call_answers WHERE call = $1 AND n >= $2", id, parts.length);
    await ask("DELETE FROM ~call_bodies WHERE call = $1", id);
    if (done.count === 1) await hinted(ask);
  });
}

const STATE = `CASE WHEN c.state = 'queued' AND c.expires_at < clock_timestamp() THEN 'expired' ELSE c.state END AS state`;

/** Those of these that have an answer, or will have none. */
export async function settledCalls(ask: Ask, ids: string): Promise<readonly string[]> {
  const rows = await ask(
    "SELECT id FROM ~calls WHERE id = ANY ($1::text[]) AND (state IN ('done', 'expired') OR state = 'queued' AND expires_at < clock_timestamp())",
    ids,
  );
  return rows.map((row) => textOf(row, "id"));
}

export async function findCallRow(ask: Ask, id: string): Promise<CallRow | null> {
  const [row] = await ask(
    `SELECT c.*, ${STATE}, n.name AS node FROM ~calls c JOIN ~nodes n USING (node_no) WHERE c.id = $1`,
    id,
  );
  if (row === undefined) return null;
  return {
    id: textOf(row, "id"),
    node: textOf(row, "node"),
    method: textOf(row, "method"),
    path: textOf(row, "path"),
    state: CALL_STATES.find((each) => each === row["state"]) ?? "queued",
    status: numberOrNull(row, "status"),
    createdAt: timeOf(row, "created_at"),
  };
}

/** null: it has none yet, or it was read and cleared. */
export async function readAnswer(ask: Ask, id: string): Promise<CallAnswer | null> {
  const rows: Rows = await ask(
    "SELECT c.status, a.part FROM ~calls c JOIN ~call_answers a ON a.call = c.id WHERE c.id = $1 AND c.state = 'done' ORDER BY a.n",
    id,
  );
  const [head, ...parts] = rows;
  if (head === undefined) return null;
  const headers: unknown = JSON.parse(Buffer.from(bytesOf(head, "part")).toString());
  return {
    status: numberOf(head, "status"),
    headers: headers as Record<string, string>, // written by `writeAnswer`
    body: Buffer.concat(parts.map((row) => bytesOf(row, "part"))),
  };
}

/** Of what was read nothing stays but that it was asked. A question that changed nothing goes altogether. */
export async function clearAnswer(ask: Ask, id: string, keep: boolean): Promise<void> {
  if (!keep) return void (await ask("DELETE FROM ~calls WHERE id = $1", id));
  await ask(
    `WITH cleared AS (DELETE FROM ~call_answers WHERE call = $1)
     UPDATE ~calls SET read_at = clock_timestamp() WHERE id = $1`,
    id,
  );
}

/** Answers that nobody fetched, and calls that nobody asks about any more. */
export async function sweepCalls(ask: Ask): Promise<void> {
  await ask("SELECT ~tidy_calls()");
}
