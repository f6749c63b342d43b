/** The end of a process: asked for or not, before or after it was ready, with or without an input on its way. */
import type { TurnError } from "../providers/provider.ts";
import type { Fact } from "./model.ts";
import type { Work } from "./state.ts";
import { timeoutError } from "./state-frames.ts";
import { advance, closeTurn, dispatch, endProcess, withdrawAll } from "./state-turns.ts";

type ExitFact = Extract<Fact, { type: "exit" }>;

export function onExit(work: Work, fact: ExitFact | Extract<Fact, { type: "torn" | "replace" }>): void {
  if (fact.type !== "exit") {
    // Half a line on stdin cannot be taken back: such a process would die of the next one. End it and resume.
    if (fact.type === "torn" && work.env.tornLine !== "restart") return;
    if (work.s.process === "running" && work.s.intent === null) endProcess(work, "restart", false);
    return;
  }
  const { s } = work;
  if (s.process !== "running" && s.process !== "parking") return;
  const wasReady = s.ready;
  const intent = s.intent;
  s.ready = false;
  s.intent = null;
  s.background = 0;
  s.retrying = null;
  withdrawAll(work, "exit");
  if (fact.never === true) return neverStarted(work);
  if (work.env.oneshot) return oneshotEnded(work, intent, fact);
  switch (intent) {
    case "park":
      s.process = "parked";
      work.detail = "parked";
      return dispatchOrAdvance(work);
    case "restart":
      return restarted(work, fact);
    case "stop":
    case "interrupt":
    case "attach":
      s.process = "stopped";
      work.detail = "stopped on request";
      if (s.flight === null || s.flight.run === s.run) closeTurn(work, "interrupted");
      s.rest = "idle";
      s.held = s.queue.length > 0;
      return advance(work); // an input may have come in after the request
    case "delete":
      s.process = "none";
      closeTurn(work, "interrupted", undefined, s.flight?.run === null ? "cancelled" : "ended");
      work.out.push({ do: "purge" });
      return;
    case "timeout":
      s.process = "stopped";
      work.detail = "turn timed out";
      s.rest = "error";
      closeTurn(work, "failed", timeoutError(work));
      s.held = s.queue.length > 0;
      return;
    case "refused":
    case null:
      return wasReady ? died(work, fact) : startFailed(work, fact);
  }
}

function dispatchOrAdvance(work: Work): void {
  dispatch(work);
  advance(work);
}

/** We replaced the process, for new settings or after a torn line. Work it had begun is lost, work it had not is sent again. */
function restarted(work: Work, fact: ExitFact): void {
  const { s } = work;
  s.process = "none";
  if (s.turn !== null && (s.flight === null || s.flight.accepted)) return died(work, fact);
  s.starts = 1;
  dispatchOrAdvance(work);
}

/** An unasked end. */
function died(work: Work, fact: ExitFact): void {
  const { s, env } = work;
  s.process = "gone";
  s.rest = "exited";
  s.wanted = false;
  work.detail = describeExit(fact);
  if (s.turn === null) return;
  const flight = s.flight;
  const lost: TurnError = { code: "TURN_LOST", message: `the process ended in the middle of the turn: ${describeExit(fact)}${tail(fact)}` };
  if (s.turn.interrupt?.reason === "timeout") {
    s.rest = "error";
    closeTurn(work, "failed", timeoutError(work));
  } else if (flight === null || flight.accepted) {
    closeTurn(work, "lost", lost);
  } else if (env.redelivery === "none") {
    closeTurn(work, "lost", lost, "unknown");
  } else if (s.starts > 0) {
    // Nobody confirmed the input, and sending it again cannot run it twice: the same turn goes on in a new process.
    return advance(work);
  } else {
    closeTurn(work, "lost", lost, "requeue");
  }
  s.held = s.queue.length > 0;
}

function startFailed(work: Work, fact: ExitFact): void {
  const { s } = work;
  s.process = "gone";
  s.rest = "exited";
  s.wanted = false;
  s.startFailed = true;
  const error = s.startError ?? { code: "START_FAILED", message: `the program ended before it was ready: ${describeExit(fact)}${tail(fact)}` };
  s.startError = error;
  work.detail = error.message;
  // The input stays first in the queue: the next user action tries once more.
  closeTurn(work, "failed", error, "requeue");
  s.held = s.queue.length > 0;
}

/** We died between committing the spawn and doing it. Nothing can have run, so it is simply done again. */
function neverStarted(work: Work): void {
  const { s } = work;
  s.process = "none";
  if (s.flight?.run === s.run) s.flight = { ...s.flight, run: null };
  s.starts = 1;
  work.detail = "the process had not been started";
  dispatchOrAdvance(work);
}

/** A `command` provider: the exit is the normal end, and its codec has already closed the turn unless we ended the process. */
function oneshotEnded(work: Work, intent: Work["s"]["intent"], fact: ExitFact): void {
  const { s } = work;
  s.process = "none";
  work.detail = describeExit(fact);
  if (intent === "delete") {
    closeTurn(work, "interrupted");
    work.out.push({ do: "purge" });
    return;
  }
  const turn = s.turn;
  // The codec has closed this run's turn, and the next input's was opened in the same step: it waits for a process.
  const waits = s.flight !== null && s.flight.run === null;
  if (turn !== null && !waits) {
    if (turn.interrupt?.reason === "timeout") {
      s.rest = "error";
      closeTurn(work, "failed", timeoutError(work));
    } else if (s.startError !== null) {
      s.rest = "error";
      closeTurn(work, "failed", s.startError);
    } else if (turn.interrupt !== null || intent === "stop") {
      s.rest = "idle";
      if (intent === "stop") s.process = "stopped";
      closeTurn(work, "interrupted");
    } else {
      s.rest = "error";
      closeTurn(work, "lost", { code: "TURN_LOST", message: `the process ended without an exit status${tail(fact)}` });
    }
    if (turn.interrupt?.reason !== "input") s.held = s.queue.length > 0;
  }
  dispatchOrAdvance(work);
}

export function describeExit({ code }: { readonly code: number | null }): string {
  if (code === null) return "it was killed together with its wrapper, no exit status is known";
  return code > 128 ? `exit code ${code} or signal ${code - 128}` : `exit code ${code}`;
}

function tail({ stderrTail }: ExitFact): string {
  const text = stderrTail.trim();
  return text === "" ? "" : `; stderr: ${text.slice(-2000)}`;
}
