/** What a screen shows of a message: cut where it is long, with the size of what was cut. */
import { expect, test } from "bun:test";
import { clipMessage } from "../../../src/api/clip.ts";
import type { Message, Part } from "../../../src/words/said.ts";

const message = (text: string, ...parts: Part[]): Message => ({
  id: 1,
  key: "1/m",
  turnId: "t",
  role: "assistant",
  text,
  parts,
  createdAt: "2026-01-01T00:00:00.000Z",
});
const use = (input: unknown): Part => ({ type: "tool_use", id: "u", name: "Write", input });
const clipped = (input: unknown, max: number) => clipMessage(message("", use(input)), max).parts[0];

test("what fits is given as it is, without a size", () => {
  const short = message("four", { type: "text", text: "four" }, use({ path: "/a" }));
  expect(clipMessage(short, 20)).toEqual(short);
});

test("a text is cut, and tells its whole size in bytes", () => {
  const result: Part = { type: "tool_result", id: "u", text: "ä".repeat(10), isError: false };
  const { text, bytes, parts } = clipMessage(message("ä".repeat(10), result), 4);
  expect([text, bytes]).toEqual(["ääää", 20]);
  expect(parts).toEqual([{ ...result, text: "ääää", bytes: 20 }]);
});

test("no character is cut in half", () => {
  expect(clipMessage(message("ab😀d"), 3).text).toBe("ab");
  expect(clipMessage(message("ab😀d"), 4).text).toBe("ab😀");
});

test("of a tool's arguments the long ones are cut, the others stay what they are", () => {
  expect(clipped({ path: "/a", content: "x".repeat(100), lines: [1, "y".repeat(50)] }, 20)).toEqual({
    ...use({ path: "/a", content: "x".repeat(20), lines: [1, "y".repeat(20)] }),
    bytes: JSON.stringify({ path: "/a", content: "x".repeat(100), lines: [1, "y".repeat(50)] }).length,
  } as never);
});

test("arguments that are many and short become the beginning of their text", () => {
  const many = Array.from({ length: 1000 }, (_, i) => `n${i}`);
  expect(clipped({ many }, 20)).toMatchObject({ input: '{"many":["n0","n1","' });
});

test("however deep, however many: the answer is bounded", () => {
  let deep: unknown = "z".repeat(1000);
  for (let i = 0; i < 2000; i++) deep = { deep };
  for (const input of [deep, { a: Array(100).fill(deep) }, Array(20_000).fill({ k: 1 })])
    expect(JSON.stringify(clipped(input, 50)).length).toBeLessThan(1000);
});
