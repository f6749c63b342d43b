/**
 * What OpenCode tells of its account. At any limit it says "busy" and waits, for hours if it is told to, or tries again
 * for ever: the time of its next try is what tells the two apart. Facts: captures of 1.18.33.
 */
import type { LimitClass, LimitFound } from "../../words/limits.ts";
import { tryJson } from "../../lib/json.ts";
import { type Fields, fields, number, text } from "../read.ts";

/** A wait of the program itself that is longer is ours. */
const LONG_MS = 5 * 60_000;
/** OpenAI's way to say that there is no money: OpenCode takes it for a burst of requests and tries for ever. */
const NO_QUOTA = /exceeded your current quota|insufficient_quota/i;

export interface RetryTold {
  readonly reason: string;
  /** Epoch ms. */
  readonly next?: number;
  /** Ms until `next`, when it was told. */
  readonly inMs?: number;
  /** OpenCode's word for what a person could do: it is there only at a limit. */
  readonly action?: string;
}

/**
 * Epoch ms of the next try. A clock that was set back since it was told makes it no further than it was then: the
 * program waits by running time, and a moment of next week is no reason to wait a week.
 */
export function nextTry({ next, inMs = Infinity }: RetryTold, nowMs: number): number | undefined {
  return next === undefined ? next : Math.min(next, nowMs + inMs);
}

/** Null: it goes on by itself in a moment. */
export function limitOfRetry(told: RetryTold, nowMs: number): LimitFound | null {
  const { reason, action = "" } = told;
  const next = nextTry(told, nowMs) ?? 0;
  if (NO_QUOTA.test(reason)) return { class: "billing", scope: "billing", resetsAt: null, message: reason };
  if (action === "" && next - nowMs <= LONG_MS) return null;
  return { class: "limit", scope: action || "account", resetsAt: next > nowMs ? next : null, message: reason };
}

/** Of an APIError; null: nothing that lies with the account. */
export function accountOfError(data: Fields): Exclude<LimitClass, "limit"> | null {
  const status = number(data, "statusCode");
  const body = fields(tryJson(text(data, "responseBody")), "error");
  // An empty balance of OpenCode's own service is a 401, too.
  if (status === 402 || text(body, "type") === "CreditsError") return "billing";
  if (/credit balance/i.test(text(data, "message"))) return "billing";
  return status === 401 || status === 403 ? "auth" : null;
}
