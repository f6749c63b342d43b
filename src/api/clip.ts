/**
 * Messages cut to what a screen shows: a tool's result can be megabytes. What was cut says how many bytes it has, and
 * `GET …/messages/{mid}` has it whole. Pure.
 */
import { cutText } from "../lib/text.ts";
import type { Message, Part } from "../words/said.ts";

/** `bytes`: the whole of it, in UTF-8; there only where something was cut. */
type Cut<T> = T & { readonly bytes?: number };

export type ClippedMessage = Cut<Omit<Message, "parts">> & { readonly parts: readonly Cut<Part>[] };

/** Each text to at most `max` characters. */
export function clipMessage(message: Message, max: number): ClippedMessage {
  return { ...withText(message, max), parts: message.parts.map((part) => clipPart(part, max)) };
}

function clipPart(part: Part, max: number): Cut<Part> {
  if (part.type !== "tool_use") return withText(part, max);
  const whole = JSON.stringify(part.input) ?? "";
  if (whole.length <= max) return part;
  const input = clipStrings(part.input, max, 0);
  // Many short things are as long as one long one: what is still too much becomes the beginning of its text.
  const fits = (input === part.input ? whole : JSON.stringify(input)).length <= max * INPUT_SLACK;
  if (fits && input === part.input) return part;
  return { ...part, input: fits ? input : cutText(whole, max), bytes: Buffer.byteLength(whole) };
}

/** A tool has a few arguments; each may be as long as a text. */
const INPUT_SLACK = 8;
/** Arguments are flat; what lies deeper is shown as text. */
const DEPTH = 16;

function withText<T extends { readonly text: string }>(value: T, max: number): Cut<T> {
  const text = cutText(value.text, max);
  return text === value.text ? value : { ...value, text, bytes: Buffer.byteLength(value.text) };
}

/** The same value when nothing was too long. */
function clipStrings(value: unknown, max: number, depth: number): unknown {
  if (typeof value === "string") return cutText(value, max);
  if (typeof value !== "object" || value === null) return value;
  if (depth === DEPTH) return cutText(JSON.stringify(value), max);
  if (Array.isArray(value)) {
    const items = value.map((item) => clipStrings(item, max, depth + 1));
    return items.some((item, i) => item !== value[i]) ? items : value;
  }
  const entries = Object.entries(value).map(([key, member]) => [key, clipStrings(member, max, depth + 1), member]);
  return entries.some(([, clipped, member]) => clipped !== member)
    ? Object.fromEntries(entries.map(([key, clipped]) => [key, clipped] as const))
    : value;
}
