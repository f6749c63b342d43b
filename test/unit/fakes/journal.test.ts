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

test("each process tells the same time: what a later one did comes later", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ah-journal-"));
  const say = (text: string): string => `
    import { journaled } from ${JSON.stringify(join(import.meta.dir, "../../fakes/journal.ts"))};
    await journaled({ say: async () => undefined }).say([${JSON.stringify(text)}], 1, 0);`;
  // The first lives on for longer than the second takes to come up, so that its own clock is far ahead.
  const env = { ...process.env, FAKE_JOURNAL: folder, AH_AGENT_ID: "a1" };
  const run = (code: string) => Bun.spawn([process.execPath, "-e", code], { env, stderr: "inherit" }).exited;
  expect(await run(`await Bun.sleep(500); ${say("one")}`)).toBe(0);
  await Bun.sleep(50); // the box tells its running time in steps of 10 ms
  expect(await run(say("two"))).toBe(0);
  const told = readJournals(folder)["a1"]?.map((record) => record.type === "said" && record.text);
  expect(told).toEqual([false, "one", false, "two"]);
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
