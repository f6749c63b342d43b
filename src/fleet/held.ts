/**
 * For how long readers of the event log are held back: nothing can be read past the oldest transaction that is open and
 * writes, of the whole cluster, other databases included. Looked at only while somebody reads, and not often.
 */
import type { Clock } from "../lib/clock.ts";
import type { Ask } from "./database.ts";
import { textOf } from "./values.ts";

export interface Held {
  /** Whoever has read all that can be read looks whether that is all. */
  look(ask: Ask): Promise<void>;
  seconds(): number;
}

const EVERY_MS = 1000;
const OPEN = `
  SELECT pg_snapshot_xmin(s)::text AS oldest, pg_snapshot_xmin(s) < pg_snapshot_xmax(s) AS open
  FROM pg_current_snapshot() s`;

export function createHeld(clock: Clock): Held {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let oldest: string | null = null;
  let since = 0;
  return {
    async look(ask) {
      if (clock.monotonic() - lookedAt < EVERY_MS) return;
      lookedAt = clock.monotonic();
      const [row] = await ask(OPEN);
      const found = row?.["open"] === true ? textOf(row, "oldest") : null;
      if (found !== oldest) since = lookedAt;
      oldest = found;
    },
    // Nobody has looked for a while: nobody is held.
    seconds: () => (oldest === null || clock.monotonic() - lookedAt > 10 * EVERY_MS ? 0 : (lookedAt - since) / 1000),
  };
}
