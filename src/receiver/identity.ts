/** What makes two webhooks the same, and the short id that people see. */
import { sha256 } from "../lib/digest.ts";

/** 13 hex digits are the most that fit a number exactly; the short id is the first ten of them. */
const HASH_DIGITS = 13;
const ID_DIGITS = 10;
const HASHES_PER_ID = 16 ** (HASH_DIGITS - ID_DIGITS);

/** By the sender's `webhook-id`, else by the bytes of the body. */
export function webhookKey(webhookId: string | null, body: Uint8Array): string {
  return webhookId === null ? `sha256 ${sha256(body).toString("hex")}` : `id ${webhookId}`;
}

/** The sender's `webhook-id` of a key, when it gave one. */
export function webhookIdOf(key: string): string | null {
  return key.startsWith("id ") ? key.slice(3) : null;
}

export function keyHash(key: string): number {
  return Number.parseInt(sha256(key).toString("hex").slice(0, HASH_DIGITS), 16);
}

/** Ten hex digits: shown in every post, and what the API takes. */
export function shortId(hash: number): string {
  return Math.floor(hash / HASHES_PER_ID)
    .toString(16)
    .padStart(ID_DIGITS, "0");
}

/** The hashes whose short id this is: from (included), to (excluded); null when it is no short id. */
export function hashRange(id: string): { readonly from: number; readonly to: number } | null {
  if (!/^[0-9a-f]{10}$/.test(id)) return null;
  const from = Number.parseInt(id, 16) * HASHES_PER_ID;
  return { from, to: from + HASHES_PER_ID };
}
