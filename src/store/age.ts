/**
 * For how long a store was in use: what must be kept for a time is kept for so much of it, whatever the wall clock is
 * set to meanwhile. Stored now and then; a death takes at most what was added since.
 * Stamps are of the wall clock, so it is also remembered what that showed in the meantime: in spans, each as long as
 * nobody set it: a row for each time that it was, or that the box was off. Both programs have them, each in its own
 * store.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import type { Row, Store } from "./sqlite.ts";

/** A step of both schemas, which is never changed. Ages in ms; `wall`: epoch ms at the beginning of the span. */
export const CLOCK_SPANS = `
CREATE TABLE clock_spans (since INTEGER PRIMARY KEY, until INTEGER NOT NULL, wall INTEGER NOT NULL) STRICT;
`;

export interface Age {
  /** Ms. */
  now(): number;
  /** Epoch ms: whatever carries an earlier stamp is older than so many days in which the store was in use. */
  cutoff(days: number): number;
  /** The store is to be closed. */
  stop(): void;
}

interface Span {
  readonly since: number;
  readonly until: number;
  readonly wall: number;
}

/** Time servers correct a clock by as much, all the time. */
const SAME_MS = 60_000;
const LOOK_MS = 60_000;
const SAVE_MS = 10 * 60 * 1000;
const DAY_MS = 24 * 60 * 60 * 1000;

/** Throws where the store cannot be written now. */
export function createAge(store: Store, clock: Clock): Age {
  const spans = (): readonly Span[] => store.all<Row & Span>("SELECT * FROM clock_spans ORDER BY since");
  let last = spans().at(-1);
  const [before, began] = [last?.until ?? 0, clock.monotonic()];
  const now = (): number => Math.round(before + clock.monotonic() - began);
  const wasSet = (): boolean => last === undefined || Math.abs(wallAt(last, now()) - clock.now()) >= SAME_MS;

  let lookedAt = before;
  /** Nobody knows when since the last look it was set. */
  const present = (): Span => {
    const age = now();
    return { since: lookedAt, until: age, wall: clock.now() - (age - lookedAt) };
  };

  const save = (): void => {
    const { since, until, wall } = present();
    store.transact(() => {
      if (last !== undefined) store.run("UPDATE clock_spans SET until = ? WHERE since = ?", until, last.since);
      if (!wasSet()) return;
      store.run(
        "INSERT INTO clock_spans VALUES (?, ?, ?) ON CONFLICT (since) DO UPDATE SET wall = min(wall, excluded.wall)",
        ...[since, until, wall],
      );
    });
    last = spans().at(-1);
  };
  const saveIf = (due: boolean): void => {
    try {
      if (due) save();
      lookedAt = now();
    } catch {
      // Locked, or full: what was added since the last time is saved by the next look, or lost as by a death.
    }
  };
  save();
  const look = (): Timer =>
    clock.setTimer(LOOK_MS, () => {
      saveIf(wasSet() || now() - (last?.until ?? 0) >= SAVE_MS);
      timer = look();
    });
  let timer = look();

  return {
    now,
    cutoff: (days) => earliest(spans(), present(), days * DAY_MS),
    stop() {
      timer.cancel();
      saveIf(true);
    },
  };
}

const wallAt = ({ since, wall }: Span, age: number): number => wall + age - since;

/** The earliest that the wall clock has shown in the last `ms`. */
function earliest(spans: readonly Span[], present: Span, ms: number): number {
  const from = present.until - ms;
  const shown = [...spans, present].flatMap((span, n) => {
    // Before the first span the clock is taken to have gone right; and the last that is stored goes on until now, for
    // nobody knows when it was set since.
    const since = n === 0 ? from : span.since;
    const until = n >= spans.length - 1 ? present.until : span.until;
    return until < from ? [] : [wallAt(span, Math.max(since, from))];
  });
  return Math.min(...shown);
}
