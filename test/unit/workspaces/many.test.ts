/**
 * Many files at once. `make test-work` takes a hundred thousand; their number must cost no more than themselves.
 * file-timeout: 600 s
 */
import { expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Git } from "../../../src/workspaces/git.ts";
import { openStore } from "../../../src/workspaces/snapshot-store.ts";
import { changesBetween } from "../../../src/workspaces/compare.ts";
import { entriesOf } from "../../../src/workspaces/take.ts";
import { git, ground, take } from "./ground.ts";

const FILES = Number(process.env["AH_TEST_FILES"] ?? 15_000);
const IN_FOLDER = 200;
/** Git looks through all that one process wrote for each further file: more at once would cost their square. */
const AT_ONCE = 10_000;

test(`${FILES} files are kept some at a time, and the one that changes is found among them`, async () => {
  const dir = ground();
  const work = join(dir, "work");
  for (let i = 0; i < FILES; i++) {
    if (i % IN_FOLDER === 0) mkdirSync(join(work, `d${i / IN_FOLDER}`), { recursive: true });
    writeFileSync(join(work, `d${Math.floor(i / IN_FOLDER)}`, `f${i}`), `file ${i} ${"x".repeat(100)}\n`);
  }
  const told: number[] = [];
  const run: Git["run"] = (request) => {
    told.push(request.stdin?.filter((byte) => byte === 0).length ?? 0);
    return git.run(request);
  };
  const counting: Git = { ...git, run };
  const store = await openStore(counting, join(dir, "store.git"));
  const began = performance.now();
  const first = await take(store, work, "0", { timeoutMs: 300_000 });
  const firstMs = performance.now() - began;
  expect(first.skipped).toEqual([]);
  expect(await entriesOf(store, first.commit)).toHaveLength(FILES);
  expect(Math.max(...told)).toBe(AT_ONCE);
  expect(told.filter((names) => names > 0)).toHaveLength(Math.ceil(FILES / AT_ONCE));
  // No file of its own for each: neither the disk nor the next look has to go through them.
  expect(readdirSync(join(store.dir, "objects")).filter((name) => name.length === 2).length).toBeLessThan(256);
  writeFileSync(join(work, "d7/f1401"), "changed\n");
  const again = performance.now();
  const second = await take(store, work, "1", { parent: first.commit, timeoutMs: 300_000 });
  console.log(`${FILES} files: first ${Math.round(firstMs)} ms, next ${Math.round(performance.now() - again)} ms`);
  expect((await changesBetween(store, first.commit, second.commit)).map(({ path }) => path)).toEqual(["d7/f1401"]);
}, 600_000);
