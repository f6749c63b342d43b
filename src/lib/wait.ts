/** Waiting for what gives no notice: looked at again and again, less and less often, within a limit. */
import type { Clock } from "./clock.ts";

const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => void clock.setTimer(ms, resolve));
}

/** Lets all go first that is due now: between two pieces of long work. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** true = `reached` held within the limit. It is asked at once, and once more when the time is over. */
export async function waitUntil(clock: Clock, reached: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = clock.monotonic() + limitMs;
  for (let ms = FIRST_PAUSE_MS; !reached(); ms = Math.min(ms * 2, LONGEST_PAUSE_MS)) {
    const restMs = deadline - clock.monotonic();
    if (restMs <= 0) return false;
    await pause(clock, Math.min(ms, restMs));
  }
  return true;
}
