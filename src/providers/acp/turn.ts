/**
 * One prompt and what becomes of it. The RESPONSE to session/prompt is the one end of a turn; whatever the agent says
 * till then belongs to it, and nothing that it says proves an end.
 */
import type { RpcError } from "../../lib/jsonrpc.ts";
import type { ProviderFact, Step } from "../contract.ts";
import type { TurnError } from "../../words/agent.ts";
import type { PromptInput } from "../../words/said.ts";
import { turnError } from "./errors.ts";
import { closeMessage, textChunk, thoughtChunk, type Moved } from "./message.ts";
import { answerSeen, cancelAsks, closeAsks } from "./permissions.ts";
import { contentText } from "./content.ts";
import { type AcpState, lines, step, takeId } from "./state.ts";
import { closeTools, toolUpdate } from "./tools.ts";
import { costUpdate, turnUsage } from "./usage.ts";
import { fields, maybeIdOf, maybeText } from "../read.ts";

export function sendPrompt(before: AcpState, { key, text, raw }: PromptInput): Step<AcpState> {
  // What an agent said between two turns was never ended by a frame.
  const late = closeMessage(before);
  const { state, id } = takeId(late.state);
  const facts: ProviderFact[] = [...late.facts];
  if (raw && text.trimStart().startsWith("/")) {
    facts.push({
      type: "note",
      level: "warn",
      code: "raw_not_supported",
      message: "ACP cannot send text verbatim: the agent may read the leading slash as a command",
    });
  }
  const blocks = [...(state.preamble === null ? [] : [state.preamble]), text];
  const prompt = blocks.map((block) => ({ type: "text", text: block }));
  return step({ ...state, tools: {}, prompt: { id, key, accepted: false, cancelling: false } }, facts, [
    lines.request(id, "session/prompt", { sessionId: state.session, prompt }),
  ]);
}

/** One `session/update`. */
export function sessionUpdate(state: AcpState, params: unknown): Step<AcpState> {
  // A loaded session replays its history before it is ready.
  if (state.phase !== "ready") return step(state);
  const session = maybeIdOf(params, "sessionId");
  if (session !== undefined && session !== state.session)
    return step(state, [{ type: "unknown_frame", kind: "update of another session" }]);
  const update = fields(params, "update");
  const kind = maybeText(update, "sessionUpdate") ?? "";
  const content = fields(update, "content");
  switch (kind) {
    case "agent_message_chunk":
      return moved(
        talking(state, null, (at) => textChunk(at, contentText(content), maybeIdOf(update, "messageId") ?? null)),
      );
    case "agent_thought_chunk":
      return moved(talking(state, null, (at) => thoughtChunk(at, contentText(content))));
    case "tool_call":
    case "tool_call_update":
      return moved(talking(state, maybeIdOf(update, "toolCallId") ?? "", (at) => toolUpdate(at, update)));
    case "plan":
      return moved(talking(state, null, (at) => ({ state: at, facts: [] })));
    case "usage_update":
      return moved(costUpdate(state, update));
    case "user_message_chunk":
    case "available_commands_update":
    case "current_mode_update":
    case "config_option_update":
    case "session_info_update":
      return step(state);
    default:
      return step(state, [{ type: "unknown_frame", kind: `update ${kind}` }]);
  }
}

/** A permission request is proof of work, too, and ends the text before it: that text says why the agent asks. */
export function beforeAsk(state: AcpState): Moved {
  return talking(state, "", closeMessage);
}

export function promptAnswered(before: AcpState, result: unknown): Step<AcpState> {
  const cancelling = before.prompt?.cancelling === true;
  const { state, facts } = closeTurn(before, (at) => turnUsage(at, result));
  // OpenCode answers a cancel during a retry wait with end_turn: whoever asked for the end of a turn got it.
  if (cancelling) return step(state, [...facts, { type: "turn_ended", outcome: "interrupted" }]);
  const reason = maybeText(result, "stopReason") ?? "none";
  const error = stopError(reason);
  if (reason === "cancelled") return step(state, [...facts, { type: "turn_ended", outcome: "interrupted" }]);
  if (error !== null) return step(state, [...facts, { type: "turn_ended", outcome: "failed", error }]);
  return step({ ...state, preamble: null }, [...facts, { type: "turn_ended", outcome: "completed" }]);
}

export function promptFailed(before: AcpState, error: RpcError): Step<AcpState> {
  const cancelling = before.prompt?.cancelling === true;
  const { state, facts } = closeTurn(before);
  // An agent may answer a cancelled prompt with an error (-32800) instead of the stop reason "cancelled".
  if (cancelling) return step(state, [...facts, { type: "turn_ended", outcome: "interrupted" }]);
  return step(state, [...facts, { type: "turn_ended", outcome: "failed", error: turnError(before, error) }]);
}

export function cancelPrompt(state: AcpState): Step<AcpState> {
  if (state.prompt === null) return step(state);
  const cancelled = cancelAsks(state);
  const prompt = { ...state.prompt, cancelling: true };
  return step({ ...cancelled.state, prompt }, cancelled.facts, [
    lines.notification("session/cancel", { sessionId: state.session }),
    ...cancelled.lines,
  ]);
}

/** What was said of an unfinished message when the process is gone. */
export function lastWords(state: AcpState): readonly ProviderFact[] {
  const message = closeMessage(state);
  return [...message.facts, ...closeTools(message.state).facts];
}

/** Work on the open prompt: proves that the agent has it, and (for a tool: this tool) that it has our answers. */
function talking(before: AcpState, toolCallId: string | null, move: (state: AcpState) => Moved): Moved {
  const accepted = accept(before);
  const seen = answerSeen(accepted.state, toolCallId);
  const { state, facts } = move(seen.state);
  return { state, facts: [...accepted.facts, ...seen.facts, ...facts] };
}

function accept(state: AcpState): Moved {
  if (state.prompt === null || state.prompt.accepted) return { state, facts: [] };
  const told: ProviderFact[] =
    state.sessionTold || state.session === null ? [] : [{ type: "session", id: state.session }];
  return {
    state: { ...state, sessionTold: true, prompt: { ...state.prompt, accepted: true } },
    facts: [...told, { type: "input_accepted", key: state.prompt.key }, { type: "turn_started" }],
  };
}

function closeTurn(before: AcpState, count: (state: AcpState) => Moved = (state) => ({ state, facts: [] })): Moved {
  let state = before;
  const facts: ProviderFact[] = [];
  for (const move of [accept, closeMessage, closeTools, (at: AcpState) => closeAsks(at, () => true), count]) {
    const next = move(state);
    state = next.state;
    facts.push(...next.facts);
  }
  return { state: { ...state, prompt: null }, facts };
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

function moved({ state, facts }: Moved): Step<AcpState> {
  return step(state, facts);
}
