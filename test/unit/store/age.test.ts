/**
 * What is kept for a time is kept for so much time of use, whatever the wall clock is set to meanwhile. Looked for what
 * goes by a time: answers of requests, events, settled webhooks, spending, agents' kept work, begun tasks of a fleet,
 * and in the receiver the notices themselves, which were called expired when the clock was set a week ahead.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { FakeClock } from "../../../src/lib/clock.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createAge } from "../../../src/store/age.ts";
import type { Age } from "../../../src/store/age.ts";
import type { Store } from "../../../src/store/database.ts";
import { openStore } from "../../../src/store/database.ts";
import { keepAnswer, keptAnswer } from "../../../src/store/idempotency.ts";
import { startRetention } from "../../../src/store/retention.ts";
import { seeded } from "../../support/random.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KEPT = { scope: "projects", key: "k", hash: "h", status: 201, answer: "{}", input: null, agent: null };

let dir = "";
let store: Store;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-age-"));
  store = openStore(join(dir, "harness.db"));
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true });
});

const begin = (clock: FakeClock, eventsDays = 14): { age: Age; stop(): void } => {
  const age = createAge(store, clock);
  const retention = startRetention({ store, clock, log: silentLogger, age, eventsDays });
  return {
    age,
    stop() {
      retention.stop();
      age.stop();
    },
  };
};

test("a key lives for a day in which the store is in use, whatever the wall clock is set to", () => {
  let clock = fakeClock(1_000_000);
  const isKept = (): boolean => keptAnswer(store, KEPT.scope, KEPT.key, KEPT.hash) !== null;
  let daemon = begin(clock);
  clock.advance(HOUR_MS);
  store.transact(() => keepAnswer(store, KEPT, daemon.age.now()));
  clock.jump(48 * HOUR_MS);
  clock.advance(2 * HOUR_MS);
  expect(isKept()).toBe(true);

  daemon.stop();
  clock = fakeClock(clock.now() + 48 * HOUR_MS); // off for two days, or set to that
  daemon = begin(clock);
  clock.advance(20 * HOUR_MS);
  expect(isKept()).toBe(true);
  clock.advance(6 * HOUR_MS);
  expect(isKept()).toBe(false);
  daemon.stop();
});

describe("what carries a stamp", () => {
  const START = Date.UTC(2026, 0, 1);
  const happen = (clock: FakeClock): void =>
    store.transact(
      () =>
        void store.run(
          "INSERT INTO events (project, agent, type, data, at) VALUES (NULL, NULL, 'note', '{}', ?)",
          clock.now(),
        ),
    );
  const events = (): number => store.all("SELECT id FROM events").length;

  test("goes after its days, and no earlier", () => {
    const clock = fakeClock(START);
    const daemon = begin(clock);
    happen(clock);
    clock.advance(14 * DAY_MS - HOUR_MS);
    expect(events()).toBe(1);
    clock.advance(3 * HOUR_MS);
    expect(events()).toBe(0);
    daemon.stop();
  });

  test("of a store without a memory of the clock goes by the clock", () => {
    const clock = fakeClock(START);
    happen(clock);
    clock.jump(15 * DAY_MS);
    happen(clock);
    begin(clock).stop();
    clock.advance(1000);
    const daemon = begin(clock);
    clock.advance(1000);
    expect(events()).toBe(1);
    daemon.stop();
  });

  for (const [what, away, back] of [
    ["ahead by a year, and back", 365 * DAY_MS, -365 * DAY_MS],
    ["ahead by a year for good", 365 * DAY_MS, 0],
    ["to 1970, as at a boot without a battery, and back", -(START + HOUR_MS - DAY_MS), START + HOUR_MS - DAY_MS],
  ] as const)
    test(`stays when the clock is set ${what}`, () => {
      let clock = fakeClock(START);
      let daemon = begin(clock);
      happen(clock);
      clock.advance(HOUR_MS);
      clock.jump(away);
      happen(clock);
      clock.advance(2 * HOUR_MS);
      happen(clock);
      daemon.stop();
      clock = fakeClock(clock.now());
      daemon = begin(clock);
      clock.advance(2 * HOUR_MS);
      clock.jump(back);
      happen(clock);
      clock.advance(13 * DAY_MS);
      expect(events()).toBe(4);
      daemon.stop();
    });

  test("is never younger than its days, in the random lives of six boxes", () => {
    const random = seeded(7);
    for (let life = 0; life < 6; life++) {
      let clock = fakeClock(START);
      let daemon = begin(clock, 3);
      let used = 0;
      /** When each event happened, in time of use. */
      const born = new Map<number, number>();
      for (let step = 0; step < 60; step++) {
        happen(clock);
        born.set(store.get<{ id: number }>("SELECT max(id) AS id FROM events")?.id ?? 0, used);
        const ms = random.between(2, 9) * random.pick([60_000, HOUR_MS]);
        clock.advance(ms);
        used += ms;
        const what = random.between(0, 9);
        if (what === 0) clock.jump(random.pick([-400, -3, 3, 400]) * DAY_MS);
        if (what === 1) {
          if (random.chance(0.5)) daemon.stop(); // else it is killed
          clock = fakeClock(clock.now() + random.pick([0, 0, 5 * DAY_MS, -DAY_MS]));
          daemon = begin(clock, 3);
          clock.advance(1000);
        }
        const left = new Set(store.all<{ id: number }>("SELECT id FROM events").map(({ id }) => id));
        const gone = [...born].filter(([id, at]) => used - at < 3 * DAY_MS - 60_000 && !left.has(id));
        expect({ life, step, gone }).toEqual({ life, step, gone: [] });
      }
      daemon.stop();
      store.transact(() => void store.run("DELETE FROM events"));
      store.transact(() => void store.run("DELETE FROM clock_spans"));
    }
  });
});
