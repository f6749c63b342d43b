/**
 * Taking over, agent by agent: each by itself, so that one that cannot be read, or has much to be read, keeps nobody
 * else waiting. What is here decides no status: a damaged one is told to the reducer as such.
 */
import type { Clock } from "../lib/clock.ts";
import { untilPossible } from "../lib/descriptors.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { pause } from "../lib/wait.ts";

/** What of an agent is taken over. */
export interface Survivor {
  readonly id: string;
  /** Brings its row in line with what lives. */
  reconcile(): Promise<void>;
  /** It cannot be: its process is ended where one is known, its turn is lost with this reason. */
  giveUp(reason: string): Promise<void>;
  /** From here on it is served, and its deadlines count. */
  activate(): unknown;
}

/** The daemon is ready after so long, whoever is not. */
export const BOOT_MS = 2000;

export interface Boot {
  /** Resolves when all are taken over, or after `BOOT_MS`: the rest follows. */
  readonly done: Promise<void>;
  isPending(id: string): boolean;
}

export function takeOver(
  survivors: readonly Survivor[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Boot {
  const pending = new Set(survivors.map(({ id }) => id));

  const one = async (survivor: Survivor): Promise<void> => {
    try {
      // For want of descriptors, or of a store that takes it, nothing can be said about a process: neither that it
      // lives nor that it does not.
      await untilPossible(clock, () => survivor.reconcile());
    } catch (error) {
      log.error("cannot take an agent over", { agent: survivor.id, error });
      const givenUp = untilPossible(clock, () => survivor.giveUp(errorText(error)));
      await givenUp.catch((again: unknown) =>
        log.error("cannot end an agent's process", { agent: survivor.id, error: again }),
      );
    }
    await untilPossible(clock, () => survivor.activate());
    pending.delete(survivor.id);
  };

  const all = Promise.all(survivors.map(one)).then(() => undefined);
  return { done: Promise.race([all, pause(clock, BOOT_MS)]), isPending: (id) => pending.has(id) };
}
