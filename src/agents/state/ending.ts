/**
 * What decides about a turn when its program has ended it. Several things may have a claim on that one moment; the
 * first row whose claim holds decides alone, so that a deletion is never turned into a wait, nor an abort into a
 * failure. Who adds a claim adds a row in its place, and nothing else.
 */
import type { ProviderFact } from "../../providers/contract.ts";
import type { AgentState, TurnError, TurnOutcome } from "../../words/agent.ts";
import type { LimitFound } from "../../words/limits.ts";
import { spentOf } from "./budget.ts";
import { finishTurn, heardWhileClosing } from "./closing.ts";
import { answered, meetLimit } from "./limit.ts";
import { isParked, waits } from "./parked.ts";
import { budgetError, dispatch, reached, timeoutError } from "./turns.ts";
import type { Work } from "./work.ts";

export type TurnEnd = Extract<ProviderFact, { type: "turn_ended" }>;

interface Claim {
  /** Its place in the order: delete > abort > budget > auth and billing > limit > check > queue. */
  readonly by: "delete" | "abort" | "budget" | "auth and billing" | "limit" | "queue";
  readonly holds: (work: Work, end: TurnEnd) => boolean;
  /** Ends the turn, or keeps it open for a reason of its own. */
  readonly decide: (work: Work, end: TurnEnd) => void;
}

const CLAIMS: readonly Claim[] = [
  {
    // Its process is being ended for good, or for a person: what the program makes of that is an interrupt.
    by: "delete",
    holds: ({ s }, { outcome }) =>
      outcome !== "completed" && (s.intent === "stop" || s.intent === "delete" || s.intent === "attach"),
    decide: (work) =>
      over(work, work.s.turn?.interrupt?.reason === "timeout" ? timedOut(work) : { outcome: "interrupted" }),
  },
  {
    by: "abort",
    holds: ({ s }, { outcome }) =>
      outcome !== "completed" && s.turn !== null && s.turn.interrupt !== null && s.turn.interrupt.reason !== "budget",
    decide(work, end) {
      const timeout = work.s.turn?.interrupt?.reason === "timeout";
      // What was wanted ended is not laid down for later, nor did it fail.
      const met = end.limit !== undefined || waits(work.s);
      over(work, timeout ? timedOut(work) : met ? { outcome: "interrupted" } : end);
    },
  },
  {
    by: "budget",
    holds: ({ s }, { outcome, error }) =>
      outcome !== "completed" && (s.turn?.interrupt?.reason === "budget" || error?.code === "BUDGET_EXCEEDED"),
    decide(work, { error }) {
      const { s, env } = work;
      // The program's own fence: behind it, its process takes no input any more.
      if (s.turn?.interrupt?.reason !== "budget") s.stale = true;
      s.overspent ??= spentOf(s, env);
      over(work, { outcome: "failed", error: s.overspent === null && error !== undefined ? error : budgetError(work) });
    },
  },
  {
    by: "auth and billing",
    holds: ({ s }, end) => end.outcome !== "completed" && isUnpaid(found(s, end)),
    decide: (work, end) => meet(work, end),
  },
  {
    by: "limit",
    holds: ({ s }, end) => end.outcome !== "completed" && found(s, end) !== null,
    decide: (work, end) => meet(work, end),
  },
  {
    by: "queue",
    holds: () => true,
    // Interrupted, and nobody asked for it: somebody has to look first.
    decide: (work, end) => over(work, end, end.outcome === "interrupted"),
  },
];

export function onTurnEnded(work: Work, end: TurnEnd): void {
  // A twin, or the end of something that is not this input's: that one still waits to be written, or for its account.
  if (work.s.turn === null || !reached(work.s) || isParked(work.s) || heardWhileClosing(work, false)) return;
  CLAIMS.find(({ holds }) => holds(work, end))?.decide(work, end);
  dispatch(work);
}

/** What the turn met: its end says it, or it was taken out of waiting for it. */
function found({ limited }: AgentState, end: TurnEnd): LimitFound | null {
  return end.limit ?? (limited?.stage === "leaving" ? limited : null);
}

const isUnpaid = (limit: LimitFound | null): boolean => limit !== null && limit.class !== "limit";

function meet(work: Work, end: TurnEnd): void {
  const limit = found(work.s, end);
  if (limit !== null) meetLimit(work, limit);
}

interface Verdict {
  readonly outcome: TurnOutcome;
  readonly error?: TurnError;
}

/** What is to be saved and checked of it comes first. */
function over(work: Work, { outcome, error }: Verdict, held = false): void {
  // It worked, though nothing was said.
  if (outcome === "completed" && work.s.limited?.stage === "going") answered(work);
  const unexplained = outcome === "lost" && error === undefined;
  work.detail = `turn ${outcome}`;
  const told = unexplained ? { code: "TURN_LOST", message: "the turn did not survive its process" } : error;
  finishTurn(work, outcome, told, { held });
}

const timedOut = (work: Work): Verdict => ({ outcome: "failed", error: timeoutError(work) });
