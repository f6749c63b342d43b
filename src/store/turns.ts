/** Rows of turns: opened and closed exactly once each. */
import { toJson } from "../lib/json.ts";
import type { EndedTurn, Turn, TurnError, TurnOrigin, TurnOutcome, Verified } from "../words/agent.ts";
import type { Parking } from "../words/limits.ts";
import type { Spent } from "../words/said.ts";
import { anything } from "../lib/stored.ts";
import * as readers from "./agent-state.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";

export interface TurnRecord {
  readonly id: string;
  /** Number within the agent, from 1. */
  readonly n: number;
  readonly origin: TurnOrigin;
  /** The number of the input it answers. */
  readonly input: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: TurnOutcome | null;
  readonly error?: TurnError;
  /** What was spent on it, as far as the provider tells; null: nothing was told. */
  readonly usage: Spent | null;
  /** What a check said, where there was one. */
  readonly verify: Verified | null;
  /** When it waited for its account. */
  readonly parked?: readonly Parking[];
  /** What it gave as its result, where that fits its schema. */
  readonly result?: unknown;
}

type Told = "error" | "usage" | "verify" | "parked" | "result";
type TurnRow = Omit<TurnRecord, Told> & Readonly<Record<Told, string | null>>;

export function insertTurn(store: Store, agent: string, n: number, turn: Turn): void {
  store.run(
    "INSERT INTO turns (id, agent, n, origin, input, started_at) VALUES (?, ?, ?, ?, ?, ?)",
    turn.id,
    agent,
    n,
    turn.origin,
    turn.input,
    turn.startedAt,
  );
}

export function endTurn(store: Store, turn: EndedTurn): void {
  store.run(
    "UPDATE turns SET ended_at = ?, outcome = ?, error = ?, usage = ?, verify = ?, parked = ? WHERE id = ?",
    turn.endedAt,
    turn.outcome,
    turn.error === undefined ? null : toJson(turn.error),
    turn.usage === undefined ? null : toJson(turn.usage),
    turn.verify === undefined ? null : toJson(turn.verify),
    turn.parked === undefined ? null : toJson(turn.parked),
    turn.id,
  );
}

/** Before it ends. */
export function saveResult(store: Store, turn: string, result: unknown): void {
  store.run("UPDATE turns SET result = ? WHERE id = ?", toJson(result), turn);
}

const SELECT = `SELECT t.id, t.n, t.origin, i.n AS input, t.started_at AS startedAt, t.ended_at AS endedAt,
  t.outcome, t.error, t.usage, t.verify, t.parked, t.result
  FROM turns t LEFT JOIN inputs i ON i.id = t.input`;

export function findTurn(store: Store, agent: string, id: string): TurnRecord | null {
  const row = store.get<TurnRow>(`${SELECT} WHERE t.agent = ? AND t.id = ?`, agent, id);
  return row === null ? null : fromRow(row);
}

/** The newest that has a result. */
export function lastWithResult(store: Store, agent: string): TurnRecord | null {
  const row = store.get<TurnRow>(
    `${SELECT} WHERE t.agent = ? AND t.result IS NOT NULL ORDER BY t.n DESC LIMIT 1`,
    agent,
  );
  return row === null ? null : fromRow(row);
}

/** The newest, or those before a number; in their order. */
export function listTurns(
  store: Store,
  agent: string,
  { before, limit }: { readonly before?: number; readonly limit: number },
): { turns: TurnRecord[]; more: boolean } {
  const rows = store.all<TurnRow>(
    `${SELECT} WHERE t.agent = ? AND t.n < ? ORDER BY t.n DESC LIMIT ?`,
    agent,
    before ?? Number.MAX_SAFE_INTEGER,
    limit + 1,
  );
  return { turns: rows.slice(0, limit).reverse().map(fromRow), more: rows.length > limit };
}

const UNKNOWN: TurnError = { code: "UNKNOWN", message: "what was stored of its error cannot be read" };

function fromRow({ error, usage, verify, parked, result, ...row }: TurnRow): TurnRecord {
  return {
    ...row,
    ...(error === null ? {} : { error: fromColumn(readers.error, error, UNKNOWN) }),
    usage: fromColumn(readers.spent, usage, null),
    verify: fromColumn(readers.verified, verify, null),
    ...(parked === null ? {} : { parked: fromColumn(readers.parkings, parked, []) }),
    ...(result === null ? {} : { result: fromColumn(anything, result, null) }),
  };
}
