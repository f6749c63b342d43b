/**
 * What Codex tells of its account. One code (`usageLimitExceeded`) stands for four things, of which only one passes by
 * itself; the exact reset is in the last `account/rateLimits/updated` and nowhere else. Facts: captures of 0.169.0.
 */
import type { Allowance, LimitFound } from "../../words/limits.ts";
import type { Span } from "../contract.ts";
import { patch, say } from "../draft.ts";
import { type Fields, fields, maybeNumber, maybeText, text } from "../read.ts";
import type { CodexState, Draft, Window } from "./state.ts";
import { httpStatus, turnError } from "./turn-error.ts";

/** Money or another plan is wanted, though the windows may be full as well. */
const TO_PAY = /out of credits|upgrade to plus|quota exceeded|billing/i;
const A_TIME = /try again (at|later)/i;
/**
 * A 429 with a long `retry-after` is waited for by Codex, without a word of how long: after so much silence the wait is
 * ours.
 */
export const STUCK_MS = 5 * 60_000;

/** Of a failed turn; null: nothing that lies with the account. */
export function accountFailure(
  { windows }: { readonly windows: readonly Window[] },
  error: Fields,
  nowMs: number,
): LimitFound | null {
  const { code, message } = turnError(error);
  const status = httpStatus(error);
  const billing: LimitFound = { class: "billing", scope: "billing", resetsAt: null, message };
  if (code === "usageLimitExceeded") {
    if (TO_PAY.test(message) && !A_TIME.test(message)) return billing;
    const full = windows
      .filter(({ usedPercent, resetsAt }) => usedPercent >= 100 && resetsAt !== null && resetsAt > nowMs)
      .sort((a, b) => (b.resetsAt ?? 0) - (a.resetsAt ?? 0))[0];
    if (full === undefined && !A_TIME.test(message)) return billing;
    return { class: "limit", scope: full?.scope ?? "account", resetsAt: full?.resetsAt ?? null, message };
  }
  if (status === 402) return billing;
  if (status === 401 || status === 403 || code === "unauthorized")
    return { class: "auth", scope: "auth", resetsAt: null, message };
  return null;
}

/** `account/rateLimits/updated`: a window that is null this time is what it was before. */
export function rateLimitsSaid(draft: Draft, params: Fields): void {
  const told = fields(params, "rateLimits");
  const windows = [windowOf(told, "primary"), windowOf(told, "secondary")].filter((window) => window !== null);
  const known = draft.state.windows;
  const merged = [...known.filter(({ scope }) => !windows.some((each) => each.scope === scope)), ...windows];
  if (JSON.stringify(merged) === JSON.stringify(known)) return;
  patch(draft, { windows: merged.slice(-MAX_WINDOWS) });
  const allowance = (each: Window): Allowance => ({ ...each });
  say(draft, { type: "allowance", windows: windows.map(allowance) });
}

const MAX_WINDOWS = 8;
/** Lengths in minutes that have a name. */
const NAMES: Readonly<Record<number, string>> = { 300: "five_hour", 10080: "seven_day" };

function windowOf(told: Fields, name: string): Window | null {
  const window = fields(told, name);
  const usedPercent = maybeNumber(window, "usedPercent");
  if (usedPercent === undefined) return null;
  const minutes = maybeNumber(window, "windowDurationMins");
  const resetsAt = maybeNumber(window, "resetsAt");
  const length = minutes === undefined ? name : (NAMES[minutes] ?? `${minutes}_minutes`);
  // Some models have windows of their own.
  const limit = maybeText(told, "limitId") ?? "codex";
  return {
    scope: limit === "codex" || text(told, "limitId") === "" ? length : `${limit}_${length}`,
    usedPercent,
    resetsAt: resetsAt === undefined || resetsAt <= 0 ? null : Math.round(resetsAt * 1000),
  };
}

/** A refused call is tried again, we are not told when. */
export function retryAnnounced(draft: Draft, status: number | null): void {
  const stuck = status === 429;
  patch(draft, { stuck, refusals: draft.state.refusals + Number(stuck) });
}

/** Of each refusal anew. */
export function silence({ stuck, refusals }: Pick<CodexState, "stuck" | "refusals">): readonly Span[] {
  return stuck ? [{ of: refusals, ms: STUCK_MS }] : [];
}

/** Nothing came since: it waits as the server told it to. */
export function quiet(draft: Draft): void {
  if (!draft.state.stuck) return;
  patch(draft, { stuck: false });
  say(draft, {
    type: "limited",
    class: "limit",
    scope: "requests",
    resetsAt: null,
    message: "Codex waits after a refused request (429) and does not tell for how long",
  });
}
