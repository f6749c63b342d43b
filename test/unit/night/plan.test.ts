/** Who goes on when: one tries, the others follow its answer, and no death or clock makes two of one. */
import { describe, expect, test } from "bun:test";
import type { Outlook, Waiting } from "../../../src/night/plan.ts";
import { LOOK_MS, planOf } from "../../../src/night/plan.ts";
import type { AccountLimit } from "../../../src/words/limits.ts";

const NOW = 1_795_000_000_000;
const limit: AccountLimit = {
  account: "a",
  scope: "five_hour",
  class: "limit",
  message: "used up",
  since: NOW - 1000,
  resetsAt: NOW + 10_000,
  resumesAt: NOW + 40_000,
  guessed: false,
  attempts: 0,
  agent: "01",
};
const due: AccountLimit = { ...limit, resetsAt: NOW - 40_000, resumesAt: NOW - 10_000 };
const waits = (id: string, more: Partial<Waiting> = {}): Waiting => ({
  id,
  account: "a",
  scope: "five_hour",
  parked: true,
  since: NOW - 1000,
  ...more,
});
const plan = (more: Partial<Outlook>) =>
  planOf({
    limits: [],
    waiting: [],
    going: new Map(),
    released: new Map(),
    nowMs: NOW,
    ranMs: 5_000_000,
    pace: 1,
    ...more,
  });

describe("before the reset", () => {
  test("nobody goes on, and the next look is at the reset", () => {
    expect(plan({ limits: [limit], waiting: [waits("01")] })).toMatchObject({ goOn: [], inMs: 40_000 });
  });

  test("it is looked at each minute: clocks are set, and boxes sleep", () => {
    const far = { ...limit, resetsAt: NOW + 3_600_000, resumesAt: NOW + 3_630_000 };
    expect(plan({ limits: [far], waiting: [waits("01")] }).inMs).toBe(LOOK_MS);
  });
});

describe("at the reset", () => {
  test("one tries: who waits longest", () => {
    const waiting = [waits("02"), waits("03", { since: NOW - 5000 }), waits("01")];
    expect(plan({ limits: [due], waiting }).goOn).toEqual(["03"]);
  });

  test("… and nobody else before its answer", () => {
    const waiting = [waits("01", { parked: false }), waits("02")];
    expect(plan({ limits: [due], waiting, going: new Map([["01", 4_999_000]]) })).toMatchObject({ goOn: [] });
  });

  test("… but for one whose answer never comes", () => {
    const waiting = [waits("01", { parked: false }), waits("02")];
    expect(plan({ limits: [due], waiting, going: new Map([["01", 5_000_000 - 600_001]]) }).goOn).toEqual(["02"]);
  });

  test("accounts and scopes do not wait for each other", () => {
    const other = { ...due, account: "b" };
    const waiting = [waits("01"), waits("02", { account: "b" }), waits("03", { scope: "seven_day" })];
    const week = { ...limit, scope: "seven_day" };
    expect([...plan({ limits: [due, other, week], waiting }).goOn].sort()).toEqual(["01", "02"]);
  });

  test("a limit that nobody waits for is forgotten", () => {
    expect(plan({ limits: [due, limit] }).forgotten).toEqual([due]);
  });

  test("what a person has to mend goes on by itself never", () => {
    const unpaid: AccountLimit = { ...due, class: "auth", scope: "auth", resumesAt: null };
    expect(plan({ limits: [unpaid] })).toMatchObject({ goOn: [], forgotten: [] });
  });
});

describe("when it is over", () => {
  const many = Array.from({ length: 20 }, (_, n) => waits(String(n).padStart(8, "a")));

  test("the others follow, each in its own second of the next minute", () => {
    const { goOn, release } = plan({ waiting: many });
    expect(goOn).toEqual([]);
    const times = [...release.values()].map((at) => at - 5_000_000);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(5000);
    expect(Math.max(...times)).toBeLessThan(65_000);
    expect(new Set(times.map((at) => Math.floor(at / 1000))).size).toBeGreaterThan(8);
  });

  test("… and at that time, not later because others look again", () => {
    const { release } = plan({ waiting: many });
    const last = Math.max(...release.values());
    expect(plan({ waiting: many, released: release, ranMs: last }).goOn).toHaveLength(20);
  });

  test("a new daemon gives them new times, and forgets nobody", () => {
    expect(plan({ waiting: many, ranMs: 7 }).release.size).toBe(20);
  });
});

test("a promise that cannot be true any more is told as moved", () => {
  const back = NOW - 30 * 24 * 3_600_000;
  const { moved } = plan({ limits: [limit], waiting: [waits("01")], nowMs: back });
  expect(moved[0]).toMatchObject({ guessed: true, resumesAt: back + 15 * 60_000 });
});
