/**
 * One body or line must not block everybody. Looked for in: bodies of both programs, frames of every provider, answers
 * of the bridge's server, of sinks and of webhook targets, query strings. All go through `tryJson` or `parseJson`,
 * which look at depth and number of values first. Half characters: wherever JSON is read, stored or sent.
 */
import { describe, expect, test } from "bun:test";
import { check, object, array, optional, string } from "../../../src/lib/check.ts";
import { invalidRequest } from "../../../src/lib/errors.ts";
import { parseJson, toJson, tryJson } from "../../../src/lib/json.ts";
import { BODY_LIMITS, LINE_LIMITS, jsonExcess } from "../../../src/lib/json-shape.ts";

const MIB = 1024 * 1024;
/** Hostile shapes, each of about 8 MiB. */
const HOSTILE: readonly (readonly [string, string])[] = [
  ["open brackets", "[".repeat(8 * MIB)],
  ["brackets that close", "[".repeat(4 * MIB) + "]".repeat(4 * MIB)],
  ["deep objects", `${'{"a":'.repeat(MIB)}1${"}".repeat(MIB)}`],
  ["unknown keys", `{${Array.from({ length: 600_000 }, (_, i) => `"k${i}":1`).join(",")}}`],
  ["a flat array", `[${"1,".repeat(4 * MIB)}1]`],
  ["commas", ",".repeat(8 * MIB)],
  ["a string of escapes that never ends", `"${"\\n".repeat(4 * MIB)}`],
  ["a string of quotes", `"${'\\"'.repeat(4 * MIB)}`],
  ["blanks", " ".repeat(8 * MIB)],
  ["lines", "\n".repeat(8 * MIB)],
  ["numbers that are none", "9".repeat(8 * MIB) + "x"],
  ["halves of characters", `"${"\\ud800".repeat(MIB)}"`],
];

describe("a hostile text of 8 MiB", () => {
  test.each(HOSTILE)("%s: costs little as a body and is told in a line", (_name, text) => {
    const begun = process.cpuUsage();
    const result = parseJson(text, BODY_LIMITS);
    const { user, system } = process.cpuUsage(begun);
    // The bench asserts 150 ms on a quiet box; here it is only told from the seconds that it was.
    expect((user + system) / 1000).toBeLessThan(1500);
    if (!result.ok) expect(result.problem.length).toBeLessThan(200);
  });

  test.each(HOSTILE)("%s: costs little as a line", (_name, text) => {
    const begun = process.cpuUsage();
    tryJson(text);
    const { user, system } = process.cpuUsage(begun);
    expect((user + system) / 1000).toBeLessThan(1500);
  });
});

describe("jsonExcess", () => {
  const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);

  test("counts to the limit and not beyond", () => {
    expect(jsonExcess(nested(BODY_LIMITS.depth), BODY_LIMITS)).toBeNull();
    expect(jsonExcess(nested(BODY_LIMITS.depth + 1), BODY_LIMITS)).toMatchObject({ at: BODY_LIMITS.depth });
    const flat = (n: number): string => `[${Array(n).fill("0").join(",")}]`;
    expect(jsonExcess(flat(LINE_LIMITS.values), LINE_LIMITS)).toBeNull();
    expect(jsonExcess(flat(LINE_LIMITS.values + 1), LINE_LIMITS)?.problem).toBe("more than 200000 values");
  });

  test("brackets and commas within strings do not count, also behind escaped quotes", () => {
    const text = JSON.stringify({ a: '[[[{{{"'.repeat(10_000), b: "\\" });
    expect(jsonExcess(text, BODY_LIMITS)).toBeNull();
  });

  test("one big text is no excess", () => {
    expect(tryJson(JSON.stringify({ text: "x,[".repeat(2 * MIB) }))).toHaveProperty("text");
  });
});

describe("text is well-formed", () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['"\\ud83d"', "\ufffd"],
    ['"\\ud83d\\ude00"', "😀"],
    ['"\\uDE00\\uD83D"', "\ufffd\ufffd"],
    ['"\\ud83d\\ud83d\\ude00"', "\ufffd😀"],
    ['"\\\\ud83d"', "\\ud83d"],
    ['{"\\ud800":["\\udc00",{"__proto__":"\\ud800"}]}', { "\ufffd": ["\ufffd", JSON.parse('{"__proto__":"\ufffd"}')] }],
  ];
  test.each(rows)("%s", (from, to) => {
    expect(tryJson(from)).toEqual(to);
    expect(toJson(JSON.parse(from))).toBe(JSON.stringify(to));
  });

  test("what is parsed, and what is written, holds no half of a character", () => {
    expect(tryJson('{"a":"x\\ud83d"}')).toEqual({ a: "x\ufffd" });
    expect(parseJson('{"a":"x\\ud83d"}')).toEqual({ ok: true, value: { a: "x\ufffd" } });
    expect(toJson({ a: "x😀".slice(0, 2), b: "😀" })).toBe('{"a":"x\ufffd","b":"😀"}');
  });
});

describe("a body with many mistakes", () => {
  const answerOf = (value: unknown): number => {
    const checked = check(object({ name: string(), list: optional(array(string())) }), value);
    if (checked.ok) throw new Error("expected issues");
    const error = invalidRequest(checked.issues);
    expect(error.issues?.length).toBeLessThanOrEqual(20);
    return Buffer.byteLength(JSON.stringify([error.message, error.issues]));
  };

  test("is answered with at most 20 of them and a count", () => {
    const keys = Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`k${i}`, 1]));
    expect(answerOf(keys)).toBeLessThan(64 * 1024);
    const checked = check(object({ name: string() }), { name: "x", ...keys });
    expect(checked).toMatchObject({ ok: false });
    if (!checked.ok) expect(checked.issues.at(-1)?.message).toBe("8980 more unknown keys");
  });

  test("a key or a value of megabytes is cut in what is said of it", () => {
    expect(answerOf({ ["k".repeat(4 * MIB)]: 1 })).toBeLessThan(2000);
    expect(answerOf({ name: 1, list: ["x", 1, "y".repeat(4 * MIB)] })).toBeLessThan(2000);
    expect(answerOf({ name: 1, list: Array(9000).fill(1) })).toBeLessThan(8000);
  });
});
