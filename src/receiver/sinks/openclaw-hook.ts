/** OpenClaw over HTTP: `POST /hooks/wake`, and what its answers mean (seen on OpenClaw 2026.9.6). */
import { parseRetryAfter } from "../../lib/backoff.ts";
import { tryJson } from "../../lib/json.ts";
import { excerpt, oneLine } from "../../lib/text.ts";
import { isObject } from "../../lib/check.ts";
import type { Clock } from "../../lib/clock.ts";
import { errorCode, errorText } from "../../lib/errors.ts";
import { readText } from "../../lib/read-body.ts";
import { VERSION } from "../../lib/version.ts";
import { request } from "../../lib/request.ts";
import type { Finding } from "../sink.ts";
import { given } from "../../lib/given.ts";

export interface HookSettings {
  readonly url: string;
  /** OpenClaw's `hooks.token`, not the gateway's. */
  readonly token: string;
}

export interface Wake {
  readonly text: string;
  readonly mode: "now" | "next-heartbeat";
  readonly sessionKey: string | null;
}

/** How one way to OpenClaw took a wake. */
export type WakeOutcome =
  | { readonly type: "accepted"; readonly detail: string }
  /** Down or busy: the same gateway would be no better by another way. */
  | { readonly type: "retry"; readonly reason: string; readonly waitMs?: number }
  /** This way is not set up right; another way may work. `retryInMs`: when looking again costs little. */
  | { readonly type: "unusable"; readonly reason: string; readonly retryInMs: number }
  /** This wake will never pass. `session`: because of the session it names; it may pass without. */
  | { readonly type: "refused"; readonly reason: string; readonly session?: true };

const TIMEOUT_MS = 5000;
const LOOK_AGAIN_MS = 60_000;
/** `Retry-After` is believed up to here; beyond it is asked again. */
const LONGEST_WAIT_MS = 3_600_000;
const BODY_LIMITS = { maxBytes: 4096, timeoutMs: 2000 };

export async function postWake(
  { url, token }: HookSettings,
  { text, mode, sessionKey }: Wake,
  clock: Clock,
  signal: AbortSignal,
): Promise<WakeOutcome> {
  try {
    const response = await request(url, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${token}`,
        "Content-Type": "application/json",
        "User-Agent": `agent-harness-webhook-receiver/${VERSION}`,
      },
      body: JSON.stringify({ text, mode, ...(sessionKey === null ? {} : { sessionKey }) }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const body = await readText(response.body, BODY_LIMITS);
    const page = /^text\/html\b/i.test(response.headers.get("content-type") ?? "");
    const waitMs = parseRetryAfter(response.headers.get("retry-after"), clock.now());
    const bounded = waitMs === undefined ? waitMs : Math.min(waitMs, LONGEST_WAIT_MS);
    return classifyWake(readHookAnswer(response.status, body, page), bounded);
  } catch (error) {
    // After a timeout the wake may still be carried out; the same text again is recognised and merged.
    if (error instanceof Error && error.name === "TimeoutError")
      return { type: "retry", reason: `the hook gave no answer within ${TIMEOUT_MS} ms` };
    return { type: "retry", reason: `the hook cannot be reached: ${errorCode(error) ?? errorText(error)}` };
  }
}

export interface HookAnswer {
  readonly status: number;
  readonly said: string;
  /** `{"ok": false, …}`: OpenClaw looked at this wake and says what is wrong with it. */
  readonly verdict: boolean;
  /** A page for people: something in between answered. */
  readonly page: boolean;
}

function classifyWake({ status, said, verdict, page }: HookAnswer, waitMs?: number): WakeOutcome {
  if (page) return { type: "retry", reason: `the hook answered ${status} with a page for people: is it OpenClaw's?` };
  const reason = `the hook answered ${status}${said === "" ? "" : `: ${said}`}`;
  if (status >= 200 && status < 300) return { type: "accepted", detail: `hook: ${said || "accepted"}` };
  if (status === 401)
    return {
      type: "unusable",
      reason: `${reason} (openclaw.hookToken is not OpenClaw's hooks.token)`,
      retryInMs: LOOK_AGAIN_MS,
    };
  if (status === 404)
    return {
      type: "unusable",
      reason: `${reason} (hooks are not enabled in OpenClaw, or openclaw.hookUrl is wrong)`,
      retryInMs: LOOK_AGAIN_MS,
    };
  // A session of one's own must be allowed in the gateway's settings; the command line can name one without.
  if (status === 400 && /^sessionKey\b|^unknown agentId\b/.test(said))
    return { type: "refused", reason, session: true };
  if (status === 429 || status === 408 || status >= 500) return { type: "retry", reason, ...given({ waitMs }) };
  if (status < 400)
    return {
      type: "unusable",
      reason: `${reason} (redirects are not followed: mend openclaw.hookUrl)`,
      retryInMs: LOOK_AGAIN_MS,
    };
  if (status === 405)
    return { type: "unusable", reason: `${reason} (openclaw.hookUrl is wrong)`, retryInMs: LOOK_AGAIN_MS };
  return verdict ? { type: "refused", reason } : { type: "retry", reason: `${reason} (not in OpenClaw's words)` };
}

/**
 * A blank text is refused after the token was checked: so it tells whether a wake would pass, without waking anybody.
 */
export async function probeHook(settings: HookSettings, clock: Clock, signal: AbortSignal): Promise<Finding> {
  const outcome = await postWake(settings, { text: " ", mode: "next-heartbeat", sessionKey: null }, clock, signal);
  if (outcome.type === "refused" && outcome.reason.endsWith("400: text required"))
    return { ok: true, text: "openclaw: the hook takes our token" };
  return {
    ok: false,
    text: `openclaw: ${outcome.type === "accepted" ? "the hook took a blank text, is this OpenClaw?" : outcome.reason}`,
  };
}

/** Answers are JSON or plain text. */
function readHookAnswer(status: number, body: string, page: boolean): HookAnswer {
  const json = tryJson(body);
  const told = isObject(json) ? (json["error"] ?? json["eventOutcome"]) : undefined;
  const said = excerpt(oneLine(typeof told === "string" ? told : body), 300);
  return { status, said, verdict: isObject(json) && json["ok"] === false, page };
}
