/** What was used, added up by what is asked for. */
import { expect, test } from "bun:test";
import { grouped, sumOf } from "../../../src/api/spent.ts";
import type { UsageRow } from "../../../src/store/usage.ts";

const DAY = new Date(2026, 1, 18).getTime();
const HOUR = 3_600_000;

const row = (at: number, project: string, agent: string, more: Partial<UsageRow> = {}): UsageRow => ({
  at,
  project,
  agent,
  account: "claude-code",
  turns: 1,
  estimated: 0,
  inputTokens: 10,
  outputTokens: 1,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0,
  unpricedTokens: 0,
  ...more,
});

const ROWS = [
  row(DAY, "shop", "a1"),
  row(DAY + 23 * HOUR, "shop", "a2", { costUsd: 0.5 }),
  row(DAY + 24 * HOUR, "docs", "b1", { costUsd: 2, estimated: 1, unpricedTokens: 7 }),
];

test.each([
  ["project", ["docs", "shop"]],
  ["agent", ["b1", "a2", "a1"]],
  ["account", ["claude-code"]],
  ["day", ["2026-02-18", "2026-02-19"]],
] as const)("by %s: those that cost most first, days in their order", (by, keys) => {
  expect([...grouped(ROWS, by).keys()]).toEqual([...keys]);
});

test("a sum is of every row, and says that some of it was never told", () => {
  expect(sumOf(ROWS)).toEqual({
    turns: 3,
    inputTokens: 30,
    outputTokens: 3,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    costUsd: 2.5,
    unpricedTokens: 7,
    estimated: true,
  });
  expect(sumOf(ROWS.slice(0, 2)).estimated).toBe(false);
});

test("what was corrected in a later quarter hour is no sum below zero", () => {
  expect(sumOf([row(DAY, "shop", "a1", { outputTokens: -3 })]).outputTokens).toBe(0);
});
