/** Turns and the queue: which input is worked on, when the next one begins, and how a turn is closed. */
import { NEW_TURN } from "../../store/agent-state.ts";
import type { AgentState, Flight, InputState, InterruptReason, TurnError, TurnOutcome } from "../../words/agent.ts";
import type { Fact } from "../model.ts";
import { spentError, spentOf } from "./budget.ts";
import { fenceFor, mayBegin } from "./reserve.ts";
import { closedTurn } from "./usage.ts";
import { isParked, layDown, limitAhead } from "./parked.ts";
import { withdraw } from "./withdraw.ts";
import type { Work } from "./work.ts";
import { given } from "../../lib/given.ts";

/**
 * Does the open turn belong to what the present process does? false = its input waits for a process, or for what
 * history says.
 */
export function reached({ flight, run }: Pick<AgentState, "flight" | "run">): boolean {
  return flight === null || flight.run === run;
}

/** Work or a person waits for a process. A turn that its program has ended needs none. */
export function wantsProcess({ turn, wanted }: Pick<AgentState, "turn" | "wanted">): boolean {
  return wanted || (turn !== null && turn.closing === null);
}

/** Begins the next queued input where nothing stands in its way. */
export function dispatch(work: Work): void {
  const { s, out } = work;
  if (s.turn !== null || s.held || s.intent === "delete") return;
  const [next, ...rest] = s.queue;
  if (next === undefined || !mayBegin(work)) return;
  s.queue = rest;
  s.flight = { input: next.id, key: next.key, run: next.run, accepted: false };
  if (next.fed !== true) s.fed = {};
  openTurn(work, "input", next.fed);
  out.push({ do: "input_state", id: next.id, state: next.run === null ? "queued" : "written", turn: turnId(work) });
  const limit = next.run === null ? limitAhead(work) : null;
  if (limit !== null) layDown(work, limit);
  advance(work);
}

export function openTurn(work: Work, origin: "input" | "agent", fed = false): void {
  const { s, env, out } = work;
  s.turns += 1;
  s.turn = {
    ...NEW_TURN,
    id: turnId(work),
    origin,
    input: origin === "input" ? (s.flight?.input ?? null) : null,
    startedAt: env.nowMs,
    countingSince: env.ranMs,
    fed,
  };
  s.lastFrameAt = env.ranMs;
  s.progressAt = env.ranMs;
  s.tool = null;
  s.stalled = false;
  out.push({ do: "open_turn", turn: s.turn });
}

function turnId({ s, env }: Work): string {
  return `${env.agentId}-${s.turns}`;
}

/** Its turn to start has come, or has not: only from then on the program's own time counts. */
export function onStartTurn({ s, env }: Work, fact: Extract<Fact, { type: "start_in_line" | "start_begins" }>): void {
  if (s.process !== "running" || (s.ready && !env.oneshot) || s.intent !== null) return;
  s.startInLine = fact.type === "start_in_line";
  const detail = fact.type === "start_in_line" ? fact.detail : env.oneshot ? "started" : "starting";
  s.cause = { source: env.source, detail, at: env.nowMs };
  if (s.startInLine) return;
  s.spawnedAt = s.lastFrameAt = s.progressAt = env.ranMs;
  if (env.oneshot) s.stalled = false; // of all others the status changes when they are ready
}

/** Takes the open turn's input one step further: spawn, wait, replace the process, or write. */
export function advance(work: Work): void {
  const { s, env } = work;
  if (s.intent !== null || s.process === "attached") return;
  if (s.saving !== null) return waitForSaving(work);
  // Its turn waits, and a process is only for what was asked for besides.
  if (isParked(s) && (s.process === "running" || !s.wanted)) return;
  if (s.process !== "running") {
    const waits = s.again !== null && s.again.at > env.ranMs;
    if (wantsProcess(s) && !waits) spawn(work);
    return;
  }
  if (env.oneshot) return; // its process has had its prompt; the next one needs the exit first
  if (env.lastWords) return; // nothing can be written to it any more
  const flight = s.flight;
  if (s.turn === null || flight === null || reached(s) || !s.ready) return;
  // Written to a process that died: a provider with a history is asked first (its codec got the input as
  // `unconfirmed`).
  if (flight.run !== null && env.redelivery === "history") return;
  if (s.stale) return endProcess(work, "restart", true);
  write(work, flight);
}

/** What ended before is no end of what waits now: that gets a process of its own. */
function waitForSaving(work: Work): void {
  const { s } = work;
  if (s.turn === null || reached(s)) return;
  if (s.process === "gone") s.process = "none";
  work.detail = "saving what the turn before it left";
}

function write({ s, out }: Work, flight: Flight): void {
  s.flight = { ...flight, run: s.run };
  out.push(
    { do: "input_state", id: flight.input, state: "written", run: s.run },
    { do: "prompt", input: flight.input },
  );
}

export function spawn({ s, out, env }: Work): void {
  s.starts = 0;
  s.run += 1;
  s.process = "running";
  s.ready = false;
  s.stale = false;
  s.startInLine = false;
  s.foreign = null;
  s.broken = null;
  s.startError = null;
  if (s.rest === "exited") s.rest = "idle";
  s.fence = fenceFor(s, env);
  s.spawnedAt = env.ranMs;
  s.lastFrameAt = env.ranMs;
  s.progressAt = env.ranMs;
  out.push({ do: "spawn", run: s.run });
  if (!env.oneshot) return;
  // The prompt is the process's stdin: spawning it is writing it, and a program without a protocol cannot confirm more.
  s.ready = true;
  if (s.flight !== null) {
    s.flight = { ...s.flight, run: s.run };
    out.push({ do: "input_state", id: s.flight.input, state: "written", run: s.run });
  }
}

export function endProcess(work: Work, intent: NonNullable<Work["s"]["intent"]>, gently: boolean): void {
  work.s.intent = intent;
  if (intent === "park") work.s.process = "parking";
  work.out.push({ do: "end", gently });
}

/** What the agent is when nothing goes on after such a turn. */
const REST_AFTER: Readonly<Record<TurnOutcome, AgentState["rest"]>> = {
  completed: "idle",
  interrupted: "idle",
  failed: "error",
  lost: "error",
};

/**
 * Ends the open turn. `input` is what becomes of the input it answered; "requeue" puts it back to the head of the
 * queue.
 */
export function closeTurn(
  work: Work,
  outcome: TurnOutcome,
  error?: TurnError,
  input: InputState | "requeue" = fate(work, outcome),
): void {
  const { s, env, out } = work;
  const turn = s.turn;
  if (turn === null) return;
  withdraw(work, "turn_end", (each) => each.turn === turn.id);
  const { meter, usage } = closedTurn(s.meter, outcome === "lost" && env.metering.tokens !== "no");
  const ended = {
    id: turn.id,
    origin: turn.origin,
    startedAt: turn.startedAt,
    endedAt: env.nowMs,
    outcome,
    ...given({ error }),
    ...(usage === null ? {} : { usage }),
    ...(turn.verify === null ? {} : { verify: turn.verify }),
    ...(turn.parked.length === 0 ? {} : { parked: turn.parked.map((each) => ({ ...each, to: each.to ?? env.nowMs })) }),
  };
  if (turn.closing !== null && turn.closing.steps.length > 0) out.push({ do: "close_cancel" });
  s.meter = meter;
  s.workedMs += turn.activeMs + (turn.countingSince === null ? 0 : env.ranMs - turn.countingSince);
  if (s.reservedUsd !== null) out.push({ do: "tell_sharers" });
  s.reservedUsd = null;
  s.lastTurn = ended;
  s.turn = null;
  const wasLimited = s.limited !== null;
  s.limited = null;
  s.retrying = null;
  s.tool = null;
  s.unnoticed = [...s.unnoticed, turn.id];
  s.rest = REST_AFTER[outcome];
  out.push({ do: "close_turn", turn: ended });
  if (wasLimited) out.push({ do: "limits_changed" });
  // Somebody has to look first; but who sent an input to end this turn has looked.
  if (outcome === "lost" || (outcome === "failed" && turn.interrupt?.reason !== "input")) s.held = true;
  if (input !== "requeue") return settleInput(work, outcome, input);
  if (s.flight === null) return;
  const { input: id, key, run } = s.flight;
  s.flight = null;
  s.queue = [{ id, key, run, ...(turn.fed ? { fed: true } : {}) }, ...s.queue];
  out.push({ do: "input_state", id, state: run === null ? "queued" : "written" });
}

/** The input that the turn answers is done with. */
export function settleInput(work: Work, outcome: TurnOutcome, state: InputState = fate(work, outcome)): void {
  const { s, out } = work;
  if (s.flight === null) return;
  out.push({ do: "input_state", id: s.flight.input, state });
  s.flight = null;
}

/** Ends the running turn, keeps the process. An input that was not delivered is simply not delivered. */
export function interrupt(work: Work, reason: InterruptReason): void {
  const { s, out, env } = work;
  if (s.turn === null) return;
  if (!reached(s)) {
    if (reason === "timeout") return closeTurn(work, "failed", timeoutError(work));
    if (reason === "budget") {
      const unsent = s.flight?.run === null;
      return closeTurn(work, "failed", budgetError(work), unsent ? "requeue" : fate(work, "failed"));
    }
    work.detail = "aborted before the input was delivered";
    return closeTurn(work, "interrupted");
  }
  if (s.turn.interrupt?.reason !== "timeout") s.turn = { ...s.turn, interrupt: { at: env.ranMs, reason } };
  if (s.limited?.stage === "leaving") return; // it was interrupted already
  if (env.oneshot) {
    if (s.intent !== null) return;
    out.push({ do: "interrupt" }); // its codec has to know that the exit to come was asked for
    return endProcess(work, "interrupt", false);
  }
  if (s.ready && s.process === "running") out.push({ do: "interrupt" });
}

export function timeoutError({ env }: Work): { code: string; message: string } {
  return {
    code: "TURN_TIMEOUT",
    message: `the turn took longer than limits.turnTimeoutMs (${env.limits.turnTimeoutMs} ms) and was interrupted`,
  };
}

export function budgetError({ s, env }: Work): TurnError {
  const over = s.overspent ?? spentOf(s, env);
  return over === null ? { code: "BUDGET_EXCEEDED", message: "a budget was spent" } : spentError(over);
}

/** Why we have ended the turn ourselves; null: nobody has, or a person wanted it. */
export function cutError(work: Work, intent = work.s.intent): TurnError | null {
  const { s } = work;
  switch (s.turn?.interrupt?.reason) {
    case "timeout":
      return timeoutError(work);
    case "budget":
      return intent === "stop" || intent === "attach" ? null : budgetError(work);
    default:
      return null;
  }
}

/** What was never written is cancelled; what was, and may or may not have run unseen, is unknown. */
function fate({ s }: Work, outcome: TurnOutcome): InputState {
  const { flight } = s;
  if (flight === null || flight.accepted) return "ended";
  if (flight.run === null) return "cancelled";
  const confirmable = reached(s) && s.process === "running" && outcome !== "lost";
  return confirmable ? "ended" : "unknown";
}

export function cancelQueue({ s, out }: Work): void {
  for (const { id, run } of s.queue) out.push({ do: "input_state", id, state: run === null ? "cancelled" : "unknown" });
  s.queue = [];
}

/** For a start that fails: what came where a frame was expected. */
export function wroteInstead({ foreign }: Pick<AgentState, "foreign">): string {
  return foreign === null ? "" : `; it wrote ${JSON.stringify(foreign)} instead of a frame`;
}
