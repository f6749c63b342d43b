/**
 * Waits of the outbox and the wall clock. The kind looked for: a wait or a deadline of ours that hangs on the time of
 * day. Found in `nextAttemptAt` (24 hours since a stamp), in the due times of the table (set back: days ahead), in the
 * duration of an attempt and the rest of its time limit (`webhook/client.ts`), and the same four in the receiver
 * (`receiver/worker.ts`). The stamp in the signature is of the wall clock, as its receiver compares it with its own.
 */
import { describe, expect, test } from "bun:test";
import { findDelivery, insertDelivery, attemptsOf, reviveDelivery } from "../../../src/store/deliveries.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createWorker } from "../../../src/webhook/worker.ts";
import { eventually } from "../../support/api.ts";
import { bench, closers, state, type Bench } from "./bench.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

const own = (it: Bench) => ({ url: it.hook.url(), token: null, own: false });

const attempted = (it: Bench, id: string, times: number): Promise<unknown> =>
  eventually(`attempt ${times} of ${id}`, () => findDelivery(it.store, id)?.attempts === times);

describe("a clock that is set", () => {
  test("forward by two days gives nothing up: the next failure is one of the first ones still", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 503 }, { status: 503 }]);
    it.add("m1");
    await attempted(it, "m1", 1);
    it.clock.jump(2 * DAY);
    it.clock.advance(1000);
    await attempted(it, "m1", 2);
    expect(findDelivery(it.store, "m1")).toMatchObject({ state: "pending", waitedMs: 6000 });
    it.clock.advance(5000);
    await eventually("the delivery", () => state(it, "m1") === "delivered");
  });

  // Two answers of a proxy without a backend, a minute apart, were "for an hour" when the clock was set between them.
  test("forward again and again counts no wait that was not waited, nor do people who ask for a try", async () => {
    const it = await bench();
    it.hook.on("/hook", { status: 404 });
    it.add("m1");
    await attempted(it, "m1", 1);
    for (let times = 2; times <= 12; times++) {
      if (times % 3 === 0) it.store.transact(() => reviveDelivery(it.store, "m1", own(it), it.clock.now()));
      else it.clock.jump(2 * DAY);
      it.clock.advance(60_000);
      await attempted(it, "m1", times);
      expect(findDelivery(it.store, "m1")).toMatchObject({ state: "pending" });
    }
    for (let hours = 0; hours < 3 && state(it, "m1") === "pending"; hours++) {
      const { attempts = 0 } = findDelivery(it.store, "m1") ?? {};
      it.clock.advance(HOUR);
      await eventually("the next attempt", () => (findDelivery(it.store, "m1")?.attempts ?? 0) > attempts);
    }
    expect(state(it, "m1")).toBe("dead");
  });

  test("back by two days moves what waits along: the retry comes when its seconds are over", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 503 }]);
    it.add("m1");
    await attempted(it, "m1", 1);
    it.clock.jump(-2 * DAY);
    it.clock.advance(1000);
    await eventually("the delivery", () => state(it, "m1") === "delivered");
  });

  test("back while the daemon is down: no wait is longer than it was made", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 503 }, { status: 503 }]);
    it.add("m1");
    await attempted(it, "m1", 1);
    await it.worker.close(0);
    it.clock.jump(-2 * DAY);
    const next = createWorker({
      store: it.store,
      clock: it.clock,
      age: it.clock.monotonic,
      log: silentLogger,
      random: () => 0.5,
      resolve: async () => ["127.0.0.1"],
      settled: () => () => undefined,
      seam: () => undefined,
      config: { url: it.hook.url(), allowedHosts: [] },
    });
    closers.push(() => next.close(0));
    next.wake();
    await eventually("its timer", () => it.clock.pending === 1);
    it.clock.advance(1000);
    await attempted(it, "m1", 2);
  });

  test("a box that slept sends what fell due within a minute of waking", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 503, headers: { "retry-after": "7200" } }]);
    it.add("m1");
    await attempted(it, "m1", 1);
    it.clock.jump(8 * HOUR);
    it.clock.advance(60_000);
    await eventually("the delivery", () => state(it, "m1") === "delivered");
  });

  test("an attempt's duration is of running time", async () => {
    const it = await bench();
    it.hook.on("/hook", { status: 200, afterMs: 30 });
    it.add("m1");
    await eventually("the request", () => it.hook.seen.length === 1);
    it.clock.jump(-DAY);
    await eventually("the delivery", () => state(it, "m1") === "delivered");
    expect(attemptsOf(it.store, "m1")[0]?.durationMs).toBe(0);
  });
});

describe("asked for by a person", () => {
  test("a delivery is tried at once, although an older one of its agent waits", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 503 }]);
    it.add("m1");
    await attempted(it, "m1", 1);
    it.add("m2");
    it.worker.tryNow("m2");
    await eventually("the younger one", () => state(it, "m2") === "delivered");
    expect(state(it, "m1")).toBe("pending");
  });

  test("asking for one that is settled or gone does nothing", async () => {
    const it = await bench();
    it.add("m1");
    await eventually("the delivery", () => state(it, "m1") === "delivered");
    it.worker.tryNow("m1");
    it.worker.tryNow("nobody");
    insertDelivery(it.store, { ...(findDelivery(it.store, "m1") ?? never()), id: "m2" }, it.clock.now());
    it.worker.wake();
    await eventually("the next one", () => state(it, "m2") === "delivered");
    expect(it.hook.seen.map((each) => each.id)).toEqual(["m1", "m2"]);
  });
});

describe("a receiver that refuses by a rule of its own", () => {
  test("is quoted at the first answer: which key of its config to mend", async () => {
    const warned: unknown[] = [];
    const it = await bench({}, { ...silentLogger, warn: (_, fields) => void warned.push(fields?.["reason"]) });
    const message = 'the Host "box.example" is not accepted: add the name to allowedHosts';
    it.hook.on("/hook", [{ status: 403, body: JSON.stringify({ error: "FORBIDDEN_HOST", message }) }]);
    it.add("m1");
    await attempted(it, "m1", 1);
    expect(findDelivery(it.store, "m1")?.lastError).toBe(`the receiver answered 403: ${message}`);
    expect(warned).toEqual([`the receiver answered 403: ${message}`]);
  });
});

function never(): never {
  throw new Error("it is there");
}
