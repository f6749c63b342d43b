/** Old events, settled deliveries and idempotency keys go, in small batches, so that nobody waits for the tidying. */
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Age } from "./age.ts";
import type { Store } from "./database.ts";
import { pruneDeliveries } from "./deliveries.ts";
import { eventBytes, pruneEvents } from "./events.ts";
import { IDEMPOTENCY_TTL_MS, pruneIdempotency } from "./idempotency.ts";
import { pruneUsage } from "./usage.ts";

const EVERY_MS = 60 * 60 * 1000;
const PAUSE_MS = 50;
const BATCH = 500;
/** What nobody has copied yet stays twice as long, and no longer when it is so much. */
const HELD_BYTES = 2 * 1024 * 1024 * 1024;

export function startRetention({
  store,
  clock,
  log,
  age,
  eventsDays,
  copied = null,
}: {
  store: Store;
  age: Age;
  clock: Clock;
  log: Logger;
  eventsDays: number;
  /** The last event that somebody copies elsewhere has; null: nobody does. */
  copied?: (() => number) | null;
}): { stop(): void } {
  let timer: Timer;
  const held = (old: number) => {
    if (copied === null) return null;
    const upTo = copied();
    const tooMuch = eventBytes(store, upTo, old) > HELD_BYTES;
    return tooMuch ? null : { upTo, atLatest: age.cutoff(2 * eventsDays) };
  };
  const run = (): void => {
    try {
      const old = age.cutoff(eventsDays);
      const gone = store.transact(() => {
        return (
          pruneEvents(store, old, BATCH, held(old)) +
          pruneDeliveries(store, old, BATCH) +
          pruneUsage(store, old, BATCH) +
          pruneIdempotency(store, age.now() - IDEMPOTENCY_TTL_MS, BATCH)
        );
      });
      timer = clock.setTimer(gone > 0 ? PAUSE_MS : EVERY_MS, run);
    } catch (error) {
      log.error("cannot prune old rows", { error });
      timer = clock.setTimer(EVERY_MS, run);
    }
  };
  timer = clock.setTimer(PAUSE_MS, run);
  return { stop: () => timer.cancel() };
}
