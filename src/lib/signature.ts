/**
 * Standard Webhooks signatures (specification 1.0.0, symmetric `v1`): HMAC-SHA256 over `id.timestamp.body`.
 * The body is signed as the bytes that go over the wire, never as parsed and printed again.
 */
import { hmacSha256, isSame } from "./digest.ts";

const PREFIX = "whsec_";
/** The specification asks for 24 to 64 bytes. */
const KEY_BYTES = { min: 24, max: 64 } as const;

/** The key bytes of a `whsec_…` secret, or undefined when it is not one. */
export function decodeSigningSecret(secret: string): Uint8Array | undefined {
  if (!secret.startsWith(PREFIX)) return undefined;
  const base64 = secret.slice(PREFIX.length);
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const key = Buffer.from(base64, "base64");
  return key.length >= KEY_BYTES.min && key.length <= KEY_BYTES.max ? key : undefined;
}

export interface SignedParts {
  /** `webhook-id` */
  readonly id: string;
  /** `webhook-timestamp`: epoch seconds. */
  readonly timestampSeconds: number;
  readonly body: string | Uint8Array;
}

/** The value of `webhook-signature`. `key` comes from `decodeSigningSecret`. */
export function sign(key: Uint8Array, { id, timestampSeconds, body }: SignedParts): string {
  return `v1,${hmacSha256(key, `${id}.${timestampSeconds}.`, body).toString("base64")}`;
}

export type Verification = "valid" | "missing" | "malformed" | "expired" | "wrong";

export interface SignatureHeaders {
  readonly id: string | null;
  readonly timestamp: string | null;
  readonly signature: string | null;
}

/** Several signatures may stand in the header, separated by spaces (key rotation): one right one is enough. */
export function verify(
  key: Uint8Array,
  { id, timestamp, signature }: SignatureHeaders,
  body: string | Uint8Array,
  { nowMs, toleranceMs = 5 * 60_000 }: { readonly nowMs: number; readonly toleranceMs?: number },
): Verification {
  if (!id || !timestamp || !signature) return "missing";
  if (!/^\d{1,12}$/.test(timestamp)) return "malformed";
  const timestampSeconds = Number(timestamp);
  if (Math.abs(nowMs - timestampSeconds * 1000) > toleranceMs) return "expired";
  // The header's digits are signed as they came: a leading zero must not verify.
  if (String(timestampSeconds) !== timestamp) return "malformed";
  const expected = Buffer.from(sign(key, { id, timestampSeconds, body }));
  let found: Verification = "malformed";
  for (const candidate of signature.split(" ")) {
    if (!candidate.startsWith("v1,")) continue;
    if (isSame(Buffer.from(candidate), expected)) return "valid";
    found = "wrong";
  }
  return found;
}
