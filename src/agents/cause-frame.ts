/** The line of output that decided a status, as people are shown it: without secrets, as logs are, and cut. */
import { redact } from "../lib/log.ts";
import { cutText } from "../lib/text.ts";
import type { CauseFrame } from "../words/agent.ts";

const MAX_BYTES = 8 * 1024;
/** A longer line is not walked through for its first 8 KiB: its beginning is looked at as text. */
const PARSED_CHARS = 64 * 1024;

/** `json` is what the line parses to; undefined when it is none. */
export function shownFrame(run: number, offset: number, raw: string, json: unknown): CauseFrame {
  const head = cutText(raw, PARSED_CHARS);
  const whole = head.length === raw.length;
  const safe = whole && json !== undefined ? JSON.stringify(redact(json)) : redactText(cutText(head, 2 * MAX_BYTES));
  const text = cutBytes(safe, MAX_BYTES);
  return { run, offset, text, truncated: !whole || text.length < safe.length };
}

/** A member whose name says that it is secret, where the text is not parsed; its value may be cut off at the end. */
const SECRET_MEMBER =
  /("[^"\\]{0,64}(?:token|secret|authorization|password|passwd|cookie|api[-_]?key|private[-_]?key)[^"\\]{0,64}"\s*:\s*")(?:[^"\\]|\\.)*/gi;

function redactText(text: string): string {
  const safe = redact(text.replace(SECRET_MEMBER, "$1[redacted]"));
  return typeof safe === "string" ? safe : "";
}

function cutBytes(text: string, max: number): string {
  const bytes = Buffer.from(cutText(text, max));
  if (bytes.length <= max) return cutText(text, max);
  // Never within a character: bytes of the form 10xxxxxx go on one.
  let end = max;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end).toString("utf8");
}
