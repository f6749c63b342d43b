/**
 * Puts messages together from chunks. ACP v1 sends no text whole, so the chunks are the source: those that belong
 * together become one message, a tool call ends it, and a change of `messageId` begins the next.
 */
import type { ProviderFact } from "../contract.ts";
import type { AcpState, OpenMessage } from "./state.ts";
import { takeMessageKey } from "./state.ts";

export interface Moved {
  readonly state: AcpState;
  readonly facts: readonly ProviderFact[];
}

export function textChunk(before: AcpState, text: string, messageId: string | null): Moved {
  if (text === "") return { state: before, facts: [] };
  const { state: at, facts } = beginsNext(before.message, messageId)
    ? nextMessage(before)
    : { state: before, facts: [] };
  const opened = openMessage(at);
  const { state, facts: flushed } = switchBlock(opened, "text");
  const { message } = state;
  const grown: OpenMessage = {
    ...message,
    messageId: messageId ?? message.messageId,
    block: { type: "text", text: message.block.text + text },
  };
  return {
    state: { ...state, message: grown },
    facts: [...facts, ...flushed, { type: "delta", key: grown.key, text }],
  };
}

/** Thoughts may carry a messageId of their own (a part's), so only text ever begins the next message. */
export function thoughtChunk(before: AcpState, text: string): Moved {
  if (text === "") return { state: before, facts: [] };
  const { state, facts } = switchBlock(openMessage(before), "thinking");
  const block = { type: "thinking", text: state.message.block.text + text } as const;
  return { state: { ...state, message: { ...state.message, block } }, facts };
}

/** Nothing more is added to the open message. */
export function closeMessage(state: AcpState): Moved {
  if (state.message === null) return { state, facts: [] };
  const { key } = state.message;
  return { state: { ...state, message: null }, facts: [...blockFacts(state.message), { type: "message_done", key }] };
}

type WithMessage = AcpState & { readonly message: OpenMessage };

function beginsNext(message: OpenMessage | null, messageId: string | null): boolean {
  return message !== null && message.messageId !== null && messageId !== null && message.messageId !== messageId;
}

/** Closes the open message. A thought that stands at its end was said on the way to the next one and goes there. */
function nextMessage(state: AcpState): Moved {
  const { message } = state;
  if (message === null || message.block.type !== "thinking") return closeMessage(state);
  const { state: taken, key } = takeMessageKey(state);
  const next: OpenMessage = { key, messageId: null, begun: false, block: message.block };
  return {
    state: { ...taken, message: next },
    facts: message.begun ? [{ type: "message_done", key: message.key }] : [],
  };
}

function openMessage(state: AcpState): WithMessage {
  if (state.message !== null) return { ...state, message: state.message };
  const { state: taken, key } = takeMessageKey(state);
  return { ...taken, message: { key, messageId: null, begun: false, block: { type: "text", text: "" } } };
}

function switchBlock(
  state: WithMessage,
  type: "text" | "thinking",
): { readonly state: WithMessage; readonly facts: readonly ProviderFact[] } {
  const { message } = state;
  if (message.block.type === type) return { state, facts: [] };
  const facts = blockFacts(message);
  return {
    state: { ...state, message: { ...message, begun: message.begun || facts.length > 0, block: { type, text: "" } } },
    facts,
  };
}

function blockFacts({ key, block }: OpenMessage): readonly ProviderFact[] {
  return block.text === "" ? [] : [{ type: "part", key, role: "assistant", part: block }];
}
