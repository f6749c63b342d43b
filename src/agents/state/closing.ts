/**
 * What comes between the end that a program told and the end that counts: its work is saved, its answer looked at, the
 * check run. The turn is open meanwhile, whatever becomes of the process, and nothing new begins. Each step is done
 * elsewhere and told here as a finding; what that means is decided here alone.
 */
import { unreachable } from "../../lib/unreachable.ts";
import type { AgentState, Closing, ClosingStep, Turn, TurnError, TurnOutcome } from "../../words/agent.ts";
import type { Fact, Finding } from "../model.ts";
import { spentOf } from "./budget.ts";
import { SAVING_WAIT_MS, dropSaving, maySaveBehind, saved } from "./saving.ts";
import { closeTurn, dispatch, interrupt, openTurn, settleInput, timeoutError } from "./turns.ts";
import { withdraw } from "./withdraw.ts";
import type { Work } from "./work.ts";

/** `lasts`: it is done after every turn, and an abort does not take it back. Others only look at what was completed. */
const STEPS: Readonly<Record<ClosingStep, { readonly lasts: boolean; readonly cause: string; readonly lost: string }>> =
  {
    snapshot: { lasts: true, cause: "saving", lost: "SNAPSHOT_LOST" },
    result: { lasts: false, cause: "looking at the result", lost: "RESULT_INVALID" },
    check: { lasts: false, cause: "verifying", lost: "VERIFY_LOST" },
  };

/** Of a step whose terms are gone since it was begun. */
const DEFAULT_LIMIT_MS = 30_000;
/** After its time a step has so long to say how it ended. */
export const CLOSING_GRACE_MS = 15_000;

const closingOf = (s: Pick<AgentState, "turn">): Closing | null => s.turn?.closing ?? null;

/**
 * The turn is over for its program. `held`: the queue is held when it ends. `rest`: what the agent is then, where the
 * outcome does not say it.
 */
export function finishTurn(
  work: Work,
  outcome: TurnOutcome,
  error?: TurnError,
  { held = false, rest }: Partial<Pick<Closing, "held" | "rest">> = {},
): void {
  const { s, env } = work;
  const { turn: open, intent } = s;
  if (open === null) return;
  dropSaving(work);
  // It waits for nothing any more.
  if (s.limited !== null) {
    s.limited = null;
    work.out.push({ do: "limits_changed" });
  }
  const ending = intent === "stop" || intent === "attach";
  // Its last answer spent the budget, and no further one was needed: looking at what was completed costs nothing, and
  // whether there is one for what comes next is asked then.
  const spentAtLast = outcome === "completed" && open.interrupt?.reason === "budget";
  if (spentAtLast) s.overspent = null;
  const turn: Turn = spentAtLast ? { ...open, interrupt: null } : open;
  const asked = ending || turn.interrupt !== null;
  const wanted = env.closing.map(({ step }) => step).filter((step) => STEPS[step].lasts || outcome === "completed");
  const steps = intent === "delete" ? [] : wanted.filter((step) => STEPS[step].lasts || !asked);
  // Completed, but nobody looks at it any more: that would be taken for one that was looked at.
  if (outcome === "completed" && wanted.length > steps.length) {
    const late = turn.interrupt?.reason === "timeout";
    outcome = late ? "failed" : "interrupted";
    error = late ? timeoutError(work) : undefined;
  }
  const left = { held, rest: rest ?? (ending ? "idle" : null) };
  if (steps.length === 0) {
    closeTurn(work, outcome, error);
    return after(work, left);
  }
  withdraw(work, "turn_end", (each) => each.turn === turn.id);
  settleInput(work, outcome);
  s.retrying = null;
  s.tool = null;
  begin(work, turn, {
    ...left,
    outcome,
    error: error ?? null,
    steps,
    ...{ since: 0, limitMs: 0, lost: 0, expired: false, again: false },
  });
}

function begin({ s, env, out }: Work, turn: Turn, closing: Closing): void {
  const [step] = closing.steps;
  if (step === undefined) return;
  const limitMs = env.closing.find((each) => each.step === step)?.limitMs ?? DEFAULT_LIMIT_MS;
  s.turn = { ...turn, closing: { ...closing, since: env.ranMs, limitMs, expired: false } };
  s.cause = { source: env.source, detail: STEPS[step].cause, at: env.nowMs };
  out.push(
    { do: "event", type: "turn_closing", data: { turn: turn.id, step } },
    { do: "close_step", turn: turn.id, step },
  );
}

export function onClosing(work: Work, fact: Extract<Fact, { type: "step_done" | "fed" }>): void {
  if (fact.type === "step_done" && saved(work, fact.turn, fact.step)) return;
  const { turn } = work.s;
  const closing = closingOf(work.s);
  if (turn === null || closing === null) return; // it was ended otherwise
  if (fact.type === "fed") return closing.steps.length === 0 ? onFed(work, closing, fact) : undefined;
  const [step, ...left] = closing.steps;
  if (fact.turn !== turn.id || fact.step !== step) return;
  judge(work, turn, closing, { step, left, found: fact.found });
}

interface Judged {
  readonly step: ClosingStep;
  readonly left: readonly ClosingStep[];
  readonly found: Finding;
}

function judge(work: Work, before: Turn, closing: Closing, { step, left, found }: Judged): void {
  const { s, env, out } = work;
  const fed = s.fed[step] ?? 0;
  const checked =
    found.is === "lost" || found.checked === undefined ? {} : { verify: { ...found.checked, attempts: fed } };
  const turn: Turn = { ...before, ...checked };
  switch (found.is) {
    case "good":
      if (left.length > 0) return begin(work, turn, { ...closing, steps: left, lost: 0 });
      s.turn = { ...turn, closing: { ...closing, steps: [] } };
      return close(work);
    case "bad": {
      const { code, message, feedback } = found;
      const attempts = env.closing.find((each) => each.step === step)?.attempts ?? 0;
      const failed: Closing = { ...closing, steps: [], outcome: "failed", error: { code, message } };
      s.turn = { ...turn, closing: failed };
      if (feedback === null || fed >= attempts || !mayFeed(work)) return close(work);
      out.push({ do: "feed", text: feedback, fed: { ...s.fed, [step]: fed + 1 } });
      return;
    }
    case "lost": {
      if (closing.lost === 0) return begin(work, turn, { ...closing, lost: 1 });
      if (STEPS[step].lasts) return judge(work, turn, closing, { step, left, found: { is: "good" } });
      const error = { code: STEPS[step].lost, message: found.message };
      s.turn = { ...turn, closing: { ...closing, steps: [], outcome: "failed", error } };
      return close(work);
    }
    default:
      return unreachable(found);
  }
}

/** What is fed back costs a turn: nobody who ended the work gets one, nor whose budget is spent. */
function mayFeed({ s, env }: Work): boolean {
  const { intent } = s;
  return intent !== "stop" && intent !== "delete" && intent !== "attach" && spentOf(s, env) === null;
}

/** The turn fails, and the next one begins with what is fed back: before whatever else waits, and without a notice. */
function onFed(work: Work, closing: Closing, fact: Extract<Fact, { type: "fed" }>): void {
  const { s } = work;
  closeTurn(work, closing.outcome, closing.error ?? undefined);
  s.held = false;
  s.starts = 1;
  s.fed = fact.fed;
  s.queue = [{ id: fact.id, key: fact.key, run: null, fed: true }, ...s.queue];
  work.detail = "what was wrong is fed back";
  if (closing.again) return openTurn(work, "agent");
  dispatch(work);
}

function close(work: Work): void {
  const closing = closingOf(work.s);
  if (closing === null) return;
  work.detail = `turn ${closing.outcome}`;
  closeTurn(work, closing.outcome, closing.error ?? undefined);
  after(work, closing);
  if (closing.again) return openTurn(work, "agent");
  dispatch(work);
}

function after({ s }: Work, { held, rest }: Pick<Closing, "held" | "rest">): void {
  if (held) s.held = true;
  // Another process may have come since.
  if (rest !== null) s.rest = s.process === "gone" ? rest : "idle";
}

/**
 * Somebody ends the turn: what only looks at it is given up, what saves it goes on. False when the program is still at
 * work, so that it has to be told.
 */
export function cutClosing(work: Work, reason: "abort" | "input" | "stop"): boolean {
  const { s } = work;
  const { turn } = s;
  const closing = closingOf(s);
  if (turn === null || closing === null) return false;
  const looks = closing.steps.some((step) => !STEPS[step].lasts);
  const steps = closing.steps.filter((step) => STEPS[step].lasts);
  const rest = reason === "stop" ? "idle" : closing.rest;
  const cut: Closing = { ...closing, held: false, rest, ...(looks ? { outcome: "interrupted", error: null } : {}) };
  if (steps.length > 0) s.turn = { ...turn, closing: { ...cut, steps } };
  else {
    work.detail = "ended on request";
    closeTurn(work, cut.outcome, cut.error ?? undefined);
    if (closing.again && reason !== "stop") {
      openTurn(work, "agent");
      interrupt(work, reason);
    }
  }
  return true;
}

/** Its time is over: it is told so once, and then done without. */
export function onClosingDue(work: Work): void {
  const { s, out } = work;
  const { turn } = s;
  const closing = closingOf(s);
  const [step, ...left] = closing?.steps ?? [];
  if (turn === null || closing === null || step === undefined) return;
  if (maySaveBehind(closing)) {
    const { since, limitMs } = closing;
    s.saving = { turn: turn.id, since, limitMs, expired: false };
    s.turn = { ...turn, closing: { ...closing, steps: [] } };
    return close(work);
  }
  if (!closing.expired) {
    s.turn = { ...turn, closing: { ...closing, expired: true } };
    out.push({ do: "close_expired" });
    return;
  }
  out.push({ do: "close_cancel" });
  const found: Finding = {
    is: "lost",
    message: `it did not end within ${closing.limitMs} ms, nor when it was told to`,
  };
  judge(work, turn, { ...closing, lost: 1 }, { step, left, found });
}

/** When its time is over, in the running time; null: nothing is under way. */
export function closingDue(s: Pick<AgentState, "turn">): number | null {
  const closing = closingOf(s);
  if (closing === null || closing.steps.length === 0) return null;
  if (maySaveBehind(closing)) return closing.since + SAVING_WAIT_MS;
  return closing.since + closing.limitMs + (closing.expired ? CLOSING_GRACE_MS : 0);
}

/** The program said something by itself while its turn is being closed. False: no turn is. */
export function heardWhileClosing({ s }: Work, again: boolean): boolean {
  const closing = closingOf(s);
  if (s.turn === null || closing === null) return false;
  s.turn = { ...s.turn, closing: { ...closing, again } };
  return true;
}
