/** A sink's worker: the line, its order, retries, batches, stops. Pauses and clocks: `worker-pauses.test.ts`. */
import { describe, expect, test } from "bun:test";
import type { Delivery } from "../../../src/receiver/sink.ts";
import { accept, down, pass, playedSink, RETRY, settle, start, state, world } from "./worker-bench.ts";

describe("a sink's worker", () => {
  test("sends in order, one at a time, each once", async () => {
    const sink = playedSink("discord", []);
    start(sink);
    await accept("a", "b", "c");
    await settle();
    expect(sink.sent).toEqual(["a", "b", "c"]);
    expect(state("c", "discord")).toMatchObject({ state: "delivered", tries: 1, interrupted: 0 });
    await pass(100_000_000);
    expect(sink.sent).toHaveLength(3);
  });

  test("tries again after the listed delays, and the others wait their turn", async () => {
    const sink = playedSink("discord", [down, down]);
    start(sink);
    await accept("a", "b");
    await settle();
    expect(sink.sent).toEqual(["a"]);
    await pass(999);
    expect(sink.sent).toEqual(["a"]);
    await pass(1);
    expect(sink.sent).toEqual(["a", "a"]);
    await pass(2000);
    expect(sink.sent).toEqual(["a", "a", "a", "b"]);
  });

  test("what the sink failed at is tried again, and not left as being sent", async () => {
    const sink = playedSink("discord", []);
    let failed = false;
    const send: typeof sink.send = (batch, signal) =>
      failed ? sink.send(batch, signal) : Promise.reject(((failed = true), new TypeError("a bug")));
    start({ ...sink, send });
    await accept("a");
    await settle();
    expect(state("a", "discord")).toMatchObject({ state: "pending", tries: 1, reason: "a bug" });
    await pass(1000);
    expect(state("a", "discord")).toMatchObject({ state: "delivered", tries: 2 });
  });

  test("gives one up after the last try once a younger one has passed it, and lists it as dead", async () => {
    const sink = playedSink("discord", [...Array(4).fill(down), { type: "delivered", detail: "" }, down, down]);
    const worker = start(sink);
    await accept("a", "b");
    for (let i = 0; i < 10; i++) await pass(60_000);
    expect(sink.sent).toEqual(["a", "a", "a", "a", "b", "a", "a"]);
    expect(state("a", "discord")).toMatchObject({ state: "dead", tries: 6, reason: "down (given up after 6 tries)" });
    expect(worker.status()).toMatchObject({ dead: 1, pending: 0, lastError: "down" });
    await accept("c");
    await settle();
    expect(state("c", "discord")?.state).toBe("delivered");
  });

  test("one that fails often steps aside and is tried rarely", async () => {
    const sink = playedSink("discord", [down, down, down, down]);
    start(sink);
    await accept("a", "b");
    await settle();
    for (const ms of [1000, 2000, 5000]) await pass(ms);
    expect(sink.sent).toEqual(["a", "a", "a", "a", "b"]);
    await pass(59_999);
    expect(sink.sent).toHaveLength(5);
    await pass(1);
    expect(sink.sent.at(-1)).toBe("a");
  });

  test("one sink's failure neither delays nor repeats the other", async () => {
    const discord = playedSink("discord", ["hang"]);
    const openclaw = playedSink("openclaw", [down]);
    start(discord);
    start(openclaw);
    await accept("a", "b");
    await settle();
    await pass(1000);
    expect(openclaw.sent).toEqual(["a", "a", "b"]);
    expect(discord.sent).toEqual(["a"]);
    expect(state("b", "openclaw")?.state).toBe("delivered");
    expect(state("a", "discord")?.state).toBe("sending");
  });

  test("waits as long as it was asked to, and that costs no try when nothing was looked at", async () => {
    const sink = playedSink("discord", [
      { outcome: { type: "retry", reason: "slow down", waitMs: 64_570, free: true }, pauseMs: 64_570 },
    ]);
    start(sink);
    await accept("a", "b");
    await settle();
    await pass(64_569);
    expect(sink.sent).toEqual(["a"]);
    await pass(1);
    expect(sink.sent).toEqual(["a", "a", "b"]);
    expect(state("a", "discord")).toMatchObject({ state: "delivered", tries: 1 });
  });

  test("what arrives while only those that stepped aside wait goes out at once", async () => {
    const sink = playedSink("discord", [down, down, down, down]);
    start(sink);
    await accept("a");
    await settle();
    for (const ms of [1000, 2000, 5000]) await pass(ms);
    await accept("b");
    await settle();
    expect(sink.sent).toEqual(["a", "a", "a", "a", "b"]);
  });

  test("arrivals do not make it search a line that is blocked, a redelivery does", async () => {
    const sink = playedSink("discord", [down]);
    let searches = 0;
    const { next } = world.inbox;
    world.inbox = { ...world.inbox, next: (...args) => (searches++, next(...args)) };
    const worker = start(sink);
    await accept("a");
    await settle();
    const before = searches;
    await accept("b", "c", "d");
    await settle();
    expect(searches).toBe(before);
    worker.tryNow(99);
    await settle();
    expect(searches).toBe(before + 1);
    await pass(1000);
    expect(sink.sent).toEqual(["a", "a", "b", "c", "d"]);
  });

  test("a pause after a success holds the next one", async () => {
    const sink = playedSink("discord", [{ outcome: { type: "delivered", detail: "" }, pauseMs: 2000 }]);
    start(sink);
    await accept("a", "b");
    await settle();
    expect(sink.sent).toEqual(["a"]);
    await pass(2000);
    expect(sink.sent).toEqual(["a", "b"]);
  });

  test("what waits together within the gap goes out together", async () => {
    const sink = playedSink("openclaw", [], {
      lookAhead: 100,
      choose: (waiting: readonly Delivery[]) => waiting,
      retry: { ...RETRY, gapMs: 2000 },
    });
    start(sink);
    await accept("a");
    await settle();
    await accept("b", "c");
    await settle();
    expect(sink.sent).toEqual(["a"]);
    await pass(2000);
    expect(sink.sent).toEqual(["a", "b+c"]);
  });

  test("a batch that failed goes out again as it was, and what came meanwhile goes in the next", async () => {
    const sink = playedSink("openclaw", [down], { lookAhead: 100, choose: (waiting: readonly Delivery[]) => waiting });
    await accept("a", "b");
    start(sink);
    await settle();
    await accept("c");
    await pass(1000);
    expect(sink.sent).toEqual(["a+b", "a+b", "c"]);
  });

  test("a stop lets a send finish; one that is cut off stays marked, so that the next start knows", async () => {
    const sink = playedSink("discord", ["hang"]);
    const worker = start(sink);
    await accept("a");
    await settle();
    const stopped = worker.stop(10_000);
    await settle();
    expect(state("a", "discord")?.state).toBe("sending");
    world.clock.advance(10_000);
    await stopped;
    expect(state("a", "discord")?.state).toBe("sending");
    expect(sink.sent).toEqual(["a"]);
  });

  test("a sink that throws is tried again, and says so", async () => {
    let calls = 0;
    const sink = playedSink("discord", [], {
      choose(waiting) {
        if (calls++ === 0) throw new Error("bug");
        return waiting.slice(0, 1);
      },
    });
    const worker = start(sink);
    await accept("a");
    await settle();
    expect(worker.status()).toMatchObject({ state: "retrying", lastError: "bug" });
    await pass(5000);
    expect(worker.status()).toMatchObject({ state: "ok", pending: 0 });
  });
});
