/**
 * The time in which we could work, for limits: it does not jump with the wall clock and stands still while the box is
 * suspended or we are stopped. A timer that comes late is what tells of the latter: by as much as it was late, nobody
 * can be blamed for silence.
 */
import type { Clock } from "./clock.ts";

/** The event loop may be busy for so long without having been away. */
const TOLERATED_MS = 1000;

export interface RunningTime {
  /** Ms since some moment of this process. */
  now(): number;
  /** The caller is sure to look again after so long: when it does later, we were away. */
  beat(inMs: number): void;
}

export function createRunningTime(clock: Pick<Clock, "monotonic">): RunningTime {
  let lostMs = 0;
  let dueAt = Infinity;
  const now = (): number => {
    const monotonic = clock.monotonic();
    const late = monotonic - dueAt;
    if (late > TOLERATED_MS) {
      lostMs += late;
      dueAt = monotonic;
    }
    return monotonic - lostMs;
  };
  return {
    now,
    beat(inMs) {
      now();
      dueAt = clock.monotonic() + inMs;
    },
  };
}
