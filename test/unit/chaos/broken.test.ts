/** The broken builds that the checker of a storm is tried on: a row that no longer fits its file would try nothing. */
import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BROKEN } from "../../chaos/broken.table.ts";
import { CHECK_NAMES } from "../../chaos/check.ts";
import { edited, whileEdited } from "../../support/edits.ts";

const ROOT = join(import.meta.dir, "../../..");

test("each stands in its file exactly once, and changes it", () => {
  const wrong = BROKEN.flatMap((row) => {
    const text = readFileSync(join(ROOT, row.file), "utf8");
    try {
      return edited(text, row) === text ? [`${row.name}: changes nothing`] : [];
    } catch (error) {
      return [`${row.name}: ${String(error)}`];
    }
  });
  expect(wrong).toEqual([]);
});

test("each check has a build that it must fail on, and both programs are broken", () => {
  const tried = new Set(BROKEN.flatMap(({ checks }) => checks));
  expect(CHECK_NAMES.filter((name) => !tried.has(name))).toEqual([]);
  expect(BROKEN.filter(({ file }) => file.startsWith("src/receiver/")).length).toBeGreaterThan(1);
  expect(new Set(BROKEN.map(({ name }) => name)).size).toBe(BROKEN.length);
});

test("an edit that fits nowhere, or twice, is refused", () => {
  const edit = { file: "a.ts", from: "one", to: "$&two" };
  expect(edited("one line", edit)).toBe("$&two line");
  expect(() => edited("a line", edit)).toThrow("a.ts holds this not exactly once, its row has to follow: one");
  expect(() => edited("one and one", edit)).toThrow("not exactly once");
});

test("a file is whole again behind its edit, whatever became of the work", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ah-edits-"));
  const file = join(dir, "a.ts");
  writeFileSync(file, "one line");
  const edit = { file: "a.ts", from: "one", to: "two" };
  try {
    expect(await whileEdited(dir, edit, () => readFileSync(file, "utf8"))).toBe("two line");
    const failing = whileEdited(dir, edit, () => Promise.reject(new Error("cannot build")));
    await expect(failing).rejects.toThrow("cannot build");
    expect(readFileSync(file, "utf8")).toBe("one line");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
