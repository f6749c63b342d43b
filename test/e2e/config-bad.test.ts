/**
 * Every malformed config stops the compiled daemon with exit code 2, all problems on stderr, and nothing made on disk.
 */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BINARY } from "../support/binary.ts";
import { badConfigs } from "../unit/config/config-bad.table.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-config-bad-e2e-"));
const home = join(dir, "home");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test.each(badConfigs.map((row) => [row.what, row] as const))("%s", (_, { file, env, problems }) => {
  const path = join(dir, "harness.json");
  writeFileSync(path, typeof file === "string" ? file : JSON.stringify(file));
  const done = Bun.spawnSync([BINARY, "serve", "--config", path], {
    cwd: dir,
    env: { HOME: home, ...env },
    timeout: 10_000,
  });
  const said = done.stderr.toString();
  expect({ code: done.exitCode, stdout: done.stdout.toString() }).toEqual({ code: 2, stdout: "" });
  for (const problem of problems) expect(said).toContain(`  ${problem}\n`);
  expect(said.trimEnd().split("\n")).toHaveLength(problems.length + 1);
  expect(readdirSync(dir)).toEqual(["harness.json"]);
});
