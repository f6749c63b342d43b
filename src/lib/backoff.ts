/**
 * When to try again: a list of delays, then a steady beat, until so much was waited. Pure: chance is an argument, and
 * the clock is none: what was waited is counted, so a clock that is set or a box that was off ends nothing early.
 */

export interface RetrySchedule {
  /** Delay before the 2nd, 3rd … attempt. */
  readonly delaysMs: readonly number[];
  /** The delay after the list is used up; null = no further attempt. */
  readonly thenEveryMs: number | null;
  /** All delays together. The last attempt is made at its end. */
  readonly giveUpAfterMs: number;
}

export interface FailedAttempt {
  /** 1 = the first attempt failed. */
  readonly attempt: number;
  /** The delays before the attempts made so far. */
  readonly waitedMs: number;
  /** What the other side asked for; it can lengthen a delay, never shorten it. */
  readonly retryAfterMs?: number;
  /** In [0, 1). */
  readonly random: () => number;
}

/** Share of the delay by which an attempt may come earlier or later, so that a crowd does not come back as one. */
const JITTER = 0.1;

/** Ms until the next attempt, or null when it is time to give up. */
export function nextDelay(
  schedule: RetrySchedule,
  { attempt, waitedMs, retryAfterMs = 0, random }: FailedAttempt,
): number | null {
  const delayMs = schedule.delaysMs[attempt - 1] ?? schedule.thenEveryMs;
  const leftMs = schedule.giveUpAfterMs - waitedMs;
  if (delayMs === null || leftMs <= 0) return null;
  const jitteredMs = delayMs * (1 - JITTER + 2 * JITTER * random());
  return Math.round(Math.min(leftMs, Math.max(jitteredMs, retryAfterMs)));
}

/**
 * `Retry-After` (RFC 9110, 10.2.3; fractions of seconds as some services send them) in ms from now; undefined when
 * unreadable.
 */
export function parseRetryAfter(header: string | null, nowMs: number): number | undefined {
  const text = header?.trim();
  if (!text) return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(text)) return Math.ceil(Number(text) * 1000);
  if (!/^[A-Za-z]{3},? /.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}
