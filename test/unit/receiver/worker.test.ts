import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock, type FakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { openInbox, type Inbox } from "../../../src/receiver/inbox.ts";
import { keyHash } from "../../../src/receiver/identity.ts";
import { findDelivery } from "../../../src/receiver/listing.ts";
import type { Delivery, SendOutcome, SendResult, Sink, SinkName, SinkRetry } from "../../../src/receiver/sink.ts";
import { startWorker, type Worker } from "../../../src/receiver/worker.ts";

let dir: string;
let inbox: Inbox;
let clock: FakeClock;
const workers: Worker[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-worker-"));
  inbox = openInbox(join(dir, "inbox.db"), ["discord", "openclaw"]);
  clock = fakeClock();
});
afterEach(async () => {
  const stopped = workers.splice(0).map((worker) => worker.stop(0));
  clock.advance(0);
  await Promise.all(stopped);
  inbox.close();
  rmSync(dir, { recursive: true });
});

const RETRY: SinkRetry = {
  delaysMs: [1000, 2000, 5000],
  maxTries: 6,
  giveUpAfterMs: 3_600_000,
  stepAsideAfter: 4,
  slowMs: 60_000,
  gapMs: 0,
};

interface Played extends Sink {
  readonly sent: string[];
}

/** A sink that answers from a list, then delivers. */
function playedSink(
  name: SinkName,
  answers: (SendOutcome | SendResult | "hang")[],
  change: Partial<Sink> = {},
): Played {
  const sent: string[] = [];
  return {
    name,
    retry: RETRY,
    lookAhead: 1,
    choose: (waiting) => waiting.slice(0, 1),
    async send(batch, signal) {
      sent.push(batch.map((delivery) => delivery.event.agentId).join("+"));
      const answer = answers.shift() ?? { type: "delivered", detail: "" };
      if (answer === "hang") {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { outcome: { type: "retry", reason: "aborted" } };
      }
      return "outcome" in answer ? answer : { outcome: answer };
    },
    probe: async () => [],
    sent,
    ...change,
  };
}

function start(sink: Sink): Worker {
  const worker = startWorker({
    sink,
    inbox,
    clock,
    log: silentLogger,
    random: () => 0,
    scrub: (text) => text.replaceAll("s3cret", "[redacted]"),
  });
  workers.push(worker);
  return worker;
}

async function accept(...names: string[]): Promise<void> {
  for (const name of names) {
    const body = JSON.stringify({
      event: "agent_completed",
      project: "p",
      agentId: name,
      provider: "x",
      status: "idle",
      lastMessage: null,
      timestamp: "2026-01-01T00:00:00Z",
    });
    await inbox.accept({
      key: `id ${name}`,
      hash: keyHash(`id ${name}`),
      receivedMs: clock.now(),
      event: "agent_completed",
      project: "p",
      agentId: name,
      body,
    });
  }
  for (const worker of workers) worker.wake();
}

/** Lets everything run that waits for no clock. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  await settle();
}
const state = (name: string, sink: SinkName) => findDelivery(inbox.store, name)?.sinks[sink];
const down: SendOutcome = { type: "retry", reason: "down" };

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

  test("gives up after the last try, lists it as dead, and goes on with the next", async () => {
    const sink = playedSink("discord", Array(6).fill(down));
    const worker = start(sink);
    await accept("a");
    for (let i = 0; i < 10; i++) await pass(60_000);
    expect(state("a", "discord")).toMatchObject({ state: "dead", tries: 6, reason: "down (given up after 6 tries)" });
    expect(worker.status()).toMatchObject({ dead: 1, pending: 0, lastError: "down" });
    await accept("b");
    await settle();
    expect(state("b", "discord")?.state).toBe("delivered");
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
    const { next } = inbox;
    inbox = { ...inbox, next: (...args) => (searches++, next(...args)) };
    const worker = start(sink);
    await accept("a");
    await settle();
    const before = searches;
    await accept("b", "c", "d");
    await settle();
    expect(searches).toBe(before);
    worker.lookAgain();
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

  test("a stopped sink sends nothing more, keeps what comes, and names the fault without secrets", async () => {
    const sink = playedSink("discord", [{ type: "stopped", reason: "404 for s3cret", retryInMs: null }]);
    const worker = start(sink);
    await accept("a", "b");
    await settle();
    await pass(100_000_000);
    expect(sink.sent).toEqual(["a"]);
    expect(worker.status()).toMatchObject({
      state: "stopped",
      fault: "404 for [redacted]",
      pending: 2,
      resumesMs: null,
    });
    expect(state("a", "discord")).toMatchObject({ state: "pending", tries: 0 });
  });

  test("a sink that stopped for a while looks again by itself", async () => {
    const sink = playedSink("openclaw", [{ type: "stopped", reason: "not installed", retryInMs: 60_000 }]);
    const worker = start(sink);
    await accept("a");
    await settle();
    expect(worker.status()).toMatchObject({ state: "stopped", resumesMs: clock.now() + 60_000 });
    await pass(60_000);
    expect(sink.sent).toEqual(["a", "a"]);
    expect(worker.status()).toMatchObject({ state: "ok", pending: 0 });
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
    clock.advance(10_000);
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
