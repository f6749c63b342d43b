/**
 * When a sink may send again, and whom that costs what. Kinds looked for: (a) a retry that never backs off (found: free
 * ones after 429, and the first delay again for each delivery of an outage; the sink's pauses grow whoever fails), (b)
 * a fault of the destination that kills deliveries one by one (found: a stopped sink and any outage longer than the
 * time to give up; now only one that a younger one has passed is given up), (c) a pause that never ends (found: "until
 * a restart"; a stop has a time now), (d) waits on the wall clock (found: both pauses, the due times, the time to give
 * up).
 */
import { describe, expect, test } from "bun:test";
import { silentLogger } from "../../../src/lib/log.ts";
import { openInbox } from "../../../src/receiver/inbox.ts";
import { createPace } from "../../../src/receiver/pace.ts";
import type { SendOutcome } from "../../../src/receiver/sink.ts";
import { accept, down, pass, playedSink, RETRY, settle, start, state, world } from "./worker-bench.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const slowDown: SendOutcome = { type: "retry", reason: "slow down", free: true };
const stopped = (retryInMs: number): SendOutcome => ({ type: "stopped", reason: "404 for s3cret", retryInMs });

describe("a destination that does not take anything", () => {
  test("is asked more and more rarely, although a free try is no try", async () => {
    const sink = playedSink("discord", Array(100).fill(slowDown));
    start(sink);
    await accept("a");
    for (let i = 0; i < 60; i++) await pass(1000);
    expect(sink.sent.length).toBeLessThanOrEqual(14); // 0 1 3 8, then each 5 s
    expect(state("a", "discord")).toMatchObject({ state: "pending", tries: 0 });
  });

  test("is asked by one of those that wait, not by each of them in turn", async () => {
    const sink = playedSink("discord", Array(1000).fill(down), { retry: { ...RETRY, delaysMs: [1000, 300_000] } });
    start(sink);
    await accept(...Array.from({ length: 50 }, (_, n) => `a${n}`));
    for (let i = 0; i < 60; i++) await pass(MINUTE);
    expect(sink.sent.length).toBeLessThanOrEqual(20);
  });

  test("gives nothing up, however long it is down, and all go out in order later", async () => {
    const sink = playedSink("discord", Array(30).fill(down), { retry: { ...RETRY, stepAsideAfter: 100 } });
    start(sink);
    await accept("a", "b", "c");
    for (let i = 0; i < 40; i++) await pass(2 * HOUR);
    expect(sink.sent.slice(29)).toEqual(["a", "a", "b", "c"]);
    expect(["a", "b", "c"].map((name) => state(name, "discord")?.state)).toEqual(Array(3).fill("delivered"));
  });

  test("that only asks for patience gives nothing up either, although younger ones have passed and days go by", async () => {
    // The first steps aside, the second passes; from then on it is "not now" for the first.
    const failing = Array<SendOutcome>(4).fill(down);
    const passed: SendOutcome = { type: "delivered", detail: "" };
    const answers = [...failing, passed, ...Array<SendOutcome>(40).fill(slowDown)];
    const sink = playedSink("discord", answers, { retry: { ...RETRY, maxTries: 5 } }); // one more would be the last
    start(sink);
    await accept("a", "b");
    for (let i = 0; i < 30; i++) await pass(2 * HOUR);
    expect(sink.sent.slice(0, 7)).toEqual(["a", "a", "a", "a", "b", "a", "a"]);
    expect(state("a", "discord")).toMatchObject({ state: "pending", tries: 4 });
  });

  test("that works again after a pause starts its pauses afresh", () => {
    const pace = createPace({ ...RETRY, delaysMs: [1, 10, 100] }, () => 0);
    expect([pace.failed(0, 0), pace.failed(0, 0), pace.failed(0, 0), pace.failed(0, 0)]).toEqual([1, 10, 100, 100]);
    pace.works();
    expect([pace.failed(0, 0), pace.failed(0, 5000)]).toEqual([1, 5000]);
  });
});

describe("a sink that has stopped", () => {
  test("sends nothing, keeps what comes, names the fault once and without secrets, and looks again by itself", async () => {
    const logged: string[] = [];
    const sink = playedSink("discord", [stopped(HOUR), stopped(HOUR)]);
    const worker = start(sink, { log: { ...silentLogger, error: (msg) => void logged.push(msg) } });
    await accept("a", "b");
    await settle();
    expect(worker.status()).toMatchObject({
      state: "stopped",
      fault: "404 for [redacted]",
      pending: 2,
      resumesMs: world.clock.now() + HOUR,
    });
    for (let i = 0; i < 59; i++) await pass(MINUTE);
    expect(sink.sent).toEqual(["a"]);
    await pass(MINUTE);
    expect(sink.sent).toEqual(["a", "a"]);
    expect(logged).toEqual(["a sink has stopped, its deliveries wait"]);
    for (let i = 0; i < 60; i++) await pass(MINUTE);
    expect(sink.sent).toEqual(["a", "a", "a", "b"]);
    expect(worker.status()).toMatchObject({ state: "ok", pending: 0, resumesMs: null });
  });

  test("kills no delivery by the time that it stands still", async () => {
    const sink = playedSink("discord", Array(20).fill(stopped(2 * HOUR)));
    start(sink);
    await accept("a");
    for (let i = 0; i < 19; i++) await pass(2 * HOUR);
    expect(state("a", "discord")).toMatchObject({ state: "pending", tries: 0 });
  });

  test("tries at once what a person asks for, and goes on when that passes", async () => {
    const sink = playedSink("discord", [stopped(HOUR)]);
    const worker = start(sink);
    await accept("a", "b", "c");
    await settle();
    worker.tryNow(2);
    await settle();
    expect(sink.sent).toEqual(["a", "b", "a", "c"]);
    expect(worker.status().state).toBe("ok");
  });

  test("stays stopped when what a person asked for fails, too", async () => {
    const sink = playedSink("discord", [stopped(HOUR), stopped(HOUR)]);
    const worker = start(sink);
    await accept("a");
    await settle();
    await pass(MINUTE);
    worker.tryNow(1);
    await settle();
    expect(sink.sent).toEqual(["a", "a"]);
    expect(worker.status()).toMatchObject({ state: "stopped", resumesMs: world.clock.now() + HOUR });
  });
});

describe("a clock that is set", () => {
  test("back by two days: a pause and a due time end when their seconds are over", async () => {
    const sink = playedSink("discord", [down]);
    start(sink);
    await accept("a");
    await settle();
    world.clock.jump(-2 * DAY);
    await pass(1000);
    expect(sink.sent).toEqual(["a", "a"]);
  });

  test("forward by two days gives nothing up", async () => {
    const sink = playedSink("discord", [down, down]);
    start(sink);
    await accept("a", "b");
    await settle();
    world.clock.jump(2 * DAY);
    for (let i = 0; i < 5; i++) await pass(1000);
    expect(["a", "b"].map((name) => state(name, "discord")?.state)).toEqual(["delivered", "delivered"]);
  });

  test("a box that slept counts the time it slept, and looks within a minute of waking", async () => {
    const sink = playedSink("discord", [stopped(2 * HOUR)]);
    start(sink);
    await accept("a");
    await settle();
    world.clock.jump(3 * HOUR);
    await pass(MINUTE);
    expect(sink.sent).toEqual(["a", "a"]);
  });

  test("back while the receiver is down: no wait is longer than it was made", async () => {
    await accept("a");
    await world.inbox.markSending("discord", [1]);
    const record = { state: "pending", reason: "down", delayMs: 5000, free: false } as const;
    await world.inbox.record("discord", [1], record, world.clock.now());
    const path = world.inbox.store.db.filename;
    world.inbox.close();
    world.clock.jump(-2 * DAY);
    world.inbox = openInbox(path, ["discord", "openclaw"], world.clock.now());
    expect(world.inbox.next("discord", world.clock.now(), 10)?.atMs).toBe(world.clock.now() + 5000);
  });
});
