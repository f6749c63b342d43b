/** Time as an argument: who needs the time or a timer takes a `Clock`, tests give one they move by hand. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Epoch ms, for stamps and for promises of others. It can be set while we run: no wait of ours hangs on it. */
  now(): number;
  /**
   * Ms since some moment of this process. Never jumps and is never set back; stands still while the box is suspended.
   * Means nothing to another process: never stored.
   */
  monotonic(): number;
  /** Calls `fn` once after `ms`. Any length: the runtime's own limit of 2^31-1 ms does not apply. */
  setTimer(ms: number, fn: () => void): Timer;
}

/** `setTimeout` fires at once beyond this. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer(ms, fn) {
    let rest = Math.max(0, ms);
    let timeout: ReturnType<typeof setTimeout>;
    const next = (): void => {
      const part = Math.min(rest, LONGEST_TIMEOUT_MS);
      rest -= part;
      timeout = setTimeout(rest > 0 ? next : fn, part);
    };
    next();
    return { cancel: () => clearTimeout(timeout) };
  },
};

export interface FakeClock extends Clock {
  /** Moves time on and fires what falls due, in order, also timers that are set meanwhile. */
  advance(ms: number): void;
  /** Sets the wall clock alone, as a person, a time server or a suspended box does: no timer moves. */
  jump(ms: number): void;
  /** How many timers wait. */
  readonly pending: number;
}

export function fakeClock(startMs = Date.UTC(2026, 0, 1)): FakeClock {
  let nowMs = 0;
  /** Wall clock minus running time. */
  let offsetMs = startMs;
  let sequence = 0;
  const timers = new Map<number, { readonly dueMs: number; readonly fn: () => void }>();
  const firstDue = (untilMs: number): number | undefined => {
    let found: number | undefined;
    let dueMs = untilMs;
    for (const [id, timer] of timers) {
      if (timer.dueMs < dueMs || (timer.dueMs === dueMs && found === undefined)) [found, dueMs] = [id, timer.dueMs];
    }
    return found;
  };
  return {
    now: () => nowMs + offsetMs,
    monotonic: () => nowMs,
    jump: (ms) => void (offsetMs += ms),
    setTimer(ms, fn) {
      const id = ++sequence;
      timers.set(id, { dueMs: nowMs + Math.max(0, ms), fn });
      return { cancel: () => void timers.delete(id) };
    },
    advance(ms) {
      const untilMs = nowMs + ms;
      for (let id = firstDue(untilMs); id !== undefined; id = firstDue(untilMs)) {
        const timer = timers.get(id);
        timers.delete(id);
        nowMs = Math.max(nowMs, timer?.dueMs ?? nowMs);
        timer?.fn();
      }
      nowMs = untilMs;
    },
    get pending() {
      return timers.size;
    },
  };
}
