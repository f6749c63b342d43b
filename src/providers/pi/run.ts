/**
 * From prompt to agent_settled: which frame begins and which ends a turn, what was said in it, and what it cost.
 * The one end is agent_settled. agent_end is not (it comes before each retry and before a compaction that runs the turn
 * again), an error message is not (a retry may mend it), and an agent_settled without any ended attempt is a stray one.
 */
import { accountFailure } from "../account-words.ts";
import type { ProviderFact } from "../contract.ts";
import type { TurnError } from "../../words/agent.ts";
import { forget } from "./dialogs.ts";
import type { Draft } from "./state.ts";
import { command } from "./state.ts";
import type { PiFrame, PiMessage, PiTotals } from "./wire.ts";
import { isFields, text } from "../read.ts";
import { patch, say } from "../draft.ts";

type Response = Extract<PiFrame, { kind: "response" }>;
type Assistant = Extract<PiMessage, { role: "assistant" }>;

const HANDLED = "handled?";

/** Pi's answer to a prompt says that it was taken, not that anything came of it. */
export function onPromptResponse(work: Draft, frame: Response, nowMs: number): void {
  const { prompt, run } = work.state;
  if (prompt === null || prompt.key !== frame.id) return;
  if (!frame.ok) {
    if (run === "none") return finish(work, failedTurn(frame.error, nowMs));
    // A run that began by itself goes on; only this prompt is refused.
    patch(work, { prompt: null });
    say(work, { type: "note", level: "warn", code: "prompt_refused", message: frame.error });
    return;
  }
  patch(work, { prompt: { ...prompt, answered: true } });
  const disposition = text(frame.result, "disposition");
  if (disposition === "handled") return handled(work);
  if (disposition === "queued" || prompt.queued) return accept(work);
  // Before 0.99 there is no disposition. Pi is streaming as soon as it has answered, unless a command ate the prompt.
  if (disposition === "") askHandled(work);
}

/** Also for a new daemon: the question may have been lost with the old one. */
export function askHandled(work: Draft): void {
  const { prompt, run } = work.state;
  if (prompt === null || !prompt.answered || prompt.accepted || run !== "none") return;
  command(work, { id: `${HANDLED}${prompt.key}`, type: "get_state" });
}

/** True when the response was our question whether a prompt had been handled without a run. */
export function onHandledCheck(work: Draft, frame: Response): boolean {
  if (!frame.id.startsWith(HANDLED)) return false;
  const { prompt, run } = work.state;
  const stillWaits = prompt !== null && run === "none" && frame.id === `${HANDLED}${prompt.key}`;
  if (stillWaits && frame.ok && frame.result["isStreaming"] === false && frame.result["isCompacting"] === false)
    handled(work);
  return true;
}

/** A command of an extension: it did what it did, there is no run and no agent_settled will come. */
function handled(work: Draft): void {
  accept(work);
  say(work, { type: "turn_started" });
  finish(work, { type: "turn_ended", outcome: "completed" });
}

function accept(work: Draft): void {
  const { prompt } = work.state;
  if (prompt === null || prompt.accepted) return;
  patch(work, { prompt: { ...prompt, accepted: true } });
  say(work, { type: "input_accepted", key: prompt.key });
}

export function onAgentStart(work: Draft): void {
  patch(work, { run: "started" });
  say(work, { type: "turn_started" });
  if (work.state.interrupt === "wanted") abort(work);
}

/** The queue first: what waits there would survive the abort and run with the next prompt. */
export function abort(work: Draft): void {
  command(work, { id: "clear", type: "clear_queue" });
  command(work, { id: "abort", type: "abort" });
  patch(work, { interrupt: "sent" });
}

/** Pi puts a sentence in the place of a picture that it cannot use, for the model alone. */
function tellReplaced(work: Draft, text: string): void {
  const sentence = /\[Image omitted: [^\]]{1,500}\]/.exec(text)?.[0];
  if (sentence === undefined) return;
  const message = `Pi replaced an attached picture by a text: ${sentence}`;
  work.facts.push({ type: "note", level: "warn", code: "attachment_replaced", message });
}

export function onMessage(work: Draft, message: PiMessage): void {
  switch (message.role) {
    case "user": {
      const { prompt, run } = work.state;
      tellReplaced(work, message.text);
      if (prompt !== null && !prompt.accepted && run !== "none") return accept(work);
      if (prompt?.queued === true) return; // ours, taken from Pi's queue after its answer
      sayMessage(work, [{ role: "user", part: { type: "text", text: message.text } }]);
      return;
    }
    case "assistant":
      return onAssistant(work, message);
    case "toolResult":
      sayMessage(work, [{ role: "tool", part: message.part }]);
      return;
    case "custom":
      if (message.text !== "") sayMessage(work, [{ role: "system", part: { type: "text", text: message.text } }]);
      return;
    case "other":
      return;
  }
}

function onAssistant(work: Draft, message: Assistant): void {
  patch(work, { last: { stopReason: message.stopReason, error: message.error } });
  sayMessage(
    work,
    message.parts.map((part) => ({ role: "assistant" as const, part })),
  );
  if (message.usage !== null) addUsage(work, message.usage);
}

function sayMessage(
  work: Draft,
  parts: readonly Omit<Extract<ProviderFact, { type: "part" }>, "type" | "key">[],
): void {
  const key = messageKey(work);
  patch(work, { messages: work.state.messages + 1 });
  for (const part of parts) say(work, { type: "part", key, ...part });
  if (parts.length > 0) say(work, { type: "message_done", key });
}

/** Messages end in the order in which they began, so what streams now is the next one to end. */
export function messageKey({ state }: Draft): string {
  return `m${state.messages + 1}`;
}

export function addUsage(work: Draft, used: PiTotals): void {
  const { totals } = work.state;
  const sum: PiTotals = {
    input: totals.input + used.input,
    output: totals.output + used.output,
    cacheRead: totals.cacheRead + used.cacheRead,
    cacheWrite: totals.cacheWrite + used.cacheWrite,
    cost: totals.cost + used.cost,
  };
  if (
    sum.input + sum.output + sum.cacheRead + sum.cacheWrite ===
    totals.input + totals.output + totals.cacheRead + totals.cacheWrite
  )
    return;
  patch(work, { totals: sum });
  say(work, {
    type: "usage",
    usage: {
      inputTokens: sum.input,
      outputTokens: sum.output,
      cacheReadTokens: sum.cacheRead,
      cacheWriteTokens: sum.cacheWrite,
      // Nothing for something: its model has no price there.
      ...(sum.cost > 0 ? { costUsd: sum.cost } : {}),
    },
  });
}

export function onSettled(work: Draft, aborted: boolean | null, nowMs: number): void {
  const { run, last, interrupt } = work.state;
  if (run !== "ending") return;
  // Old versions do not say that a run was aborted, and end an aborted tool with an error message.
  const asked = interrupt === "sent" && last?.stopReason !== "stop" && last?.stopReason !== "length";
  if (aborted === true || last?.stopReason === "aborted" || (aborted === null && asked))
    finish(work, { type: "turn_ended", outcome: "interrupted" });
  else if (last?.stopReason === "error") finish(work, failedTurn(last.error, nowMs));
  else finish(work, { type: "turn_ended", outcome: "completed" });
}

function failedTurn(reason: string, nowMs: number): Extract<ProviderFact, { type: "turn_ended" }> {
  const limit = accountFailure(reason, nowMs);
  return { type: "turn_ended", outcome: "failed", error: turnError(reason), ...(limit === null ? {} : { limit }) };
}

function finish(work: Draft, end: Extract<ProviderFact, { type: "turn_ended" }>): void {
  for (const id of Object.keys(work.state.dialogs)) forget(work, id);
  if (work.state.retrying) say(work, { type: "retry_over" });
  patch(work, { prompt: null, run: "none", interrupt: "none", last: null, retrying: false, tools: [] });
  say(work, end);
}

/**
 * Pi hands the API's answer through as `401: {json}`, `401 {json}` or a sentence. The JSON holds the provider's own
 * word.
 */
export function turnError(message: string): TurnError {
  const found = /^(\d{3})\b:?\s*(\{[\s\S]*\})?/.exec(message);
  const word = found?.[2] === undefined ? "" : errorWord(found[2]);
  return {
    code: word || (found === null ? "provider_error" : `http_${found[1]}`),
    message: message === "" ? "Pi gave no reason" : message,
  };
}

function errorWord(json: string): string {
  try {
    const body: unknown = JSON.parse(json);
    if (!isFields(body)) return "";
    const inner = isFields(body["error"]) ? body["error"] : body;
    return text(inner, "type") || text(inner, "code");
  } catch {
    return "";
  }
}

export function onRetryStart(work: Draft, attempt: number, reason: string): void {
  patch(work, { retrying: true });
  const status = /^(\d{3})\b/.exec(reason)?.[1];
  say(work, { type: "retrying", attempt, reason, status: status === undefined ? null : Number(status) });
}

export function onRetryEnd(work: Draft): void {
  if (!work.state.retrying) return;
  patch(work, { retrying: false });
  say(work, { type: "retry_over" });
}
