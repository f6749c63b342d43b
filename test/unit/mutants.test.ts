/** The ways to break the heart that `make mutants` tries: a row that no longer fits its file would try nothing. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MUTANTS, NEAREST } from "../mutants.table.ts";

const ROOT = join(import.meta.dir, "../..");

test("each stands in its file exactly once, and has tests that have to notice it", () => {
  const wrong = MUTANTS.flatMap(({ file, from }) => {
    const times = readFileSync(join(ROOT, file), "utf8").split(from).length - 1;
    const tests = NEAREST.some(([prefix]) => file.startsWith(prefix));
    return times === 1 && tests ? [] : [`${file}: ${times} × ${JSON.stringify(from)}`];
  });
  expect(wrong).toEqual([]);
  expect(MUTANTS.length).toBeGreaterThan(100);
});

test("the tests that have to notice them exist", () => {
  const missing = NEAREST.flatMap(([, tests]) => tests).filter((each) => !existsSync(join(ROOT, "test", each)));
  expect(missing).toEqual([]);
});
