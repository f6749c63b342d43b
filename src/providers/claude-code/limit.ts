/**
 * What Claude Code tells of its account. The assistant line that it makes of an API failure is the verdict; a
 * `rate_limit_event` that says "rejected" is none: it says so as well when paid overage goes on working, and after a
 * burst of requests. Facts: wire captures of 2.1.330.
 */
import type { Allowance, LimitFound } from "../../words/limits.ts";
import { patch, say } from "../draft.ts";
import { type Fields, fields, isFields, items, maybeNumber, maybeText } from "../read.ts";
import { type Draft, patchEnding } from "./state.ts";

/** What only a person can mend at the login. */
const AUTH: readonly string[] = [
  "authentication_failed",
  "oauth_org_not_allowed",
  "account_on_hold",
  "verification_required",
  "cloud_credential_error",
];
/** The spend cap of an API account: "You will regain access on 2026-12-01 at 00:00 UTC." */
const REGAIN = /specified API usage limits.*?regain access on (\d{4}-\d{2}-\d{2}) at (\d{2}:\d{2}) UTC/;
/** A wait of the program itself that is longer is ours. */
const LONG_MS = 5 * 60_000;

/** Of an `assistant` line that tells of an API failure; null: nothing that lies with the account. */
export function accountFailure(line: Fields): LimitFound | null {
  const error = maybeText(line, "error");
  const what = maybeText(line, "api_error");
  const status = maybeNumber(line, "api_error_status");
  const message = items(fields(line, "message"), "content")
    .map((block) => maybeText(block, "text") ?? "")
    .join("\n");
  if (what === "usage_limit_reached") {
    const info = fields(fields(line, "api_error_params"), "rate_limit_info");
    return { class: "limit", scope: scopeOf(info), resetsAt: resetOf(info), message };
  }
  const cap = REGAIN.exec(message);
  if (cap !== null) {
    const at = Date.parse(`${cap[1]}T${cap[2]}:00Z`);
    return { class: "limit", scope: "spend_cap", resetsAt: Number.isNaN(at) ? null : at, message };
  }
  if (error === "billing_error" || maybeText(line, "api_error_type") === "billing_error" || status === 402)
    return { class: "billing", scope: "billing", resetsAt: null, message };
  const login = (error !== undefined && AUTH.includes(error)) || what === "org_disabled_credential";
  if (login || status === 401 || status === 403) return { class: "auth", scope: "auth", resetsAt: null, message };
  return null;
}

/** `rate_limit_event`: how much of each window is used, and what the API has just refused. */
export function rateLimitEvent(work: Draft, line: Fields): void {
  const info = fields(line, "rate_limit_info");
  const rejected = info["status"] === "rejected" && info["isUsingOverage"] !== true && resetOf(info) !== null;
  patchEnding(work, { rejected: rejected ? { scope: scopeOf(info), resetsAt: resetOf(info) } : null });
  const windows = Object.entries(fields(info, "unifiedWindows")).flatMap(([scope, window]): Allowance[] => {
    const used = maybeNumber(window, "utilization");
    return isFields(window) && used !== undefined ? [windowOf(scope, used, resetOf(window))] : [];
  });
  const used = maybeNumber(info, "utilization");
  if (windows.length === 0 && used !== undefined) windows.push(windowOf(scopeOf(info), used, resetOf(info)));
  if (windows.length > 0) say(work, { type: "allowance", windows });
}

/**
 * `api_retry`. Told to wait for its limit by itself (CLAUDE_CODE_RETRY_WATCHDOG), the program announces a try that is
 * hours away, and would be lost with its process.
 */
export function retryAnnounced(work: Draft, line: Fields, nowMs: number): void {
  const delay = maybeNumber(line, "retry_delay_ms");
  const reason = maybeText(line, "error") ?? "unknown";
  patch(work, { retrying: true });
  say(work, {
    type: "retrying",
    attempt: maybeNumber(line, "attempt") ?? 1,
    reason,
    status: maybeNumber(line, "error_status") ?? null,
    ...(delay === undefined ? {} : { nextAt: nowMs + Math.round(delay) }),
  });
  if (delay === undefined || delay <= LONG_MS || reason !== "rate_limit") return;
  const { rejected } = work.state.ending;
  say(work, {
    type: "limited",
    class: "limit",
    scope: rejected?.scope ?? "account",
    resetsAt: rejected?.resetsAt ?? nowMs + Math.round(delay),
    message: "Claude Code waits for its limit by itself",
  });
}

const scopeOf = (info: Fields): string => maybeText(info, "rateLimitType") ?? "account";

/** Told in seconds. */
function resetOf(info: unknown): number | null {
  const at = maybeNumber(info, "resetsAt");
  return at === undefined || at <= 0 ? null : Math.round(at * 1000);
}

const windowOf = (scope: string, used: number, resetsAt: number | null): Allowance => ({
  scope,
  usedPercent: Math.round(used * 1000) / 10,
  resetsAt,
});
