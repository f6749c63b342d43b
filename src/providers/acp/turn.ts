/**
 * One prompt and what becomes of it. The RESPONSE to session/prompt is the one end of a turn, and nothing that an agent
 * says proves another; but agents answer before their last words are out (one task writes the answer, another the
 * updates). So the end is told when it has been quiet for a moment. What comes still later is told by itself, and
 * belongs to the turn that is over until the next prompt is written.
 */
import type { RpcError } from "../../lib/jsonrpc.ts";
import { excerpt } from "../../lib/text.ts";
import type { TurnError, TurnOutcome } from "../../words/agent.ts";
import type { PromptInput } from "../../words/said.ts";
import type { Span } from "../contract.ts";
import { note, patch, say, send } from "../draft.ts";
import { fields, maybeIdOf, maybeText, NAME_CHARS, text } from "../read.ts";
import { contentText } from "./content.ts";
import { accountTrouble, turnError } from "./errors.ts";
import { closeMessage, textChunk, thoughtChunk } from "./message.ts";
import { answerSeen, cancelAsks, closeAsks } from "./permissions.ts";
import { type AcpState, type Draft, lines, request } from "./state.ts";
import { closeTools, toolUpdate } from "./tools.ts";
import { callUsage, costUpdate, turnUsage } from "./usage.ts";

/** The end is told after so long without a line … */
export const QUIET_MS = 150;
/** … and at the latest so long after the answer. */
const ENDING_MS = 1000;

export function sendPrompt(draft: Draft, { key, text: words, raw, pictures = [] }: PromptInput): void {
  finish(draft);
  closeMessage(draft, true);
  if (raw && words.trimStart().startsWith("/")) {
    const message = "ACP cannot send text verbatim: the agent may read the leading slash as a command";
    note(draft, "warn", "raw_not_supported", message);
  }
  const { preamble, session, agent } = draft.state;
  // What cannot be shown can still be found.
  const named = agent.images ? [] : pictures.map(({ path, name }) => `Attached: ${path} (${name})`);
  if (named.length > 0) {
    const message = `${agent.name} takes no pictures: it was told the paths of ${named.length} instead`;
    note(draft, "warn", "attachment_replaced", message);
  }
  const texts = [...(preamble === null ? [] : [preamble]), words, ...named];
  const images = agent.images
    ? pictures.map(({ mediaType, dataBase64 }) => ({ type: "image", mimeType: mediaType, data: dataBase64 }))
    : [];
  const prompt = [...texts.map((block) => ({ type: "text", text: block })), ...images];
  const id = request(draft, "session/prompt", { sessionId: session, prompt });
  patch(draft, { tools: {}, closed: null, prompt: { id, key, accepted: false, cancelling: false, counted: false } });
}

/** One `session/update`. */
export function sessionUpdate(draft: Draft, params: unknown): void {
  const { state } = draft;
  // A loaded session replays its history before it is ready.
  if (state.phase !== "ready") return;
  const session = maybeIdOf(params, "sessionId");
  if (session !== undefined && session !== state.session)
    return say(draft, { type: "unknown_frame", kind: "update of another session" });
  const update = fields(params, "update");
  const content = fields(update, "content");
  const kind = text(update, "sessionUpdate");
  switch (kind) {
    case "agent_message_chunk":
      talks(draft, null);
      callUsage(draft, update);
      return textChunk(draft, contentText(content), maybeIdOf(update, "messageId") ?? null);
    case "agent_thought_chunk":
      talks(draft, null);
      return thoughtChunk(draft, contentText(content));
    case "tool_call":
    case "tool_call_update":
      talks(draft, maybeIdOf(update, "toolCallId") ?? "");
      return toolUpdate(draft, update);
    case "plan":
      return talks(draft, null);
    case "usage_update":
      return costUpdate(draft, update);
    case "current_mode_update":
      return modeChanged(draft, maybeIdOf(update, "currentModeId"));
    case "user_message_chunk":
    case "available_commands_update":
    case "config_option_update":
    case "session_info_update":
      return;
    default:
      say(draft, { type: "unknown_frame", kind: `update ${kind}` });
  }
}

/** An agent may leave the mode that was chosen for it, by a command or by a plan that was approved. */
function modeChanged(draft: Draft, mode: string | undefined): void {
  const { askingMode } = draft.state;
  if (askingMode === null || mode === undefined || mode === askingMode) return;
  note(draft, "warn", "mode_changed", `the agent went from the mode "${askingMode}" to "${mode}": it may act unasked`);
}

/** A permission request is proof of work, too, and ends the text before it: that text says why the agent asks. */
export function beforeAsk(draft: Draft): void {
  talks(draft, "");
  closeMessage(draft);
}

export function promptAnswered(draft: Draft, result: unknown): void {
  const reason = excerpt(maybeText(result, "stopReason") ?? "none", NAME_CHARS);
  const error = stopError(reason);
  // OpenCode answers a cancel during a retry wait with end_turn: whoever asked for the end of a turn got it.
  const { cancelling = false, counted = false } = draft.state.prompt ?? {};
  const interrupted = cancelling || reason === "cancelled";
  const outcome = interrupted ? "interrupted" : error === null ? "completed" : "failed";
  if (outcome === "completed") patch(draft, { preamble: null });
  answered(draft, outcome, interrupted ? null : error);
  if (!counted) turnUsage(draft, result);
}

export function promptFailed(draft: Draft, error: RpcError): void {
  // An agent may answer a cancelled prompt with an error (-32800) instead of the stop reason "cancelled".
  if (draft.state.prompt?.cancelling === true) return answered(draft, "interrupted", null);
  answered(draft, "failed", turnError(draft.state, error));
}

function answered(draft: Draft, outcome: TurnOutcome, error: TurnError | null): void {
  accept(draft);
  closeAsks(draft, () => true);
  patch(draft, { prompt: null, ending: { outcome, error, of: draft.state.late } });
}

/** Something came behind the answer to the last prompt: its end waits on. */
export function stillTalks(draft: Draft): void {
  if (silence(draft.state).length > 0) patch(draft, { late: draft.state.late + 1 });
}

/** How long it has to stay quiet until there is something to be told. */
export function silence({ prompt, ending, message, late }: AcpState): readonly Span[] {
  if (prompt !== null || (ending === null && message === null)) return [];
  const quiet = { of: late, ms: QUIET_MS };
  return ending === null ? [quiet] : [quiet, { of: ending.of, ms: ENDING_MS }];
}

/** It has been quiet. */
export function quiet(draft: Draft): void {
  if (silence(draft.state).length === 0) return;
  finish(draft);
  closeMessage(draft);
}

/** Tells the end of a turn whose prompt was answered. */
export function finish(draft: Draft): void {
  const { ending } = draft.state;
  if (ending === null) return;
  closeMessage(draft);
  closeTools(draft);
  const { outcome, error } = ending;
  patch(draft, { ending: null });
  const limit = error === null ? null : accountTrouble(error);
  say(draft, {
    type: "turn_ended",
    outcome,
    ...(error === null ? {} : { error }),
    ...(limit === null ? {} : { limit }),
  });
}

export function cancelPrompt(draft: Draft): void {
  const { prompt, session } = draft.state;
  if (prompt === null) return;
  send(draft, lines.notification("session/cancel", { sessionId: session }));
  cancelAsks(draft);
  patch(draft, { prompt: { ...prompt, cancelling: true } });
}

/** What was said of an unfinished message when the process is gone. */
export function lastWords(draft: Draft): void {
  closeMessage(draft);
  closeTools(draft);
  finish(draft);
}

/** Work on the open prompt: proves that the agent has it, and (for a tool: this tool) that it has our answers. */
function talks(draft: Draft, toolCallId: string | null): void {
  accept(draft);
  answerSeen(draft, toolCallId);
}

function accept(draft: Draft): void {
  const { prompt, session, sessionTold } = draft.state;
  if (prompt === null || prompt.accepted) return;
  if (!sessionTold && session !== null) say(draft, { type: "session", id: session });
  patch(draft, { sessionTold: true, prompt: { ...prompt, accepted: true } });
  say(draft, { type: "input_accepted", key: prompt.key }, { type: "turn_started" });
}

function stopError(reason: string): TurnError | null {
  switch (reason) {
    case "end_turn":
    case "cancelled":
      return null;
    case "max_tokens":
      return { code: reason, message: "the model's answer was cut at its token limit" };
    case "max_turn_requests":
      return { code: reason, message: "the agent made as many model requests as it allows itself in one turn" };
    case "refusal":
      return { code: reason, message: "the model refused to go on; the agent forgets this input" };
    default:
      return { code: reason, message: `the agent stopped for a reason that ACP version 1 does not know: ${reason}` };
  }
}
