/**
 * One attempt to deliver one webhook: a single POST, its answer read within bounds and classified. It decides what the
 * answer means, never when to try again (`schedule.ts`), and never throws for anything the other side does.
 */
import { parseRetryAfter } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { errorCode, errorText, HarnessError } from "../lib/errors.ts";
import { readText } from "../lib/read-body.ts";
import { decodeSigningSecret, sign } from "../lib/signature.ts";
import { VERSION } from "../lib/version.ts";
import { hostOf, isLoopback } from "./hosts.ts";

export const ATTEMPT_TIMEOUT_MS = 15_000;
export const RESPONSE_BODY_MAX_BYTES = 4096;
/** The status line has answered already; a body that drips is not worth the rest of the timeout. */
const BODY_TIMEOUT_MS = 2000;

/** The request itself is at fault: sending it again once covers a receiver that was just being changed. */
const REFUSED = new Set([400, 404, 405, 413, 415, 422]);

export type AttemptOutcome =
  | { readonly type: "delivered" }
  | { readonly type: "retry"; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly type: "retry_once"; readonly reason: string }
  | { readonly type: "dead"; readonly reason: string };

export interface AttemptRequest {
  readonly url: string;
  /** `webhook-id`: the same over retries and redelivery. */
  readonly id: string;
  readonly body: string;
  readonly token?: string;
  /** `whsec_…` */
  readonly secret?: string;
  readonly clock: Clock;
  /** Ends the attempt early, as when the daemon stops. */
  readonly signal?: AbortSignal;
  readonly timeoutMs?: number;
}

export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  /** null = no answer came. */
  readonly status: number | null;
  /** At most 4 KiB, invalid UTF-8 replaced. */
  readonly responseBody: string;
  readonly durationMs: number;
}

export async function postWebhook(request: AttemptRequest): Promise<AttemptResult> {
  const { url, body, clock, signal, timeoutMs = ATTEMPT_TIMEOUT_MS } = request;
  const startedMs = clock.now();
  const deadline = AbortSignal.timeout(timeoutMs);
  const headers = webhookHeaders(request, startedMs);
  try {
    const response = await fetch(url, {
      method: "POST",
      headers,
      body,
      redirect: "manual",
      // A proxy of the environment knows another loopback than ours, and would get the token.
      ...(isLoopback(hostOf(url)) ? { proxy: false } : {}),
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    const outcome = classify(response.status, parseRetryAfter(response.headers.get("retry-after"), clock.now()));
    const leftMs = timeoutMs - (clock.now() - startedMs);
    const limits = { maxBytes: RESPONSE_BODY_MAX_BYTES, timeoutMs: Math.max(1, Math.min(BODY_TIMEOUT_MS, leftMs)) };
    const responseBody = await readText(response.body, limits);
    return { outcome, status: response.status, responseBody, durationMs: clock.now() - startedMs };
  } catch (error) {
    const reason = deadline.aborted ? `no answer within ${timeoutMs} ms` : networkReason(error);
    return { outcome: { type: "retry", reason }, status: null, responseBody: "", durationMs: clock.now() - startedMs };
  }
}

/**
 * The headers of one attempt; the timestamp is the attempt's, so that a late retry still passes the receiver's window.
 */
export function webhookHeaders({ id, body, token, secret }: AttemptRequest, nowMs: number): Record<string, string> {
  const timestampSeconds = Math.floor(nowMs / 1000);
  const headers: Record<string, string> = {
    "Content-Type": "application/json",
    "User-Agent": `agent-harness/${VERSION}`,
    // The answer is kept as bytes within a limit: nothing to unpack.
    "Accept-Encoding": "identity",
    "webhook-id": id,
    "webhook-timestamp": String(timestampSeconds),
  };
  if (token !== undefined) headers["Authorization"] = `Bearer ${token}`;
  if (secret !== undefined) {
    const key = decodeSigningSecret(secret);
    // The config loader refuses such a secret; sending unsigned instead would be the worst answer.
    if (!key)
      throw new HarnessError(
        "INTERNAL",
        "cannot sign the webhook: the secret is not whsec_ + base64 of 24 to 64 bytes",
      );
    headers["webhook-signature"] = sign(key, { id, timestampSeconds, body });
  }
  return headers;
}

/** What an answer's status means for the delivery. */
export function classify(status: number, retryAfterMs?: number): AttemptOutcome {
  if (status >= 200 && status < 300) return { type: "delivered" };
  if (status === 410) return { type: "dead", reason: "the receiver answered 410: it wants no more of these" };
  if (REFUSED.has(status)) return { type: "retry_once", reason: `the receiver refused it with ${status}` };
  const reason =
    status >= 300 && status < 400
      ? `the receiver answered ${status}: redirects are not followed`
      : `the receiver answered ${status}`;
  return { type: "retry", reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function networkReason(error: unknown): string {
  const code = errorCode(error);
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "connection refused";
  return code === undefined ? errorText(error) : `${code}: ${errorText(error)}`;
}
