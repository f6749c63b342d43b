/** Small tools that stood in several places: durations, titles, waiting. */
import { expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { duration } from "../../../src/lib/duration.ts";
import { titleText } from "../../../src/lib/text.ts";
import { waitUntil } from "../../../src/lib/wait.ts";

test.each([
  [-5, "0 s", "0 s"],
  [999, "0 s", "0 s"],
  [42_000, "42 s", "42 s"],
  [192_000, "3 min 12 s", "3 min"],
  [3_600_000, "1 h", "1 h"],
  [7_505_000, "2 h 5 min", "2 h 5 min"],
  [273_600_000, "3 d 4 h", "3 d 4 h"],
])("%d ms is %p, and in a column %p", (ms, exact, coarse) => {
  expect([duration(ms), duration(ms, { coarse: true })]).toEqual([exact, coarse]);
});

test("a title is one line without controls, and no half of a character", () => {
  expect(titleText("Bash:  rm\n\t-rf \u0007\u202ebuild ")).toBe("Bash: rm -rf build");
  const cut = titleText("x".repeat(198) + "🎉🎉");
  expect([cut.isWellFormed(), cut.length, cut.endsWith("…")]).toEqual([true, 199, true]);
});

test("waiting ends when it holds, at the latest at the limit, and asks before the first pause", async () => {
  let asked = 0;
  expect(await waitUntil(systemClock, () => true, 0)).toBe(true);
  expect(await waitUntil(systemClock, () => ++asked === 3, 5000)).toBe(true);
  expect(await waitUntil(systemClock, () => false, 30)).toBe(false);
  expect(asked).toBe(3);
});
