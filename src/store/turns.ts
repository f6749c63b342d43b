/** Rows of turns: opened and closed exactly once each. */
import type { EndedTurn, Turn } from "../agents/model.ts";
import type { TurnError, TurnOutcome } from "../providers/contract.ts";
import type { Store } from "./database.ts";

export interface TurnRecord {
  readonly id: string;
  readonly origin: "input" | "agent";
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly outcome: TurnOutcome | null;
  readonly error?: TurnError;
}

interface TurnRow {
  readonly id: string;
  readonly origin: "input" | "agent";
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly outcome: TurnOutcome | null;
  readonly error: string | null;
}

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
    "UPDATE turns SET ended_at = ?, outcome = ?, error = ? WHERE id = ?",
    turn.endedAt,
    turn.outcome,
    turn.error === undefined ? null : JSON.stringify(turn.error),
    turn.id,
  );
}

export function findTurn(store: Store, agent: string, id: string): TurnRecord | null {
  const row = store.get<TurnRow>("SELECT * FROM turns WHERE agent = ? AND id = ?", agent, id);
  if (row === null) return null;
  return {
    id: row.id,
    origin: row.origin,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    outcome: row.outcome,
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as TurnError }),
  };
}
