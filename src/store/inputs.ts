/** Rows of inputs: what somebody sent, in order, and how far each got (`queued → written → accepted → ended`). */
import type { InputMode, InputOrigin, InputState } from "../words/agent.ts";
import type { PromptInput } from "../words/said.ts";
import type { Store } from "./database.ts";

export interface Input {
  readonly id: number;
  readonly agent: string;
  /** Number within the agent, from 1: the one in the API. */
  readonly n: number;
  readonly key: string;
  readonly text: string;
  readonly raw: boolean;
  readonly mode: InputMode;
  readonly origin: InputOrigin;
  readonly state: InputState;
  readonly turn: string | null;
  readonly run: number | null;
  readonly writtenAt: number | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
}

const COLUMNS = `id, agent, n, key, text, raw, mode, origin, state, turn, run,
  written_at AS writtenAt, created_at AS createdAt, ended_at AS endedAt`;

type InputRow = Omit<Input, "raw"> & { readonly raw: number };

const fromRow = (row: InputRow): Input => ({ ...row, raw: row.raw === 1 });

export function insertInput(
  store: Store,
  input: Pick<Input, "agent" | "key" | "text" | "raw" | "mode" | "origin">,
  now: number,
): Input {
  const n =
    store.get<{ n: number }>("SELECT coalesce(max(n), 0) + 1 AS n FROM inputs WHERE agent = ?", input.agent)?.n ?? 1;
  const { origin = "user" } = input;
  const { lastId } = store.run(
    `INSERT INTO inputs (agent, n, key, text, raw, mode, origin, state, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, 'queued', ?)`,
    input.agent,
    n,
    input.key,
    input.text,
    input.raw ? 1 : 0,
    input.mode,
    input.origin,
    now,
  );
  return {
    ...input,
    origin,
    id: lastId,
    n,
    state: "queued",
    turn: null,
    run: null,
    writtenAt: null,
    createdAt: now,
    endedAt: null,
  };
}

/** `run` goes with the step to `written`. The time of the first writing is kept when an input is written again. */
export function saveInputState(
  store: Store,
  id: number,
  state: InputState,
  now: number,
  { turn, run }: { turn?: string; run?: number },
): void {
  const over = state === "ended" || state === "unknown" || state === "cancelled";
  store.run(
    `UPDATE inputs SET state = ?1, turn = coalesce(?2, turn), run = coalesce(?3, run),
       written_at = CASE WHEN ?3 IS NULL THEN written_at ELSE coalesce(written_at, ?4) END, ended_at = ?5 WHERE id = ?6`,
    state,
    turn ?? null,
    run ?? null,
    now,
    over ? now : null,
    id,
  );
}

export function getInput(store: Store, id: number): Input | null {
  const row = store.get<InputRow>(`SELECT ${COLUMNS} FROM inputs WHERE id = ?`, id);
  return row === null ? null : fromRow(row);
}

export function findInputByNumber(store: Store, agent: string, n: number): Input | null {
  const row = store.get<InputRow>(`SELECT ${COLUMNS} FROM inputs WHERE agent = ? AND n = ?`, agent, n);
  return row === null ? null : fromRow(row);
}

export function listInputs(store: Store, agent: string, { after, limit }: { after: number; limit: number }): Input[] {
  return store
    .all<InputRow>(`SELECT ${COLUMNS} FROM inputs WHERE agent = ? AND n > ? ORDER BY n LIMIT ?`, agent, after, limit)
    .map(fromRow);
}

/** How many earlier ones of the agent with the same text were handed to a program: no clock has a say in that. */
export function countSameBefore(store: Store, { agent, n, text, raw }: Input): number {
  const same = "agent = ? AND n < ? AND text = ? AND raw = ? AND written_at IS NOT NULL";
  const row = store.get<{ n: number }>(`SELECT count(*) AS n FROM inputs WHERE ${same}`, agent, n, text, raw ? 1 : 0);
  return row?.n ?? 0;
}

/** What a codec is given of it. */
export function asPrompt(input: Input, now: number): PromptInput {
  return { key: input.key, text: input.text, raw: input.raw, writtenAtMs: input.writtenAt ?? now };
}
