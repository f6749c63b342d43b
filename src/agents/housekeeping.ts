/** What is looked after beside the agents' work: soon after the start, and each hour. Never two at once. */
import type { Clock, Timer } from "../lib/clock.ts";

const FIRST_MS = 5_000;
const EVERY_MS = 60 * 60 * 1000;

export function startHousekeeping({ clock, tend }: { readonly clock: Clock; readonly tend: () => Promise<void> }): {
  stop(): void;
} {
  let timer: Timer;
  let stopped = false;
  const run = async (): Promise<void> => {
    await tend().catch(() => undefined); // it has said so itself; the next hour tries again
    if (!stopped) timer = clock.setTimer(EVERY_MS, () => void run());
  };
  timer = clock.setTimer(FIRST_MS, () => void run());
  return {
    stop() {
      stopped = true;
      timer.cancel();
    },
  };
}
