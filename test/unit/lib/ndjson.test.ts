import { describe, expect, test } from "bun:test";
import { type SplitLine, createLineSplitter } from "../../../src/lib/ndjson.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const texts = (lines: readonly SplitLine[]): string[] =>
  lines.map((line) => (line.type === "line" ? line.text : `(${line.bytes} skipped)`));

describe("the line splitter", () => {
  test("gives whole lines, carries the rest, and counts offsets in bytes", () => {
    const splitter = createLineSplitter({ offset: 100 });
    expect(splitter.push(bytes("ä\nb"))).toEqual([{ type: "line", text: "ä", end: 103 }]);
    expect([splitter.offset, splitter.pendingBytes, splitter.rest()]).toEqual([103, 1, "b"]);
    expect(splitter.push(bytes("c\n\n"))).toEqual([
      { type: "line", text: "bc", end: 106 },
      { type: "line", text: "", end: 107 },
    ]);
    expect(splitter.pendingBytes).toBe(0);
  });

  test("splits on LF alone: CR, U+2028 and U+0085 are content", () => {
    expect(texts(createLineSplitter().push(bytes("a\rb\u2028c\u0085\r\nd\n")))).toEqual(["a\rb\u2028c\u0085\r", "d"]);
  });

  test("a character cut in two by the chunks is whole again", () => {
    const splitter = createLineSplitter();
    const all = bytes('{"t":"😀é"}\n');
    const lines = [...all].flatMap((byte) => splitter.push(Uint8Array.of(byte)));
    expect(texts(lines)).toEqual(['{"t":"😀é"}']);
  });

  test("the chunk's memory may be reused by the reader", () => {
    const splitter = createLineSplitter();
    const chunk = bytes("abc");
    splitter.push(chunk);
    chunk.fill(0x7a);
    expect(texts(splitter.push(bytes("\n")))).toEqual(["abc"]);
  });

  test("a line beyond the cap is skipped and counted, and the next one is read", () => {
    const splitter = createLineSplitter({ maxLineBytes: 5 });
    expect(texts(splitter.push(bytes("12345\n123456\nab\n")))).toEqual(["12345", "(6 skipped)", "ab"]);
    for (let i = 0; i < 10; i++) expect(splitter.push(bytes("xxxx"))).toEqual([]);
    expect(splitter.rest()).toBe("");
    expect(splitter.push(bytes("\nok\n"))).toEqual([
      { type: "skipped", bytes: 40, end: 57 },
      { type: "line", text: "ok", end: 60 },
    ]);
  });

  test("invalid UTF-8 is replaced, not fatal", () => {
    expect(texts(createLineSplitter().push(Uint8Array.of(0x61, 0xff, 0x62, 0x0a)))).toEqual(["a\ufffdb"]);
  });

  test("any cutting of a stream gives the same lines", () => {
    const text = Array.from({ length: 200 }, (_, i) => `${"é".repeat(i % 17)}${i}`).join("\n") + "\n";
    const whole = bytes(text);
    const expected = texts(createLineSplitter().push(whole));
    for (const size of [1, 2, 3, 7, 64, 1000]) {
      const splitter = createLineSplitter();
      const lines: SplitLine[] = [];
      for (let at = 0; at < whole.length; at += size) lines.push(...splitter.push(whole.subarray(at, at + size)));
      expect(texts(lines)).toEqual(expected);
      expect(splitter.offset).toBe(whole.length);
    }
  });
});

test("in blocks, the whole lines of a chunk are one text, and offsets are those of its last line", () => {
  const splitter = createLineSplitter({ offset: 10, blocks: true });
  const push = (text: string) => splitter.push(Buffer.from(text));
  expect(push("a\nb\nc")).toEqual([{ type: "line", text: "a\nb", end: 14 }]);
  expect(push("d")).toEqual([]);
  expect(push("e\n")).toEqual([{ type: "line", text: "cde", end: 18 }]);
  expect(push("\n\n")).toEqual([{ type: "line", text: "\n", end: 20 }]);
  expect([splitter.offset, splitter.pendingBytes]).toEqual([20, 0]);
});
