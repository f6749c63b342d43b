/**
 * Puts messages together from chunks. ACP v1 sends no text whole, so the chunks are the source: those that belong
 * together become one message; a tool call ends it, and so does text with another `messageId` or with none where there
 * was one: an agent's warnings have no id, and stand in the middle of what its model says.
 */
import { patch, say } from "../draft.ts";
import { type Draft, type OpenMessage, takeMessageKey } from "./state.ts";

export function textChunk(draft: Draft, text: string, messageId: string | null): void {
  if (text === "") return;
  if (beginsNext(draft.state.message, messageId)) nextMessage(draft);
  const opened = openMessage(draft, messageId);
  const message = switchBlock(draft, opened, "text");
  const block = { type: "text", text: message.block.text + text } as const;
  patch(draft, { message: { ...message, messageId, spoken: true, block } });
  say(draft, { type: "delta", key: message.key, text });
}

/** Thoughts may carry a messageId of their own (a part's), so only text ever begins the next message. */
export function thoughtChunk(draft: Draft, text: string): void {
  if (text === "") return;
  const message = switchBlock(draft, openMessage(draft, null), "thinking");
  patch(draft, { message: { ...message, block: { type: "thinking", text: message.block.text + text } } });
}

/** Nothing more is added to the open message. `late`: what it holds belongs to the turn that is over. */
export function closeMessage(draft: Draft, late = false): void {
  const { message } = draft.state;
  if (message === null) return;
  tellBlock(draft, message, late);
  const { key, messageId } = message;
  patch(draft, { message: null, closed: { key, messageId } });
  say(draft, { type: "message_done", key });
}

function beginsNext(message: OpenMessage | null, messageId: string | null): boolean {
  return message !== null && message.spoken && message.messageId !== messageId;
}

/** Closes the open message. A thought that stands at its end was said on the way to the next one and goes there. */
function nextMessage(draft: Draft): void {
  const { message } = draft.state;
  if (message === null || message.block.type !== "thinking") return closeMessage(draft);
  if (message.begun) say(draft, { type: "message_done", key: message.key });
  const key = takeMessageKey(draft);
  patch(draft, { message: { key, messageId: null, begun: false, spoken: false, block: message.block } });
}

/** Behind its turn a message may go on that was told already: then it grows, under the same key. */
function openMessage(draft: Draft, messageId: string | null): OpenMessage {
  const { message, prompt, closed } = draft.state;
  if (message !== null) return message;
  const goesOn = prompt === null && closed !== null && messageId !== null && closed.messageId === messageId;
  const key = goesOn ? closed.key : takeMessageKey(draft);
  return { key, messageId: null, begun: false, spoken: false, block: { type: "text", text: "" } };
}

function switchBlock(draft: Draft, message: OpenMessage, type: "text" | "thinking"): OpenMessage {
  if (message.block.type === type) return message;
  const told = tellBlock(draft, message, false);
  return { ...message, begun: message.begun || told, block: { type, text: "" } };
}

function tellBlock(draft: Draft, { key, block }: OpenMessage, late: boolean): boolean {
  if (block.text === "") return false;
  say(draft, { type: "part", key, role: "assistant", part: block, ...(late ? { late } : {}) });
  return true;
}
