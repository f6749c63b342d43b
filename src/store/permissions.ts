/** Rows of permissions: every question an agent ever waited on, and how it was settled. */
import { toJson } from "../lib/json.ts";
import type { Reader } from "../lib/stored.ts";
import { aText, anything, listOf, mapOf, maybe, oneOf, shapeOf } from "../lib/stored.ts";
import type {
  Decision,
  PermissionKind,
  PermissionRequest,
  PermissionState,
  SettledState,
  Settler,
  Verdict,
} from "../words/said.ts";
import { DECISIONS } from "../words/said.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";

export interface Permission {
  readonly id: string;
  readonly agent: string;
  readonly run: number;
  readonly ref: string;
  readonly turn: string | null;
  readonly kind: PermissionKind;
  readonly tool: string;
  readonly title: string;
  readonly detail: unknown;
  readonly options: readonly Decision[];
  readonly data: unknown;
  readonly subagent: string | null;
  readonly state: PermissionState;
  readonly answer: Verdict | null;
  readonly settledBy: Settler | null;
  readonly createdAt: number;
  readonly settledAt: number | null;
}

const COLUMNS = `p.id, p.agent, p.run, p.ref, p.turn, p.kind, p.tool, p.title, p.detail, p.options, p.data, p.subagent,
  p.state, p.answer, p.settled_by AS settledBy, p.created_at AS createdAt, p.settled_at AS settledAt`;

type Json = "detail" | "options" | "data";
type PermissionRow = Omit<Permission, Json | "answer"> &
  Readonly<Record<Json, string>> & { readonly answer: string | null };

const options = listOf(oneOf(...DECISIONS));
const chosen: Reader<string | readonly string[]> = (json, path) =>
  typeof json === "string" ? json : listOf(aText)(json, path);
const verdict = shapeOf<Verdict>({
  decision: oneOf(...DECISIONS),
  message: maybe(aText),
  answers: maybe(mapOf(chosen)),
});

/** `Row`: with what else was selected. */
function fromRow<Row extends PermissionRow>(row: Row): Omit<Row, Json | "answer"> & Pick<Permission, Json | "answer"> {
  return {
    ...row,
    detail: fromColumn(anything, row.detail, null),
    options: fromColumn(options, row.options, []),
    data: fromColumn(anything, row.data, null),
    answer: fromColumn(verdict, row.answer, null),
  };
}

export function insertPermission(
  store: Store,
  at: {
    agent: string;
    id: string;
    run: number;
    turn: string | null;
    now: number;
  },
  fact: PermissionRequest,
): void {
  store.run(
    `INSERT INTO permissions (agent, id, run, ref, turn, kind, tool, title, detail, options, data, subagent, state, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', ?)`,
    at.agent,
    at.id,
    at.run,
    fact.id,
    at.turn,
    fact.kind,
    fact.tool,
    fact.title,
    toJson(fact.detail ?? null),
    toJson(fact.options),
    toJson(fact.data ?? null),
    fact.subagent ?? null,
    at.now,
  );
}

export function settlePermission(
  store: Store,
  agent: string,
  id: string,
  state: SettledState,
  by: Settler,
  answer: Verdict | null,
  now: number,
): void {
  store.run(
    "UPDATE permissions SET state = ?, settled_by = ?, answer = ?, settled_at = ? WHERE agent = ? AND id = ?",
    state,
    by,
    answer === null ? null : toJson(answer),
    now,
    agent,
    id,
  );
}

export function getPermission(store: Store, agent: string, id: string): Permission | null {
  const row = store.get<PermissionRow>(
    `SELECT ${COLUMNS} FROM permissions p WHERE p.agent = ? AND p.id = ?`,
    agent,
    id,
  );
  return row === null ? null : fromRow(row);
}

/** In the order they were asked. */
export function listPermissions(store: Store, agent: string, state?: PermissionState): Permission[] {
  return store
    .all<PermissionRow>(
      `SELECT ${COLUMNS} FROM permissions p WHERE agent = ? ${state === undefined ? "" : "AND state = ?"} ORDER BY created_at, length(id), id`,
      ...(state === undefined ? [agent] : [agent, state]),
    )
    .map(fromRow);
}

/** Where a page of permissions over all agents ended. */
export interface PermissionCursor {
  readonly createdAt: number;
  readonly agent: string;
  readonly id: string;
}

export interface PermissionFilter {
  readonly state?: PermissionState;
  readonly after?: PermissionCursor;
  readonly limit: number;
}

/** With the names that a person knows the agent by. */
export interface ListedPermission extends Permission {
  readonly project: string;
  readonly name: string | null;
}

/** Of all agents, oldest first. */
export function permissionsOfAll(store: Store, { state, after, limit }: PermissionFilter): ListedPermission[] {
  const where = [
    ...(state === undefined ? [] : ["p.state = ?"]),
    ...(after === undefined ? [] : ["(p.created_at, p.agent, p.id) > (?, ?, ?)"]),
  ];
  return store
    .all<PermissionRow & { readonly project: string; readonly name: string | null }>(
      `SELECT ${COLUMNS}, a.project AS project, a.name AS name FROM permissions p JOIN agents a ON a.id = p.agent
       ${where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`} ORDER BY p.created_at, p.agent, p.id LIMIT ?`,
      ...(state === undefined ? [] : [state]),
      ...(after === undefined ? [] : [after.createdAt, after.agent, after.id]),
      limit,
    )
    .map((row) => fromRow(row));
}

/** `data` of what was allowed for always: for the next process of the same agent. */
export function grantsOf(store: Store, agent: string): unknown[] {
  return store
    .all<{ data: string }>(
      "SELECT data FROM permissions WHERE agent = ? AND state = 'allowed' AND CASE WHEN json_valid(answer) THEN answer ->> 'decision' END = 'allow_always' ORDER BY created_at",
      agent,
    )
    .map((row) => fromColumn(anything, row.data, null));
}

export function oldestPending(store: Store): {
  agent: string;
  project: string;
  id: string;
  title: string;
  createdAt: number;
} | null {
  return store.get(
    `SELECT p.agent AS agent, a.project AS project, p.id AS id, p.title AS title, p.created_at AS createdAt
     FROM permissions p JOIN agents a ON a.id = p.agent WHERE p.state = 'pending' ORDER BY p.created_at LIMIT 1`,
  );
}
