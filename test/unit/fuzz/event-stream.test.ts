// file-timeout: 14400 s
/**
 * The event stream that the bridge reads, with bytes that are no stream of events: never a throw, never more in memory
 * than one line, and each whole event comes through once and exact, whatever stands beside it and however it is cut.
 */
import { expect, test } from "bun:test";
import { createEventReader } from "../../../src/bridge/event-reader.ts";
import { followEvents } from "../../../src/bridge/events.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { toJson } from "../../../src/lib/json.ts";
import { ODD_TEXTS, anyValue, everyCase, mangled, pick, seeded, upTo } from "../../support/fuzz.ts";
import type { Random } from "../../support/fuzz.ts";

const LONG_MS = 3_600_000;
const MAX_LINE_BYTES = 16 * 1024; // no event below is longer
/** Whatever is mangled carries another word, so that no damage makes a wanted one of it. */
const WANTED = "wanted";
const BOM = "\ufeff";
const LF = Buffer.from("\n");

/** Lines that are no event; each is whole, because what runs into the next line takes that with it, by the format. */
function garbage(next: Random): Buffer {
  const kind = upTo(next, 12);
  if (kind === 0) return Buffer.from(pick(next, ["\n", "\r\n", "\n\n\n", "\r\r\r\n", ": a comment\n", ":\n"]));
  if (kind === 1)
    return Buffer.from(`${pick(next, ["id: 7", "event: x", "retry: 1", "dat: {}", "data", "DATA: 1"])}\n`);
  if (kind === 2) return Buffer.from(`data {"type":"no colon"}${pick(next, ["\n", "\r\n"])}`);
  if (kind === 3) return Buffer.from(`data:${pick(next, ODD_TEXTS).replaceAll("\n", "")}\n`);
  if (kind === 4) return Buffer.from("\0\0\0\n");
  if (kind === 5) return Buffer.from(`\ufeffdata: {"type":"a mark in the middle"}\n`);
  if (kind === 6) return Buffer.from(`data: "${"x".repeat(MAX_LINE_BYTES + upTo(next, 100) - 50)}"\n`);
  if (kind === 7) return Buffer.from(`data: ${"[".repeat(1 + upTo(next, 1500))}\n`);
  if (kind === 8) return Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xf0, 0x9f, 0x98, 0x0a]); // half a character
  if (kind === 9) return Buffer.concat([noise(next, upTo(next, 60)), LF]);
  const value = `data: ${toJson({ type: "hurt", value: anyValue(next) })}\n\n`;
  return Buffer.concat([mangled(next, Buffer.from(value)), LF]);
}

const noise = (next: Random, length: number): Buffer => Buffer.from(Array.from({ length }, () => upTo(next, 256)));

interface Made {
  readonly bytes: Buffer;
  readonly wanted: readonly unknown[];
}

function stream(next: Random, mark = next() < 0.1 ? BOM : ""): Made {
  const pieces: Buffer[] = [Buffer.from(mark)];
  const wanted: unknown[] = [];
  for (let n = 0, count = 1 + upTo(next, 8); n < count; n++) {
    // The mark belongs to the line behind it.
    if ((n > 0 || mark === "") && next() < 0.6) pieces.push(garbage(next));
    const text = toJson({ type: WANTED, n, value: anyValue(next, 1) });
    wanted.push(JSON.parse(text));
    const end = pick(next, ["\n", "\r\n"]);
    pieces.push(Buffer.from(`data:${pick(next, ["", " ", "  "])}${text}${end}${end}`));
  }
  if (next() < 0.3) pieces.push(Buffer.from(pick(next, ["data: {", 'data: {"type":"wanted"}', "\r", "data"])));
  return { bytes: Buffer.concat(pieces), wanted };
}

/** Cut anywhere: within a character, between CR and LF, byte by byte, or not at all. */
function* cut(next: Random, bytes: Buffer): Generator<Buffer> {
  const most = pick(next, bytes.length < 500 ? [1, 3, 20, bytes.length] : [64, 500, 5000, bytes.length]);
  for (let at = 0; at < bytes.length;) {
    const size = 1 + upTo(next, most);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

const isWanted = (event: unknown): boolean =>
  typeof event === "object" && event !== null && "type" in event && event.type === WANTED;

test(
  "each whole event comes through once and exact, whatever stands between and however it is cut",
  async () => {
    await everyCase((next) => {
      const { bytes, wanted } = stream(next);
      const reader = createEventReader({ maxLineBytes: MAX_LINE_BYTES });
      const got: unknown[] = [];
      for (const piece of cut(next, bytes)) got.push(...reader.push(piece));
      if (got.includes(undefined)) throw new Error("gave out what is no JSON");
      expect(toJson(got.filter(isWanted))).toBe(toJson(wanted));
    });
  },
  LONG_MS,
);

test(
  "bytes without any sense are passed over, and what is an event behind them is one",
  async () => {
    await everyCase((next) => {
      const reader = createEventReader({ maxLineBytes: MAX_LINE_BYTES });
      for (const piece of cut(next, noise(next, upTo(next, 200)))) reader.push(piece);
      expect(reader.push(Buffer.from(`\ndata: {"type":"${WANTED}"}\n`)).filter(isWanted)).toEqual([{ type: WANTED }]);
    });
  },
  LONG_MS,
);

test("a line without end is not kept, in large pieces or in small ones", () => {
  const before = process.memoryUsage().rss;
  const reader = createEventReader({ maxLineBytes: 32 * 1024 * 1024 });
  const piece = Buffer.alloc(1024 * 1024, "x");
  for (let n = 0; n < 512; n++) expect(reader.push(piece)).toEqual([]);
  expect(reader.push(LF)).toEqual([]);
  for (let n = 0; n < 2_000_000; n++) reader.push(piece.subarray(0, 3));
  const grown = process.memoryUsage().rss - before;
  expect(reader.push(Buffer.from('\ndata: {"n":1}\n'))).toEqual([{ n: 1 }]);
  expect(grown).toBeLessThan(200 * 1024 * 1024);
});

/** Its pauses are over at once. */
const hasty: Clock = { ...systemClock, setTimer: (ms, fn) => systemClock.setTimer(ms > 10_000 ? ms : 0, fn) };

test("a connection that breaks at any byte takes nothing over into the next one", async () => {
  const hello = Buffer.from('data: {"type":"server.connected"}\n\n');
  const unused = () => Promise.reject(new Error("not asked for here"));
  for (let seed = 1; seed <= 200; seed++) {
    const next = seeded(seed);
    const { bytes, wanted } = stream(next, "");
    const got: unknown[] = [];
    const { promise: over, resolve } = Promise.withResolvers<void>();
    let breaks = 3;
    const feed = async function* (): AsyncGenerator<Uint8Array> {
      yield hello;
      const all = breaks-- <= 0;
      yield* cut(next, all ? bytes : bytes.subarray(0, upTo(next, bytes.length)));
      if (!all && next() < 0.5) throw new Error("it broke");
      if (!all) return;
      resolve();
      await new Promise(() => undefined);
    };
    const follow = followEvents({
      client: { get: unused, post: unused, stream: () => Promise.resolve(feed()) },
      onEvent: (json) => void got.push(json),
      onAgain: () => undefined,
      clock: hasty,
    });
    await Promise.all([follow.connected, over]);
    const events = got.filter(isWanted).map((event) => toJson(event));
    const whole = wanted.map((event) => toJson(event));
    expect([seed, events.slice(-whole.length)]).toEqual([seed, whole]);
    expect([seed, events.filter((event) => !whole.includes(event))]).toEqual([seed, []]);
  }
});
