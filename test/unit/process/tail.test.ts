import { describe, expect, test } from "bun:test";
import { appendFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freeConsumed } from "../../../src/process/hole.ts";
import { createTail, readHead, readTail } from "../../../src/process/tail.ts";
import type { TailBatch } from "../../../src/process/tail.ts";
import { eventually, tempFolder } from "./helpers.ts";

function follow(content: string | Uint8Array, { offset = 0, maxLineBytes = 1024 * 1024 } = {}) {
  const path = join(tempFolder(), "out.jsonl");
  writeFileSync(path, content);
  const batches: TailBatch[] = [];
  const errors: unknown[] = [];
  const tail = createTail({
    path,
    offset,
    maxLineBytes,
    onBatch: (batch) => void batches.push(batch),
    onError: (error) => errors.push(error),
  });
  return { path, tail, batches, errors, lines: () => batches.flatMap((batch) => batch.lines) };
}

describe("createTail", () => {
  test("gives out whole lines and keeps a partial one back, offset included", async () => {
    const { path, tail, lines } = follow('{"a":1}\n{"b"');
    expect(await tail.drain()).toEqual({ offset: 8, shrunk: false });
    expect(lines()).toEqual(['{"a":1}']);
    appendFileSync(path, ":2}\n");
    expect(await tail.drain()).toEqual({ offset: 16, shrunk: false });
    expect(lines()).toEqual(['{"a":1}', '{"b":2}']);
    tail.close();
  });

  test("goes on from a stored offset, with the partial line read again", async () => {
    const { path, tail } = follow("one\ntw");
    const { offset } = await tail.drain();
    tail.close();
    appendFileSync(path, "o\n");
    const seen: string[] = [];
    const second = createTail({
      path,
      offset,
      onBatch: (batch) => void seen.push(...batch.lines),
      onError: () => undefined,
    });
    await second.drain();
    expect(seen).toEqual(["two"]);
    second.close();
  });

  test("a character split over two reads stays whole, and only LF ends a line", async () => {
    const { path, tail, lines } = follow(Buffer.from("é\u2028x\r", "utf8").subarray(0, 1));
    await tail.drain();
    appendFileSync(path, Buffer.concat([Buffer.from("é\u2028x\r", "utf8").subarray(1), Buffer.from("\n")]));
    await tail.drain();
    expect(lines()).toEqual(["é\u2028x\r"]);
    tail.close();
  });

  test("invalid UTF-8 is replaced, and the offset still counts bytes", async () => {
    const { tail, lines } = follow(Uint8Array.of(0x61, 0xff, 0xfe, 0x62, 0x0a));
    expect((await tail.drain()).offset).toBe(5);
    expect(lines()).toEqual(["a\ufffd\ufffdb"]);
    tail.close();
  });

  test("the last line without LF comes at the end of the process only, and is not counted longer than it is", async () => {
    const { tail, lines } = follow("one\ntorn");
    await tail.drain();
    expect(lines()).toEqual(["one"]);
    expect(await tail.drain({ final: true })).toEqual({ offset: 8, shrunk: false });
    expect(lines()).toEqual(["one", "torn"]);
    expect(await tail.drain({ final: true })).toEqual({ offset: 8, shrunk: false });
    expect(lines()).toEqual(["one", "torn"]);
    tail.close();
  });

  test("a line over the cap is passed over and told, those around it come", async () => {
    const { tail, batches, lines } = follow(`a\n${"x".repeat(1001)}\n${"y".repeat(1000)}\nb\n`, { maxLineBytes: 1000 });
    await tail.drain();
    expect(lines()).toEqual(["a", "y".repeat(1000), "b"]);
    expect(batches.flatMap((batch) => batch.skipped)).toEqual([1001]);
    tail.close();
  });

  test("the cap is 16 MiB when nothing is said", async () => {
    const cap = 16 * 1024 * 1024;
    const path = join(tempFolder(), "out.jsonl");
    writeFileSync(
      path,
      Buffer.concat([Buffer.alloc(cap, "x"), Buffer.from("\n"), Buffer.alloc(cap + 1, "y"), Buffer.from("\nz\n")]),
    );
    const lengths: number[] = [];
    const skipped: number[] = [];
    const onBatch = (batch: TailBatch): void => {
      lengths.push(...batch.lines.map((line) => line.length));
      skipped.push(...batch.skipped);
    };
    const tail = createTail({ path, offset: 0, onBatch, onError: () => undefined });
    expect((await tail.drain()).offset).toBe(2 * cap + 5);
    expect({ lengths, skipped }).toEqual({ lengths: [cap, 1], skipped: [cap + 1] });
    tail.close();
  });

  test("100 000 lines come once each and in order, however often it is poked", async () => {
    const { path, tail, lines, batches } = follow("");
    for (let block = 0; block < 10; block++) {
      appendFileSync(path, Array.from({ length: 10_000 }, (_, n) => `{"n":${block * 10_000 + n}}\n`).join(""));
      tail.poke();
      tail.poke();
    }
    await tail.drain();
    expect(lines().length).toBe(100_000);
    expect(lines().every((line, n) => line === `{"n":${n}}`)).toBe(true);
    expect(batches.at(-1)?.endOffset).toBe(statSync(path).size);
    tail.close();
  });

  test("a batch waits until the one before is committed", async () => {
    const path = join(tempFolder(), "out.jsonl");
    writeFileSync(path, "x".repeat(1023).concat("\n").repeat(1024));
    let open = 0;
    let most = 0;
    const onBatch = async (): Promise<void> => {
      most = Math.max(most, ++open);
      await Bun.sleep(2);
      open--;
    };
    const tail = createTail({ path, offset: 0, onBatch, onError: () => undefined });
    tail.poke();
    await Promise.all([tail.drain(), tail.drain()]);
    expect({ most, open }).toEqual({ most: 1, open: 0 });
    tail.close();
  });

  test("a file shorter than the offset is told and read no further", async () => {
    const { path, tail, lines } = follow("one\ntwo\n");
    await tail.drain();
    truncateSync(path, 3);
    expect(await tail.drain({ final: true })).toEqual({ offset: 8, shrunk: true });
    expect(lines()).toEqual(["one", "two"]);
    tail.close();
  });

  test("a missing file is empty", async () => {
    const tail = createTail({
      path: "/nowhere/out.jsonl",
      offset: 0,
      onBatch: () => undefined,
      onError: () => undefined,
    });
    expect(await tail.drain({ final: true })).toEqual({ offset: 0, shrunk: false });
    tail.close();
  });

  test("a batch that could not be stored stops the tail and is told", async () => {
    const path = join(tempFolder(), "out.jsonl");
    writeFileSync(path, "one\n");
    const errors: unknown[] = [];
    let calls = 0;
    const onBatch = (): void => {
      calls++;
      throw new Error("disk full");
    };
    const tail = createTail({ path, offset: 0, onBatch, onError: (error) => errors.push(error) });
    tail.poke();
    await eventually("the error", () => errors.length > 0);
    appendFileSync(path, "two\n");
    tail.poke();
    // "All is given out" would be a lie: who waits for the end of a program's output must not take it for the end.
    expect(tail.drain({ final: true })).rejects.toThrow("disk full");
    expect(calls).toBe(1);
    expect(String(errors)).toContain("disk full");
  });
});

describe("readTail and readHead", () => {
  test("the end and the beginning of a file, and whether something is missing", () => {
    const path = join(tempFolder(), "err.log");
    writeFileSync(path, "abcdef");
    expect(readTail(path, 4)).toEqual({ text: "cdef", truncated: true });
    expect(readTail(path, 6)).toEqual({ text: "abcdef", truncated: false });
    expect(readHead(path, 2)).toEqual({ text: "ab", truncated: true });
    expect(readHead("/nowhere/x", 2)).toEqual({ text: "", truncated: false });
  });
});

describe("freeConsumed", () => {
  test("gives blocks back, keeps the length and what lies behind the offset", async () => {
    const path = join(tempFolder(), "out.jsonl");
    writeFileSync(path, `${"x".repeat(999_999)}\nkept\n`);
    const blocksBefore = statSync(path).blocks;
    const result = await freeConsumed(path, 1_000_000);
    if ("unsupported" in result) return console.warn(`skipped: ${result.unsupported}`);
    expect(result.freedBytes).toBe(999_424);
    expect(statSync(path).size).toBe(1_000_005);
    expect(statSync(path).blocks).toBeLessThan(blocksBefore / 10);
    appendFileSync(path, "more\n");
    const seen: string[] = [];
    const tail = createTail({
      path,
      offset: 1_000_000,
      onBatch: (batch) => void seen.push(...batch.lines),
      onError: () => undefined,
    });
    await tail.drain();
    expect(seen).toEqual(["kept", "more"]);
    tail.close();
  });

  test("where it cannot be done it says why", async () => {
    expect(await freeConsumed("/nowhere/out.jsonl", 5000)).toEqual({
      unsupported: expect.stringContaining("/nowhere/out.jsonl"),
    });
    expect(await freeConsumed("/nowhere/out.jsonl", 4000)).toEqual({ freedBytes: 0 });
  });
});
