/** What becomes of a delivery after an attempt. Pure: the table of DESIGN 8, with time and chance as arguments. */
import { nextAttemptAt, type RetrySchedule } from "../lib/backoff.ts";
import type { AttemptOutcome } from "./client.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const WEBHOOK_SCHEDULE: RetrySchedule = {
  delaysMs: [1 * SECOND, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 1 * HOUR],
  thenEveryMs: 2 * HOUR,
  giveUpAfterMs: 24 * HOUR,
};

export interface AttemptHistory {
  readonly outcome: AttemptOutcome;
  /** Attempts made, this one included; a redelivery starts again at 1. */
  readonly attempt: number;
  /** How many of them, this one included, ended as `retry_once`. */
  readonly refusals: number;
  readonly firstAtMs: number;
  readonly nowMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export type NextStep =
  | { readonly state: "delivered" }
  | { readonly state: "pending"; readonly atMs: number }
  | { readonly state: "dead"; readonly reason: string };

export function afterAttempt({ outcome, attempt, refusals, firstAtMs, nowMs, random }: AttemptHistory): NextStep {
  switch (outcome.type) {
    case "delivered":
      return { state: "delivered" };
    case "dead":
      return { state: "dead", reason: outcome.reason };
    case "retry_once":
      if (refusals > 1) return { state: "dead", reason: `${outcome.reason} (refused twice)` };
      break;
    case "retry":
      break;
  }
  const retryAfter =
    outcome.type === "retry" && outcome.retryAfterMs !== undefined ? { retryAfterMs: outcome.retryAfterMs } : {};
  const atMs = nextAttemptAt(WEBHOOK_SCHEDULE, { attempt, firstAtMs, nowMs, random, ...retryAfter });
  return atMs === null
    ? { state: "dead", reason: `${outcome.reason} (given up after ${attempt} attempts in 24 hours)` }
    : { state: "pending", atMs };
}
