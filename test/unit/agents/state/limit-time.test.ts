/** When an account is tried again, over wrong clocks and wrong promises, and for which agents a limit holds. */
import { describe, expect, test } from "bun:test";
import { asOf, holdsFor, known, resumption } from "../../../../src/agents/state/limit-time.ts";
import type { AccountLimit } from "../../../../src/words/limits.ts";

const NOW = 1_795_000_000_000;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const found = { class: "limit", scope: "five_hour", resetsAt: null, message: "used up" } as const;
const finding = { account: "a", agent: "1", found, nowMs: NOW, pace: 1, tried: false };
const limit = (more: Partial<AccountLimit> = {}): AccountLimit => ({ ...known(undefined, finding), ...more });

describe("when it is tried", () => {
  test("half a minute behind the reset that was told", () => {
    expect(resumption(NOW + HOUR, 0, NOW, 1)).toEqual({
      resetsAt: NOW + HOUR,
      resumesAt: NOW + HOUR + 30_000,
      guessed: false,
    });
  });

  test.each([
    [0, 15],
    [1, 30],
    [2, 60],
    [3, 60],
    [11, 60],
  ])("where none was told, after %p attempts in %p minutes", (attempts, minutes) => {
    expect(resumption(null, attempts, NOW, 1)).toEqual({
      resetsAt: null,
      resumesAt: NOW + minutes * MINUTE,
      guessed: true,
    });
  });

  test.each([
    ["in the past", NOW - 1],
    ["now", NOW],
    ["more than 8 days ahead", NOW + 8 * DAY + 1],
  ])("a reset %s counts as not told", (_what, resetsAt) => {
    expect(resumption(resetsAt, 0, NOW, 1)).toMatchObject({ guessed: true, resumesAt: NOW + 15 * MINUTE });
  });
});

describe("after the clock was set", () => {
  test("a promise of the provider stays where it is", () => {
    const exact = limit({ resetsAt: NOW + HOUR, resumesAt: NOW + HOUR + 30_000, guessed: false });
    expect(asOf(exact, NOW - 3 * HOUR, 1)).toBe(exact);
    expect(asOf(exact, NOW + 3 * HOUR, 1)).toBe(exact);
  });

  test("one that would be weeks ahead becomes a guess", () => {
    const exact = limit({ resetsAt: NOW + HOUR, resumesAt: NOW + HOUR, guessed: false });
    const back = NOW - 30 * DAY;
    expect(asOf(exact, back, 1)).toMatchObject({ guessed: true, resumesAt: back + 15 * MINUTE });
  });

  test("a guess is never further ahead than when it was made", () => {
    const back = NOW - 2 * DAY;
    expect(asOf(limit(), back, 1).resumesAt).toBe(back + 15 * MINUTE);
    const guess = limit();
    expect(asOf(guess, NOW + MINUTE, 1)).toBe(guess);
  });

  test("what a person has to mend has no time", () => {
    const unpaid = limit({ class: "billing", resumesAt: null });
    expect(asOf(unpaid, NOW - 30 * DAY, 1)).toBe(unpaid);
  });
});

describe("what is known of an account", () => {
  test("who meets what is known changes nothing", () => {
    const before = limit();
    expect(known(before, { ...finding, agent: "2", nowMs: NOW + MINUTE })).toBe(before);
  });

  test("a time that is told takes the place of a guess, and a later one that of an earlier", () => {
    const exact = known(limit(), { ...finding, found: { ...found, resetsAt: NOW + HOUR } });
    expect(exact).toMatchObject({ guessed: false, resetsAt: NOW + HOUR, since: NOW, agent: "1" });
    const later = known(exact, { ...finding, found: { ...found, resetsAt: NOW + 2 * HOUR } });
    expect(later.resetsAt).toBe(NOW + 2 * HOUR);
    expect(known(later, { ...finding, found: { ...found, resetsAt: NOW + HOUR } })).toBe(later);
  });

  test("who tried in vain raises the attempts, and the guess with them", () => {
    const at = NOW + 15 * MINUTE;
    expect(known(limit(), { ...finding, nowMs: at, tried: true })).toMatchObject({
      attempts: 1,
      since: NOW,
      resumesAt: at + 30 * MINUTE,
    });
  });

  test("one whose time has passed is met anew", () => {
    const at = NOW + HOUR;
    expect(known(limit(), { ...finding, nowMs: at }).resumesAt).toBe(at + 15 * MINUTE);
  });
});

test.each([
  ["five_hour", null, true],
  ["five_hour", "claude-opus-5", true],
  ["seven_day_opus", "claude-opus-5", true],
  ["seven_day_opus", "Opus", true],
  ["seven_day_opus", "claude-sonnet-5", false],
  ["seven_day_opus", null, false],
  ["seven_day_overage_included", "claude-sonnet-5", true],
])("the limit %p holds for the model %p: %p", (scope, model, holds) => {
  expect(holdsFor(limit({ scope }), model)).toBe(holds);
});
