/** What keeps a store from working for a while: a full disk, a lock that somebody else holds. Waited out, and said. */
import type { Clock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";

const WAIT_MS = 1000;

export interface Patience {
  readonly clock: Clock;
  readonly log: Logger;
  readonly waiting: (reason: HarnessError) => void;
  /** Nobody wants it any more: the wait ends with what it waited for. */
  readonly signal: AbortSignal;
}

/** Nothing was done, and the same may work in a moment. */
export function isPassing(error: unknown): error is HarnessError {
  return error instanceof HarnessError && (error.code === "DISK_FULL" || error.code === "STORE_BUSY");
}

/** Does `work` when the disk has room and nobody else holds the store; tells meanwhile what is waited for. */
export async function patiently<T>(work: () => T | Promise<T>, { clock, log, waiting, signal }: Patience): Promise<T> {
  let told = "";
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      waiting(error);
      if (told !== error.code) log.warn("cannot start yet, will try again until it can", { reason: error.message });
      told = error.code;
      if (signal.aborted) throw error;
    }
    await new Promise<void>((resolve) => void clock.setTimer(WAIT_MS, resolve));
  }
}
