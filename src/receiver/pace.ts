/**
 * When a sink may send again. Its pauses grow while it fails, whichever delivery it is that fails: an outage is not
 * asked about once for each that waits. All in running time (`Clock.monotonic`), so a clock that is set moves nothing.
 */
import type { SinkRetry } from "./sink.ts";

export interface Pace {
  /** Running time before which nothing goes out. */
  readonly heldUntilMs: number;
  /** 0 = it has not stopped. */
  readonly stoppedUntilMs: number;
  /** A send begins. */
  started(nowMs: number): void;
  /** The destination works: it took one, or it refused that one alone. */
  works(): void;
  /** Gives the pause. `waitMs`: asked for by the other side, which can lengthen the pause only. */
  failed(nowMs: number, waitMs: number): number;
  stopped(nowMs: number, retryInMs: number): void;
  holdFor(nowMs: number, ms: number): void;
  /** The next may go out now: a person asked, or the one that failed no longer stands in the way. */
  release(): void;
  /** So much went by that running time does not know of: the box slept. */
  slept(ms: number): void;
}

const JITTER = 0.1;

/** `random` in [0, 1). */
export function createPace({ delaysMs, gapMs }: SinkRetry, random: () => number): Pace {
  let failures = 0;
  let pausedUntilMs = 0;
  let stoppedUntilMs = 0;
  return {
    get heldUntilMs() {
      return Math.max(pausedUntilMs, stoppedUntilMs);
    },
    get stoppedUntilMs() {
      return stoppedUntilMs;
    },
    started: (nowMs) => void (pausedUntilMs = nowMs + gapMs),
    works() {
      failures = 0;
      stoppedUntilMs = 0;
    },
    failed(nowMs, waitMs) {
      failures += 1;
      const baseMs = delaysMs[Math.min(failures, delaysMs.length) - 1] ?? 0;
      const delayMs = Math.round(Math.max(baseMs, waitMs) * (1 + JITTER * random()));
      pausedUntilMs = Math.max(pausedUntilMs, nowMs + delayMs);
      return delayMs;
    },
    stopped: (nowMs, retryInMs) => void (stoppedUntilMs = nowMs + retryInMs),
    holdFor: (nowMs, ms) => void (pausedUntilMs = Math.max(pausedUntilMs, nowMs + ms)),
    release() {
      pausedUntilMs = 0;
      stoppedUntilMs = 0;
    },
    slept(ms) {
      pausedUntilMs -= ms;
      if (stoppedUntilMs > 0) stoppedUntilMs = Math.max(1, stoppedUntilMs - ms);
    },
  };
}
