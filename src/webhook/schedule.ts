/** What becomes of a delivery after an attempt. Pure; it counts what was waited and knows no clock. */
import { nextDelay, type RetrySchedule } from "../lib/backoff.ts";
import type { Delivery } from "../store/deliveries.ts";
import type { AttemptOutcome } from "./client.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

export const WEBHOOK_SCHEDULE: RetrySchedule = {
  delaysMs: [1 * SECOND, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, 1 * HOUR],
  thenEveryMs: 2 * HOUR,
  giveUpAfterMs: 24 * HOUR,
};
/** A proxy whose backend is being replaced answers like a receiver that is not there. */
const ABSENT_GIVE_UP_MS = 1 * HOUR;

export interface AttemptHistory {
  readonly outcome: AttemptOutcome;
  /** Attempts made, this one included; a redelivery starts again at 1. */
  readonly attempt: number;
  /** How many of them, this one included, ended as `retry_once`. */
  readonly refusals: number;
  /** The delays granted so far; of them, those granted because nobody seemed to be there, since somebody last was. */
  readonly waitedMs: number;
  readonly absentMs: number;
  /** In [0, 1). */
  readonly random: () => number;
}

export type NextStep =
  | { readonly state: "delivered" }
  | {
      readonly state: "pending";
      readonly delayMs: number;
      readonly absentMs: number;
    }
  | { readonly state: "dead"; readonly reason: string };

/**
 * The same with what was granted and not waited taken off: the clock was set ahead and all was due at once, or nobody
 * ran meanwhile. `age`: of the store, as `sinceAge`.
 */
export function asWaited<T extends Pick<Delivery, "delayMs" | "waitedMs" | "absentMs" | "sinceAge">>(
  delivery: T,
  age: number,
): T {
  const { delayMs, waitedMs, absentMs, sinceAge } = delivery;
  const letOff = sinceAge === null ? 0 : Math.max(0, delayMs - Math.max(0, age - sinceAge));
  return { ...delivery, waitedMs: Math.max(0, waitedMs - letOff), absentMs: Math.max(0, absentMs - letOff) };
}

export function afterAttempt({ outcome, attempt, refusals, waitedMs, absentMs, random }: AttemptHistory): NextStep {
  const again = (giveUpAfterMs: number, retryAfterMs = 0): number | null =>
    nextDelay({ ...WEBHOOK_SCHEDULE, giveUpAfterMs }, { attempt, waitedMs, retryAfterMs, random });
  switch (outcome.type) {
    case "delivered":
      return { state: "delivered" };
    case "dead":
      return { state: "dead", reason: outcome.reason };
    case "retry_once": {
      const delayMs = refusals > 1 ? null : again(WEBHOOK_SCHEDULE.giveUpAfterMs);
      if (delayMs === null) return { state: "dead", reason: `${outcome.reason} (refused twice)` };
      return { state: "pending", delayMs, absentMs: 0 };
    }
    case "absent": {
      const leftMs = ABSENT_GIVE_UP_MS - absentMs;
      const delayMs = leftMs <= 0 ? null : again(Math.min(WEBHOOK_SCHEDULE.giveUpAfterMs, waitedMs + leftMs));
      if (delayMs === null) return { state: "dead", reason: `${outcome.reason} (for an hour)` };
      return { state: "pending", delayMs, absentMs: absentMs + delayMs };
    }
    case "retry": {
      const delayMs = again(WEBHOOK_SCHEDULE.giveUpAfterMs, outcome.retryAfterMs);
      if (delayMs === null)
        return { state: "dead", reason: `${outcome.reason} (given up after ${attempt} attempts in 24 hours)` };
      return { state: "pending", delayMs, absentMs: 0 };
    }
  }
}
