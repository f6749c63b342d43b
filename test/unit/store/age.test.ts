/**
 * A kept answer is what keeps a repeated request from being done twice, so nothing but its time may take it away.
 * Looked for what else does: the wall clock, which somebody sets two days ahead and back, and a restart in between.
 */
import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createAge } from "../../../src/store/age.ts";
import { openStore } from "../../../src/store/database.ts";
import { keepAnswer, keptAnswer } from "../../../src/store/idempotency.ts";
import { startRetention } from "../../../src/store/retention.ts";

const HOUR_MS = 3_600_000;
const KEPT = { scope: "projects", key: "k", hash: "h", status: 201, answer: "{}", input: null, agent: null };

test("a key lives for a day in which the store is in use, whatever the wall clock is set to", () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-age-"));
  const store = openStore(join(dir, "harness.db"));
  let clock = fakeClock(1_000_000);
  const begin = () => {
    const age = createAge(store, clock);
    return { age, ...startRetention({ store, clock, log: silentLogger, age, eventsDays: 14 }) };
  };
  const isKept = (): boolean => keptAnswer(store, KEPT.scope, KEPT.key, KEPT.hash) !== null;
  let daemon = begin();
  clock.advance(HOUR_MS);
  store.transact(() => keepAnswer(store, KEPT, daemon.age.now()));
  clock.jump(48 * HOUR_MS);
  clock.advance(2 * HOUR_MS);
  expect(isKept()).toBe(true);

  daemon.stop();
  clock = fakeClock(clock.now() + 48 * HOUR_MS); // off for two days, or set to that
  daemon = begin();
  clock.advance(20 * HOUR_MS);
  expect(isKept()).toBe(true);
  clock.advance(6 * HOUR_MS);
  expect(isKept()).toBe(false);
  daemon.stop();
  store.close();
  rmSync(dir, { recursive: true });
});
