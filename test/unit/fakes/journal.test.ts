/** The fakes' own account: a line of it is whole or not there, whatever kills its writer. */
import { expect, test } from "bun:test";
import { toPage } from "../../fakes/journal.ts";

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
