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

const FILES = Number(process.env["AH_TEST_FILES"] ?? 20_000);
const IN_FOLDER = 200;
/** For each of the first; on a busy machine with slow disks, and still far from what their square would take. */
const MS_EACH = 0.6;

test(`${FILES} files are kept in a time that grows as they do, and those that change are found among them`, async () => {
  const dir = ground();
  const work = join(dir, "work");
  for (let i = 0; i < FILES; i++) {
    if (i % IN_FOLDER === 0) mkdirSync(join(work, `d${i / IN_FOLDER}`), { recursive: true });
    writeFileSync(join(work, `d${Math.floor(i / IN_FOLDER)}`, `f${i}`), `file ${i} ${"x".repeat(100)}\n`);
  }
  let asked = 0;
  const counting: Git = { ...git, ok: (request) => (asked++, git.ok(request)), run: (r) => (asked++, git.run(r)) };
  const store = await openStore(counting, join(dir, "store.git"));
  const began = performance.now();
  const first = await take(store, work, "0", { timeoutMs: 300_000 });
  const firstMs = performance.now() - began;
  expect(first.skipped).toEqual([]);
  expect(await entriesOf(store, first.commit)).toHaveLength(FILES);
  expect(firstMs).toBeLessThan(FILES * MS_EACH);
  // No file of its own for each: neither the disk nor the next look has to go through them.
  expect(readdirSync(join(store.dir, "objects")).filter((name) => name.length === 2).length).toBeLessThan(256);
  expect(asked).toBeLessThan(10 + FILES / 5000);
  writeFileSync(join(work, "d7/f1401"), "changed\n");
  const again = performance.now();
  const second = await take(store, work, "1", { parent: first.commit, timeoutMs: 300_000 });
  console.log(`${FILES} files: first ${Math.round(firstMs)} ms, next ${Math.round(performance.now() - again)} ms`);
  expect((await changesBetween(store, first.commit, second.commit)).map(({ path }) => path)).toEqual(["d7/f1401"]);
}, 600_000);
