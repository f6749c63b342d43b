/**
 * When the stored state of an agent cannot be read: what its other rows say of it. Nobody guesses what went on, but
 * nothing that was sent is forgotten and no number is given twice. What its process becomes is the reducer's to decide:
 * where one may live or a turn is open, the state says "running", so that its end is looked for and told.
 */
import { isObject } from "../lib/check.ts";
import { aText, orNull, shapeOf } from "../lib/stored.ts";
import type { AgentState, Flight, OpenPermission, Turn } from "../words/agent.ts";
import { NEW_TURN, initialState } from "./agent-state.ts";
import type { Store } from "./database.ts";

export function salvagedState(store: Store, agent: string, text: string, nowMs: number): AgentState {
  const run = store.get<{ n: number; over: number; codec: string | null }>(
    "SELECT n, state = 'ended' AS over, codec FROM runs WHERE agent = ? ORDER BY n DESC LIMIT 1",
    agent,
  );
  const turn = openTurn(store, agent);
  const inputs = store.all<{
    id: number;
    key: string;
    state: string;
    run: number | null;
  }>(
    "SELECT id, key, state, run FROM inputs WHERE agent = ? AND state IN ('queued', 'written', 'accepted') ORDER BY n",
    agent,
  );
  const answered = inputs.find((input) => input.id === turn?.input);
  const flight: Flight | null =
    answered === undefined
      ? null
      : {
          input: answered.id,
          key: answered.key,
          run: answered.state === "queued" ? null : answered.run,
          accepted: answered.state === "accepted",
        };
  const alive = (run !== null && run.over === 0) || turn !== null;
  return {
    ...initialState(nowMs),
    status: alive ? "starting" : "exited",
    cause: { source: "reconcile", detail: "what was stored of the agent could not be read", at: nowMs },
    process: alive ? "running" : run === null ? "none" : "gone",
    rest: "exited",
    run: run?.n ?? 0,
    ready: alive,
    spawnedAt: nowMs,
    starts: 0,
    turns: count(store, "SELECT coalesce(max(n), 0) AS n FROM turns WHERE agent = ?", agent),
    turn,
    queue: inputs
      .filter((input) => input !== answered)
      .map((input) => ({ id: input.id, key: input.key, run: input.state === "queued" ? null : input.run })),
    flight,
    held: true,
    permissions: count(
      store,
      "SELECT coalesce(max(CAST(substr(id, 2) AS INTEGER)), 0) AS n FROM permissions WHERE agent = ?",
      agent,
    ),
    open: store
      .all<Omit<OpenPermission, "answered">>(
        `SELECT id, ref, kind, turn, ?2 AS askedAt FROM permissions WHERE agent = ?1 AND state = 'pending'
         ORDER BY created_at, id`,
        agent,
        nowMs,
      )
      .map((row) => ({ ...row, answered: false })),
    session: sessionIn(text, run?.codec ?? null),
  };
}

function openTurn(store: Store, agent: string): Turn | null {
  const row = store.get<Pick<Turn, "id" | "origin" | "input" | "startedAt">>(
    `SELECT id, origin, input, started_at AS startedAt FROM turns WHERE agent = ? AND ended_at IS NULL
     ORDER BY n DESC LIMIT 1`,
    agent,
  );
  if (row === null) return null;
  return { ...NEW_TURN, ...row };
}

function count(store: Store, sql: string, agent: string): number {
  return store.get<{ n: number }>(sql, agent)?.n ?? 0;
}

/**
 * The conversation can be gone on with where its name is legible: in what is left of the state, or in what the last
 * process's codec had stored (a conversation is a session or a thread there).
 */
function sessionIn(...texts: readonly (string | null)[]): string | null {
  for (const text of texts) {
    try {
      const json: unknown = JSON.parse(text ?? "null");
      const { session, thread } = names(isObject(json) && isObject(json["state"]) ? json["state"] : json, "");
      if (session !== null || thread !== null) return session ?? thread;
    } catch {
      // no JSON, or no names in it: without any the next process begins a new conversation
    }
  }
  return null;
}

const names = shapeOf({ session: orNull(aText), thread: orNull(aText) }, { session: null, thread: null });
