/**
 * Writes that arrive in one tick of the event loop share one transaction, so one fsync serves them all. While it runs,
 * more gather (requests in the sockets, output in the files); the next tick takes them together. The busier it is, the
 * larger the groups.
 */
import { isPassing } from "./patience.ts";
import type { Store } from "./sqlite.ts";

export interface GroupCommit {
  /**
   * `work` is done in the shared transaction, `committed` right after it, before anything else can happen. Resolves
   * with what `work` gave. Rejects when the store cannot be written; then nothing of it is stored. `work` may be called
   * again after it was rolled back because of a neighbour.
   */
  write<T>(work: () => T, committed?: (result: T) => void): Promise<T>;
  /** Commits what waits now. */
  flush(): void;
}

interface Job {
  /** Gives the function to call after the commit. */
  readonly run: () => () => void;
  readonly fail: (error: unknown) => void;
}

/** `later` runs a function at the end of the current tick. */
export function createGroupCommit(
  store: Pick<Store, "transact">,
  later: (fn: () => void) => void = setImmediate,
): GroupCommit {
  let jobs: Job[] = [];

  const commit = (group: readonly Job[]): void => {
    let settles: readonly (() => void)[];
    try {
      settles = store.transact(() => group.map((job) => job.run()));
    } catch (error) {
      // One job's failure rolled back its neighbours: each gets a transaction of its own. A full disk or a foreign lock
      // is nobody's failure, and to try each would block the loop once for each.
      if (group.length > 1 && !isPassing(error)) for (const job of group) commit([job]);
      else for (const job of group) job.fail(error);
      return;
    }
    for (const settle of settles) settle();
  };
  const flush = (): void => {
    const group = jobs;
    jobs = [];
    if (group.length > 0) commit(group);
  };

  return {
    write: (work, committed) =>
      new Promise((resolve, reject) => {
        const run = () => {
          const result = work();
          return () => {
            try {
              committed?.(result);
              resolve(result);
            } catch (error) {
              reject(error); // it is stored all the same, and the neighbours are not concerned
            }
          };
        };
        if (jobs.push({ run, fail: reject }) === 1) later(flush);
      }),
    flush,
  };
}
