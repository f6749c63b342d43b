/**
 * When Claude Code's turn begins and ends. `result` is never the end: with a background sub-agent there are two of
 * them, and an API failure calls itself "success". The end is the program's word `idle` while no input that we wrote is
 * on its way, and the outcome is that of the last `result` before it.
 */
import { own } from "../../lib/own.ts";
import { closeMessage } from "./messages.ts";
import { closePermissions } from "./permissions.ts";
import { ask, type Draft, type Ending, noEnding, patchEnding } from "./state.ts";
import { totalsSaid } from "./usage.ts";
import { type Fields, maybeIdOf, maybeText, strings } from "../read.ts";
import { patch, say, without } from "../draft.ts";

/** `session_state_changed`. */
export function stateSaid(work: Draft, says: string | undefined): void {
  if (says === "idle") {
    patch(work, { says });
    endIfOver(work);
  } else if (says === "running" || says === "requires_action") {
    patch(work, { says });
    begin(work);
    if (says === "running") closePermissions(work, ({ answered }) => answered);
  } else {
    say(work, { type: "unknown_frame", kind: `session_state_changed/${says ?? "?"}` });
  }
}

function begin(work: Draft): void {
  patch(work, { turn: true });
  say(work, { type: "turn_started" });
}

/** `command_lifecycle`: the program's receipt for one input of ours. */
export function inputProgress(work: Draft, line: Fields): void {
  const key = maybeIdOf(line, "command_uuid") ?? "";
  const known = own(work.state.inputs, key);
  const progress = maybeText(line, "state");
  if (known === undefined) return; // Not ours, or over already: the program repeats itself for a duplicate.
  if (progress === "queued" || progress === "started") {
    patch(work, { inputs: { ...work.state.inputs, [key]: progress } });
    say(work, { type: "input_accepted", key });
    begin(work);
    if (progress === "started" && work.state.ending.interruptAgain) {
      patchEnding(work, { interruptAgain: false });
      ask(work, "interrupt", { subtype: "interrupt", cancel_queued: true });
    }
    return;
  }
  // Everything else ("completed", "cancelled", and words to come) is terminal.
  if (known === "written") {
    say(work, { type: "input_accepted", key });
    patch(work, { turn: true });
    if (progress !== "cancelled") patchEnding(work, { duplicate: true });
  }
  if (progress === "cancelled") patchEnding(work, { cancelled: true });
  patch(work, { inputs: without(work.state.inputs, key) });
  endIfOver(work);
}

/** `result`: remembers the outcome, tells the usage, ends nothing. */
export function resultLine(work: Draft, line: Fields): void {
  closeMessage(work, undefined);
  patchEnding(work, { result: outcomeOf(line, work.state.ending) });
  totalsSaid(work, line);
}

function outcomeOf(line: Fields, ending: Ending): NonNullable<Ending["result"]> {
  const reason = maybeText(line, "terminal_reason");
  if (reason?.startsWith("aborted") === true) return { outcome: "interrupted" };
  if (line["is_error"] !== true) return { outcome: "completed" };
  const subtype = maybeText(line, "subtype");
  const code = ending.apiError ?? (reason === undefined || reason === "completed" ? (subtype ?? "error") : reason);
  const words = maybeText(line, "result");
  // Its fence: from here on this process refuses every input.
  if (subtype === "error_max_budget_usd") {
    const message = `Claude Code has stopped at the cost it was started with: ${resultErrors(line)}`;
    return { outcome: "failed", error: { code: "BUDGET_EXCEEDED", message } };
  }
  return {
    outcome: "failed",
    error: { code, message: words === undefined || words === "" ? resultErrors(line) : words },
    ...(ending.limit === null ? {} : { limit: ending.limit }),
  };
}

export function resultErrors(line: Fields): string {
  return (
    strings(line, "errors").join("; ") || maybeText(line, "subtype") || "Claude Code reported an error without a text"
  );
}

/** The answer to our interrupt: an input that it could not reach yet is interrupted when it starts. */
export function interruptAnswered(work: Draft, response: Fields): void {
  const missed = strings(response, "still_queued").some((key) => own(work.state.inputs, key) !== undefined);
  if (missed) patchEnding(work, { interruptAgain: true });
}

/** A duplicate makes an `idle` of its own, so this may find nothing to end. */
function endIfOver(work: Draft): void {
  if (work.state.says !== "idle" || !work.state.turn || Object.keys(work.state.inputs).length > 0) return;
  closeMessage(work, undefined);
  for (const subagent of Object.keys(work.state.subagents)) closeMessage(work, subagent);
  closePermissions(work, () => true);
  retryOver(work);
  const end = outcomeAtEnd(work.state.ending);
  patch(work, { turn: false, ending: noEnding, plan: null });
  say(work, { type: "turn_ended", ...end });
}

function outcomeAtEnd(ending: Ending): NonNullable<Ending["result"]> {
  if (ending.result === null) {
    if (ending.cancelled) return { outcome: "interrupted" };
    if (ending.duplicate) {
      const message = "this input had run in an earlier process, which ended before it told the outcome";
      return { outcome: "lost", error: { code: "TURN_LOST", message } };
    }
    return { outcome: "completed" };
  }
  return ending.cutShort && ending.result.outcome === "completed" ? { outcome: "interrupted" } : ending.result;
}

export function retryOver(work: Draft): void {
  if (!work.state.retrying) return;
  patch(work, { retrying: false });
  say(work, { type: "retry_over" });
}
