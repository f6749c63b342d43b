/**
 * For how long a store was in use: what must be kept for a time is kept for so much of it, whatever the wall clock is
 * set to meanwhile. Stored now and then; a death takes at most what was added since.
 */
import type { Clock } from "../lib/clock.ts";
import type { Store } from "./database.ts";

export interface Age {
  /** Ms. */
  now(): number;
  /** In a transaction of the caller's. */
  save(): void;
}

export function createAge(store: Store, clock: Pick<Clock, "monotonic">): Age {
  const known = Number(store.get<{ value: string }>("SELECT value FROM meta WHERE key = 'age_ms'")?.value ?? 0);
  const before = Number.isFinite(known) ? known : 0;
  const since = clock.monotonic();
  const now = (): number => Math.round(before + clock.monotonic() - since);
  return {
    now,
    save: () => void store.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('age_ms', ?)", String(now())),
  };
}
