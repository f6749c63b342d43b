/**
 * How far the wall clock was set since the last look: what it gained or lost against the running time. Forward can also
 * mean that the box slept; backward means that somebody set it. Small corrections of a time server are no step.
 */
import type { Clock } from "./clock.ts";

const TOLERATED_MS = 2000;

/** Each call gives the ms since the one before; 0 = none. Whoever waits for long looks at least each minute. */
export function watchClockSteps(clock: Clock): () => number {
  const offset = (): number => clock.now() - clock.monotonic();
  let known = offset();
  return () => {
    const step = offset() - known;
    if (Math.abs(step) < TOLERATED_MS) return 0;
    known += step;
    return Math.round(step);
  };
}
