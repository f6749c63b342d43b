/** Forgets old webhooks, now and every hour: settled ones, and those that could not be sent for so long. */
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Age } from "../store/age.ts";
import type { Inbox } from "./inbox.ts";

const EVERY_MS = 3_600_000;

export interface PruningDeps {
  readonly inbox: Inbox;
  readonly age: Age;
  /** Of use: while the receiver does not run, it could send nothing. */
  readonly days: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Returns the function that ends it. */
export function startPruning({ inbox, age, days, clock, log }: PruningDeps): () => void {
  let stopped = false;
  let timer: Timer | undefined;
  const round = async (): Promise<void> => {
    try {
      while (!stopped && (await inbox.prune(age.cutoff(days), clock.now())));
    } catch (error) {
      if (!stopped) log.error("cannot forget old webhooks, trying again in an hour", { error });
    }
    if (!stopped) timer = clock.setTimer(EVERY_MS, () => void round());
  };
  void round();
  return () => {
    stopped = true;
    timer?.cancel();
  };
}
