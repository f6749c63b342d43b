/**
 * Writes that arrive in one tick of the event loop share one transaction, so one fsync serves them all. While it runs,
 * requests gather in the sockets; the next tick takes them together. The busier it is, the larger the groups.
 */
import type { Store } from "../store/sqlite.ts";

export interface GroupCommit {
  /** Resolves with what `work` gave, after the commit. Rejects when the store cannot be written; then nothing of it is stored. */
  write<T>(work: () => T): Promise<T>;
  /** Commits what waits now. */
  flush(): void;
}

interface Job {
  /** Gives the function that settles the promise, called after the commit. */
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
      // One job's failure rolled back its neighbours: each gets a transaction of its own.
      if (group.length > 1) for (const job of group) commit([job]);
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
    write: (work) =>
      new Promise((resolve, reject) => {
        const run = () => {
          const result = work();
          return () => resolve(result);
        };
        if (jobs.push({ run, fail: reject }) === 1) later(flush);
      }),
    flush,
  };
}
