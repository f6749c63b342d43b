/**
 * Ids of the messages that we put into a session. OpenCode takes an id of the client's choosing, orders a conversation
 * by ids, and stops without an answer when the newest answer's id is greater than the question's: so ours must ascend.
 * Shape: `msg_` + 12 hex digits of the low 48 bits of (epoch ms · 4096 + counter) + 14 base-62 characters.
 */
import { createHash } from "node:crypto";

const BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LOW_48_BITS = (1n << 48n) - 1n;

/** The same input always gets the same id, so one that was sent before is recognised, also by the next process. */
export function messageIdOf(key: string, writtenAtMs: number): string {
  return withTime((BigInt(Math.trunc(writtenAtMs)) << 12n) & LOW_48_BITS, suffixOf(key));
}

/** For a clock that was put back: the id of the same input behind the newest message. */
export function messageIdAfter(newest: string, key: string): string {
  const time = BigInt(`0x${newest.slice(4, 16)}`);
  return withTime((time + 1n) & LOW_48_BITS, suffixOf(key));
}

/** Ids of one input differ in their time only. */
export function isIdOf(id: string, key: string): boolean {
  return id.startsWith("msg_") && id.slice(16) === suffixOf(key);
}

export function isMessageId(id: string): boolean {
  return /^msg_[0-9a-f]{12}/.test(id);
}

function withTime(time: bigint, suffix: string): string {
  return `msg_${time.toString(16).padStart(12, "0")}${suffix}`;
}

function suffixOf(key: string): string {
  const digest = createHash("sha256").update(key).digest();
  // 256 is no multiple of 62: the bias is harmless, nothing here is secret.
  return [...digest.subarray(0, 14)].map((byte) => BASE62[byte % 62]).join("");
}
