/** The end of a process: asked for or not, before or after it was ready, with or without an input on its way. */
import { isLacking } from "../../providers/lacking.ts";
import type { Fact } from "../model.ts";
import { finishTurn, heardWhileClosing } from "./closing.ts";
import { outlivesExit } from "./limit.ts";
import { waits } from "./parked.ts";
import { processGone } from "./spending.ts";
import { advance, closeTurn, cutError, dispatch, endProcess, reached, wroteInstead } from "./turns.ts";
import { withdraw } from "./withdraw.ts";
import type { Work } from "./work.ts";

type ExitFact = Extract<Fact, { type: "exit" }>;
type ReplaceFact = Extract<Fact, { type: "torn" | "replace" | "broken" }>;

export function onExit(work: Work, fact: ExitFact | ReplaceFact): void {
  const { s, env } = work;
  if (s.process !== "running" && s.process !== "parking") return;
  if (fact.type !== "exit") return replace(work, fact);
  const { intent, ready: wasReady } = s;
  s.ready = false;
  s.intent = null;
  s.background = 0;
  s.retrying = null;
  processGone(work, fact.code);
  withdraw(work, "exit", () => true);
  if (intent === "delete") return deleted(work);
  if (s.turn !== null && s.turn.closing !== null) endedWhileClosing(work, intent, fact);
  else if (fact.never === true && (intent === null || intent === "restart")) neverStarted(work);
  else if (env.oneshot) oneshotEnded(work, intent, fact);
  else if (intent === "restart") restarted(work, fact);
  else if (intent !== null && intent !== "refused") endedAsAsked(work, intent);
  else if (wasReady) died(work, fact);
  else startFailed(work, fact);
  // What still waits, waits for a new process: an input may have come in after the end was asked for.
  dispatch(work);
  advance(work);
}

/**
 * Half a line on stdin cannot be taken back, half a handshake not be guessed, and what we knew of a process may be
 * gone: such a process is ended, and another one begun when there is work for it.
 */
function replace(work: Work, fact: ReplaceFact): void {
  const { s, out, env } = work;
  const { type } = fact;
  if (type === "broken" && s.broken === null) {
    s.broken = { code: fact.code, message: fact.message };
    out.push({ do: "event", type: "note", data: { level: "warn", code: fact.code, message: fact.message } });
  }
  if (s.process !== "running" || s.intent !== null || (type === "torn" && env.tornLine !== "restart")) return;
  if (type === "torn" && s.turn !== null) {
    s.starts = s.turn.mended ? 0 : 1;
    s.turn = { ...s.turn, mended: true };
  }
  endProcess(work, "restart", false);
}

/** Its turn was over for it already: that one ends as it would have, whatever this end looks like. */
function endedWhileClosing(work: Work, intent: Work["s"]["intent"], fact: ExitFact): void {
  const { s, out, env } = work;
  heardWhileClosing(work, false);
  if (intent === "attach") s.process = "attached";
  else if (intent === "park") s.process = "parked";
  else if (intent === "stop") s.process = "stopped";
  else if (env.oneshot || intent === "restart" || fact.never === true) s.process = "none";
  else s.process = intent === null || intent === "refused" ? "gone" : "stopped";
  if (s.process !== "gone") return;
  s.wanted = false;
  const message = s.broken?.message ?? describeExit(fact);
  out.push({ do: "event", type: "note", data: { level: "warn", code: "exited_after_turn", message } });
}

function deleted(work: Work): void {
  work.s.process = "none";
  closeTurn(work, "interrupted");
  work.out.push({ do: "purge" });
}

const DETAIL_AFTER = {
  park: "parked",
  timeout: "turn timed out",
  attach: "attached by a person",
  stop: "stopped on request",
  interrupt: "stopped on request",
} as const;

/** The intent was committed before the first signal, so this end is no surprise. */
function endedAsAsked(work: Work, intent: "park" | "stop" | "attach" | "timeout" | "interrupt"): void {
  const { s } = work;
  s.process = intent === "park" ? "parked" : intent === "attach" ? "attached" : "stopped";
  const asked = intent === "stop" || intent === "attach";
  const rest = asked ? "idle" : null;
  if (!asked && outlivesExit(work)) s.process = "parked";
  else if (s.turn !== null && reached(s)) {
    const cut = cutError(work, intent);
    if (cut !== null) finishTurn(work, "failed", cut, { rest });
    else if (intent === "park")
      finishTurn(work, "lost", {
        code: "TURN_LOST",
        message: "the turn began by itself while its process was being parked",
      });
    else finishTurn(work, "interrupted", undefined, { rest });
  }
  work.detail = DETAIL_AFTER[intent];
}

/**
 * We replaced the process, for new settings or after a torn line. Work it had begun is lost, work it had not is sent
 * again.
 */
function restarted(work: Work, fact: ExitFact): void {
  const { s } = work;
  if (outlivesExit(work)) {
    s.process = "parked";
    return;
  }
  if (s.turn !== null && reached(s)) return died(work, fact);
  s.process = "none";
}

/** An unasked end. */
function died(work: Work, fact: ExitFact): void {
  const { s } = work;
  s.process = "gone";
  s.wanted = false;
  work.detail = s.broken?.message ?? describeExit(fact);
  if (outlivesExit(work)) {
    s.process = "parked";
    return;
  }
  if (s.turn !== null) {
    const cut = cutError(work);
    if (cut !== null) return finishTurn(work, "failed", cut);
    const again = mayBeSentAgain(work);
    // Nobody confirmed the input, and sending it again cannot run it twice: the same turn goes on in a new process.
    if (again && s.starts > 0) return;
    const lost = s.broken ?? {
      code: "TURN_LOST",
      message: `the process ended in the middle of the turn: ${describeExit(fact)}${tail(fact)}`,
    };
    if (again) closeTurn(work, "lost", lost, "requeue");
    else finishTurn(work, "lost", lost, { rest: "exited" });
  }
  s.rest = "exited";
}

/** Not what the program confirmed, nor what somebody wanted ended. */
function mayBeSentAgain({ s, env }: Work): boolean {
  if (s.flight === null || s.flight.accepted || s.turn?.interrupt !== null) return false;
  return s.flight.run === null || env.redelivery !== "none";
}

/** Nothing was written to it, and what it lacked may be there again in a moment. */
const AGAIN_MS = [1000, 3000, 10_000] as const;

function startFailed(work: Work, fact: ExitFact): void {
  const { s, out, env } = work;
  const reason = s.startError?.message ?? `${tail(fact)}${wroteInstead(s)}`;
  const tries = s.again?.tries ?? 0;
  const waitMs = AGAIN_MS[tries];
  if (waitMs !== undefined && (s.turn !== null || s.wanted) && isLacking(reason)) {
    s.process = "none";
    s.again = { tries: tries + 1, at: env.ranMs + waitMs };
    const message = `the start failed for want of something and is tried again in ${waitMs} ms: ${reason.replace(/^; /, "")}`;
    s.cause = { source: env.source, detail: message, at: env.nowMs };
    out.push({ do: "event", type: "note", data: { level: "warn", code: "start_again", message } });
    return;
  }
  s.again = null;
  s.process = "gone";
  // A process that nobody waits for any more ends like an idle one: nobody is told.
  const waiting = waits(s);
  s.startFailed = !waiting && (s.turn !== null || s.wanted);
  s.wanted = false;
  const error = s.startError ?? {
    code: "START_FAILED",
    message: `the program ended before it was ready: ${describeExit(fact)}${tail(fact)}${wroteInstead(s)}`,
  };
  s.startError = error;
  work.detail = error.message;
  if (waiting) {
    s.process = "parked";
    return;
  }
  // The input stays first in the queue: the next user action tries once more.
  if (s.turn !== null) closeTurn(work, "failed", error, "requeue");
  s.rest = "exited";
}

const NEVER = "the process had not been started";

/** We died between committing the spawn and doing it. Nothing can have run, so it is simply done again. */
function neverStarted(work: Work): void {
  const { s } = work;
  s.process = "none";
  work.detail = NEVER;
}

/**
 * A `command` provider: the exit is the normal end, and its codec has already closed the turn unless we ended the
 * process.
 */
function oneshotEnded(work: Work, intent: Work["s"]["intent"], fact: ExitFact): void {
  const { s } = work;
  s.process = intent === "stop" ? "stopped" : "none";
  work.detail = s.startError?.message ?? describeExit(fact);
  const rest = intent === "stop" ? "idle" : null;
  // The next input's turn may have been opened in the same step: that one waits for a process.
  if (s.turn !== null && reached(s)) {
    const cut = cutError(work, intent);
    if (cut !== null) finishTurn(work, "failed", cut, { rest });
    else if (s.startError !== null) closeTurn(work, "failed", s.startError, "cancelled");
    else if (s.turn.interrupt !== null || intent === "stop") finishTurn(work, "interrupted", undefined, { rest });
    else {
      const message = `the process ended without an exit status${tail(fact)}`;
      finishTurn(work, "lost", s.broken ?? { code: "TURN_LOST", message });
    }
  }
  if (rest !== null) s.rest = rest;
}

function describeExit({ code, never }: Pick<ExitFact, "code" | "never">): string {
  if (never === true) return NEVER;
  if (code === null) return "it was killed together with its wrapper, no exit status is known";
  return code > 128 ? `exit code ${code} or signal ${code - 128}` : `exit code ${code}`;
}

function tail({ stderrTail }: ExitFact): string {
  const text = stderrTail.trim();
  return text === "" ? "" : `; stderr: ${text.slice(-2000)}`;
}
