/**
 * One attempt to deliver one webhook: a single POST, its answer read within bounds and classified. It decides what the
 * answer means, never when to try again (`schedule.ts`), and never throws for anything the other side does.
 */
import { parseRetryAfter } from "../lib/backoff.ts";
import { isObject } from "../lib/check.ts";
import type { Clock } from "../lib/clock.ts";
import { errorCode, errorText, HarnessError } from "../lib/errors.ts";
import { tryJson } from "../lib/json.ts";
import { readText } from "../lib/read-body.ts";
import { decodeSigningSecret, sign } from "../lib/signature.ts";
import { excerpt, oneLine } from "../lib/text.ts";
import { VERSION } from "../lib/version.ts";
import { request } from "../lib/request.ts";
import { given } from "../lib/given.ts";

const ATTEMPT_TIMEOUT_MS = 15_000;
export const RESPONSE_BODY_MAX_BYTES = 4096;
/** The status line has answered already; a body that drips is not worth the rest of the timeout. */
const BODY_TIMEOUT_MS = 2000;

/** The request itself is at fault: sending it again once covers a receiver that was just being changed. */
const REFUSED = new Set([400, 413, 422]);
/** Nobody there who knows what this is: so answers a proxy, too, whose backend is being replaced. */
const ABSENT = new Set([404, 405, 415]);
const SAID_MAX = 300;

export type AttemptOutcome =
  | { readonly type: "delivered" }
  | { readonly type: "retry"; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly type: "retry_once"; readonly reason: string }
  | { readonly type: "absent"; readonly reason: string }
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

export async function postWebhook(attempt: AttemptRequest): Promise<AttemptResult> {
  const { url, body, clock, signal, timeoutMs = ATTEMPT_TIMEOUT_MS } = attempt;
  const startedMs = clock.monotonic();
  const passedMs = (): number => Math.round(clock.monotonic() - startedMs);
  const deadline = AbortSignal.timeout(timeoutMs);
  const headers = webhookHeaders(attempt, clock.now());
  try {
    const response = await request(url, {
      method: "POST",
      headers,
      body,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
    });
    const outcome = classify(response.status, parseRetryAfter(response.headers.get("retry-after"), clock.now()));
    const leftMs = timeoutMs - passedMs();
    const limits = { maxBytes: RESPONSE_BODY_MAX_BYTES, timeoutMs: Math.max(1, Math.min(BODY_TIMEOUT_MS, leftMs)) };
    const responseBody = await readText(response.body, limits);
    return { outcome, status: response.status, responseBody, durationMs: passedMs() };
  } catch (error) {
    const reason = deadline.aborted ? `no answer within ${timeoutMs} ms` : networkReason(error);
    return { outcome: { type: "retry", reason }, status: null, responseBody: "", durationMs: passedMs() };
  }
}

/**
 * The headers of one attempt; the timestamp is the attempt's, so that a late retry still passes the receiver's window.
 */
function webhookHeaders({ id, body, token, secret }: AttemptRequest, nowMs: number): Record<string, string> {
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
  if (ABSENT.has(status)) return { type: "absent", reason: `the receiver answered ${status}` };
  const reason =
    status >= 300 && status < 400
      ? `the receiver answered ${status}: redirects are not followed`
      : `the receiver answered ${status}`;
  return { type: "retry", reason, ...given({ retryAfterMs }) };
}

/** What a receiver says about its answer, where it says it in JSON as ours does; else nothing: a web page is noise. */
export function saidBy(responseBody: string): string | null {
  const body = tryJson(responseBody);
  const said = isObject(body) ? (body["message"] ?? body["error"]) : undefined;
  return typeof said === "string" && said.trim() !== "" ? excerpt(oneLine(said), SAID_MAX) : null;
}

function networkReason(error: unknown): string {
  const code = errorCode(error);
  if (code === "ECONNREFUSED" || code === "ConnectionRefused") return "connection refused";
  return code === undefined ? errorText(error) : `${code}: ${errorText(error)}`;
}
