/** What goes into a text column can be refused by no database, and means what it meant. */
import { expect, test } from "bun:test";
import { safeJson, safeJsonText, safeText, numberOf } from "../../../src/fleet/values.ts";

test.each([
  ["a NUL", "a\0b", "a\ufffdb"],
  ["two of them", "\0\0", "\ufffd\ufffd"],
  ["the words backslash u0000, which are no NUL", "\\u0000", "\\u0000"],
  ["a backslash before a NUL", "\\\0", "\\\ufffd"],
  ["half of a pair", "\ud800x", "\ufffdx"],
  ["a whole pair", "\ud83d\ude00", "\ud83d\ude00"],
])("%s", (_, text, expected) => {
  expect(JSON.parse(safeJson({ text })).text).toBe(expected);
  expect(safeJsonText(safeJson({ text }))).toBe(safeJson({ text }));
  if (!text.includes("\\")) expect(safeText(text)).toBe(expected);
});

test("a number is read from text, and what is none is told with its column", () => {
  expect(numberOf({ id: "10" }, "id")).toBe(10);
  expect(() => numberOf({ id: null }, "id")).toThrow('"id"');
  expect(() => numberOf({ id: "9007199254740993" }, "id")).toThrow("whole number");
});
