/** The fakes' own account: a line of it is whole or not there, whatever kills its writer. */
import { expect, test } from "bun:test";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readJournals, toPage } from "../../fakes/journal.ts";

test("a line that would cross into the next page of its file begins there", () => {
  for (let size = 0, length = 1; size < 100_000; length = (length * 31) % 700 || 1) {
    const begins = size + toPage(size, length);
    expect(begins - size).toBeLessThan(4096);
    expect(Math.floor(begins / 4096)).toBe(Math.floor((begins + length - 1) / 4096));
    size = begins + length;
  }
  expect(toPage(0, 4096)).toBe(0);
  expect(toPage(100, 50)).toBe(0);
});

test("what several processes of an agent told is read in the order of its happening, and filling is nothing", () => {
  const folder = mkdtempSync(join(tmpdir(), "ah-journal-"));
  const line = (pid: number, at: number, text: string): string =>
    `${"\n".repeat(pid)}${JSON.stringify({ pid, at, type: "said", text })}\n`;
  writeFileSync(join(folder, "a1.7.jsonl"), line(7, 1, "one") + line(7, 3.5, "three"));
  writeFileSync(join(folder, "a1.9.jsonl"), line(9, 2, "two") + line(9, 40, "four"));
  writeFileSync(join(folder, "b2.8.jsonl"), line(8, 0, "other"));
  const told = Object.entries(readJournals(folder)).map(([agent, records]) => [
    agent,
    records.map((record) => record.type === "said" && record.text),
  ]);
  expect(Object.fromEntries(told)).toEqual({ a1: ["one", "two", "three", "four"], b2: ["other"] });
});
