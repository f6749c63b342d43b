/**
 * What decides about a turn when its program has ended it. Several things may have a claim on that one moment; the
 * first row whose claim holds decides alone, so that a deletion is never turned into a wait, nor an abort into a
 * failure. Who adds a claim adds a row in its place, and nothing else.
 */
import type { ProviderFact } from "../../providers/contract.ts";
import type { TurnError, TurnOutcome } from "../../words/agent.ts";
import { finishTurn, heardWhileClosing } from "./closing.ts";
import { dispatch, reached, timeoutError } from "./turns.ts";
import type { Work } from "./work.ts";

export type TurnEnd = Extract<ProviderFact, { type: "turn_ended" }>;

interface Claim {
  /** Its place in the order: delete > abort > budget > auth and billing > limit > check > queue. */
  readonly by: "delete" | "abort" | "queue";
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
    holds: ({ s }, { outcome }) => outcome !== "completed" && s.turn !== null && s.turn.interrupt !== null,
    decide: (work, end) => over(work, work.s.turn?.interrupt?.reason === "timeout" ? timedOut(work) : end),
  },
  {
    by: "queue",
    holds: () => true,
    // Interrupted, and nobody asked for it: somebody has to look first.
    decide: (work, end) => over(work, end, end.outcome === "interrupted"),
  },
];

export function onTurnEnded(work: Work, end: TurnEnd): void {
  // A twin, or the end of something that is not this input's: that one still waits to be written.
  if (work.s.turn === null || !reached(work.s) || heardWhileClosing(work, false)) return;
  CLAIMS.find(({ holds }) => holds(work, end))?.decide(work, end);
  dispatch(work);
}

interface Verdict {
  readonly outcome: TurnOutcome;
  readonly error?: TurnError;
}

/** What is to be saved and checked of it comes first. */
function over(work: Work, { outcome, error }: Verdict, held = false): void {
  const unexplained = outcome === "lost" && error === undefined;
  work.detail = `turn ${outcome}`;
  const told = unexplained ? { code: "TURN_LOST", message: "the turn did not survive its process" } : error;
  finishTurn(work, outcome, told, { held });
}

const timedOut = (work: Work): Verdict => ({ outcome: "failed", error: timeoutError(work) });
