import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadHarnessConfig } from "../../../src/config/harness.ts";
import { badConfigs } from "./config-bad.table.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-config-bad-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

test("there are at least 60 of them, each with its own name", () => {
  expect(badConfigs.length).toBeGreaterThanOrEqual(60);
  expect(new Set(badConfigs.map(({ what }) => what)).size).toBe(badConfigs.length);
});

test.each(badConfigs.map((row) => [row.what, row] as const))("%s", (_, { file, env, problems }) => {
  const path = join(dir, "harness.json");
  writeFileSync(path, typeof file === "string" ? file : JSON.stringify(file));
  const result = loadHarnessConfig({ path, env: { HOME: "/home/somebody", ...env } });
  const said = result.ok
    ? []
    : result.problems.map((issue) => `${issue.path === "" ? "" : `${issue.path}: `}${issue.message}`);
  expect(said).toEqual([...problems]);
  expect(JSON.stringify(said)).not.toContain("hunter2");
});
