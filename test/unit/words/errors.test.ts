/** The table of errors against the sources: no code without a use, no status beside the table. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HarnessError, exitOf } from "../../../src/lib/errors.ts";
import { ERROR_CODES, ERRORS } from "../../../src/words/errors.ts";

const SRC = join(import.meta.dir, "../../../src");
const sources = [...new Bun.Glob("**/*.ts").scanSync(SRC)]
  .filter((file) => !file.startsWith("words/"))
  .map((file) => [file, readFileSync(join(SRC, file), "utf8")] as const);

test("every code of the table is used", () => {
  const all = sources.map(([, text]) => text).join("\n");
  expect(ERROR_CODES.filter((code) => !all.includes(`"${code}"`))).toEqual([]);
});

test("the store names no HTTP status", () => {
  expect(sources.filter(([file, text]) => file.startsWith("store/") && /\bstatus: [1-5]\d\d\b/.test(text))).toEqual([]);
});

test("an error has the status and the exit code of its row", () => {
  expect(ERROR_CODES.map((code) => new HarnessError(code, "x").status)).toEqual(
    ERROR_CODES.map((code) => ERRORS[code].status ?? 500),
  );
  expect(exitOf(new HarnessError("LOCKED", "x"))).toBe(75);
  expect(exitOf(new Error("x"))).toBe(1);
});

test("what a newer daemon answers keeps its word and its status", () => {
  const error = new HarnessError("REFUSED", "no", { answered: { status: 418, code: "TEAPOT" } });
  expect([error.shown, error.status, exitOf(error)]).toEqual(["TEAPOT", 418, 1]);
});
