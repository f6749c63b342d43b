/** The outbox worker against a real store and a real HTTP server, with a clock that the test moves. */
import { describe, expect, test } from "bun:test";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { openStore } from "../../../src/store/database.ts";
import {
  attemptsOf,
  findDelivery,
  insertDelivery,
  listDeliveries,
  reviveDelivery,
} from "../../../src/store/deliveries.ts";
import { scrub } from "../../../src/lib/scrub.ts";
import { MAX_FOR_SILENT, MAX_IN_FLIGHT, nextToSend } from "../../../src/webhook/queue.ts";
import type { Worker, WorkerDeps } from "../../../src/webhook/worker.ts";
import { createWorker } from "../../../src/webhook/worker.ts";
import { eventually } from "../../support/api.ts";
import { startHook } from "../../support/hook.ts";
import { bench, closers, state } from "./bench.ts";

const HOUR = 3_600_000;

describe("the schedule, as the worker keeps it", () => {
  test("a receiver that answers 500 is tried for exactly 24 hours, then the delivery is dead and says why", async () => {
    const it = await bench();
    it.hook.on("/hook", { status: 500, body: "out of order" });
    const started = it.clock.now();
    it.add("m1");
    await eventually("the first attempt", () => findDelivery(it.store, "m1")?.attempts === 1);
    while (state(it, "m1") === "pending") await it.retry("m1");
    expect(it.clock.now() - started).toBe(24 * HOUR);
    const attempts = attemptsOf(it.store, "m1");
    expect(attempts.map((each) => each.at - started).slice(0, 5)).toEqual([0, 1000, 6000, 36_000, 156_000]);
    expect(attempts.every((each) => each.status === 500 && each.response === "out of order")).toBe(true);
    expect(it.hook.seen).toHaveLength(attempts.length);
    expect(new Set(it.hook.seen.map((each) => each.id))).toEqual(new Set(["m1"]));
    expect(findDelivery(it.store, "m1")?.lastError).toMatch(/answered 500 \(given up after \d+ attempts in 24 hours\)/);
    expect(it.settled).toEqual(["m1 dead"]);
    expect(it.clock.pending).toBe(0);
  });

  test("Retry-After is waited for, and a redelivered one begins again at the first delay", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 429, headers: { "retry-after": "90" } }, { status: 410 }, { status: 503 }]);
    it.add("m1");
    await eventually("the first attempt", () => findDelivery(it.store, "m1")?.attempts === 1);
    expect(findDelivery(it.store, "m1")?.nextAt).toBe(it.clock.now() + 90_000);
    await it.retry("m1");
    expect(state(it, "m1")).toBe("dead");
    reviveDelivery(it.store, "m1", { url: it.hook.url(), token: null, own: false }, it.clock.now());
    it.worker.wake();
    await eventually("the third attempt", () => findDelivery(it.store, "m1")?.attempts === 3);
    expect(findDelivery(it.store, "m1")?.nextAt).toBe(it.clock.now() + 1000);
    await it.retry("m1");
    expect(state(it, "m1")).toBe("delivered");
    expect(it.hook.seen.map((each) => each.id)).toEqual(["m1", "m1", "m1", "m1"]);
  });

  test("a waiting one that is redelivered goes out at once and keeps the count of its schedule", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 500 }, { status: 500 }]);
    it.add("m1");
    await eventually("the first attempt", () => findDelivery(it.store, "m1")?.attempts === 1);
    await it.retry("m1");
    reviveDelivery(it.store, "m1", { url: it.hook.url("/other"), token: null, own: false }, it.clock.now());
    expect(findDelivery(it.store, "m1")).toMatchObject({ state: "pending", round: 2, nextAt: it.clock.now() });
    it.worker.wake();
    await eventually("the third attempt", () => state(it, "m1") === "delivered");
    expect(it.hook.seen.at(-1)?.path).toBe("/other");
  });
});

describe("order", () => {
  test("an agent's notices wait for the earlier one; other agents pass; a dead one releases the next", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 400 }]);
    it.add("a-1");
    await it.rest();
    await eventually("the refusal", () => findDelivery(it.store, "a-1")?.attempts === 1);
    it.add("a-2");
    it.add("b-1", { agent: "b" });
    await eventually("b's notice", () => state(it, "b-1") === "delivered");
    const listed = listDeliveries(it.store, { limit: 10 });
    expect(listed.map((each) => [each.id, each.waitsFor])).toEqual([
      ["b-1", null],
      ["a-2", "a-1"],
      ["a-1", null],
    ]);
    it.hook.on("/hook", [{ status: 400 }]);
    await it.retry("a-1");
    await eventually("the next one", () => state(it, "a-2") === "delivered");
    expect(state(it, "a-1")).toBe("dead");
    expect(it.hook.seen.map((each) => each.id)).toEqual(["a-1", "b-1", "a-1", "a-2"]);
  });

  test("tests stand in no line: one that fails does not hold up the next", async () => {
    const it = await bench();
    it.hook.on("/hook", [{ status: 500 }]);
    it.add("t-1", { agent: null });
    await eventually("the failure", () => findDelivery(it.store, "t-1")?.attempts === 1);
    it.add("t-2", { agent: null });
    await eventually("the second test", () => state(it, "t-2") === "delivered");
  });
});

describe("what may be in the way", () => {
  test("hanging destinations never take all places, and another destination gets its turn", async () => {
    const it = await bench();
    const others = await Promise.all(Array.from({ length: 3 }, () => startHook()));
    closers.push(...others.map((each) => () => each.down()));
    for (const other of others) other.on("/hook", "hang");
    for (let n = 0; n < 30; n++) it.add(`h-${n}`, { agent: `h${n}`, url: others[n % 3]?.url() ?? "", own: true });
    await eventually("the places that hanging ones may have", () => it.worker.inFlight === 6);
    it.add("good", { agent: "good" });
    await eventually("the good one", () => state(it, "good") === "delivered");
    expect(others.map((each) => each.seen.length)).toEqual([2, 2, 2]);
    for (const other of others) await other.down();
    // They failed to answer: from now on they share half of the places, one each.
    await eventually("another round", () =>
      listDeliveries(it.store, { limit: 100 }).every((each) => each.state !== "pending" || each.attempts > 0),
    );
  });

  test("an outcome that cannot be stored is stored later, and the receiver is not asked again for it", async () => {
    const errors: string[] = [];
    const it = await bench({}, { ...silentLogger, error: (msg) => void errors.push(msg) });
    it.store.db.exec("CREATE TRIGGER full BEFORE INSERT ON attempts BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    it.add("m1");
    await eventually("the failure to store", () => errors.length === 1);
    it.clock.advance(5000);
    await eventually("the second failure", () => errors.length === 2);
    it.store.db.exec("DROP TRIGGER full");
    it.clock.advance(5000);
    await eventually("the outcome", () => state(it, "m1") === "delivered");
    expect(it.hook.seen).toHaveLength(1);
    expect(it.settled).toEqual(["m1 delivered"]);
  });

  test("closing lets what is under way end; what is cut stays pending and unrecorded", async () => {
    const it = await bench();
    it.hook.on("/hook", { status: 200, afterMs: 50 });
    it.add("m1");
    await eventually("the request", () => it.hook.seen.length === 1);
    await it.worker.close(5000);
    expect(state(it, "m1")).toBe("delivered");
    const second = await bench();
    second.hook.on("/hook", "hang");
    second.add("m2");
    await eventually("the request", () => second.hook.seen.length === 1);
    await second.worker.close(0);
    expect(findDelivery(second.store, "m2")).toMatchObject({ state: "pending", attempts: 0 });
  });
});

describe("whom it goes to", () => {
  test("a name of an own webhook that leads to a metadata service is refused, one that cannot be resolved waits", async () => {
    const answers: (readonly string[] | Error)[] = [
      ["10.0.0.1", "169.254.169.254"],
      new Error("no such name"),
      ["127.0.0.1"],
    ];
    const resolve = async (): Promise<readonly string[]> => {
      const next = answers.shift() ?? [];
      if (next instanceof Error) throw next;
      return next;
    };
    const it = await bench({ resolve, config: { allowedHosts: ["hooks.example"] } });
    const own = { own: true, url: "http://hooks.example:1/x", token: "own-token" };
    it.add("m1", own);
    await eventually("the refusal", () => state(it, "m1") === "dead");
    expect(findDelivery(it.store, "m1")?.lastError).toBe(
      'the name "hooks.example" stands for 169.254.169.254, where no webhook may go',
    );
    it.add("m2", own);
    await eventually("the failed look-up", () => findDelivery(it.store, "m2")?.attempts === 1);
    expect(findDelivery(it.store, "m2")).toMatchObject({
      state: "pending",
      lastError: 'cannot resolve the host "hooks.example": no such name',
    });
    expect(attemptsOf(it.store, "m2")[0]?.status).toBe(null);
  });

  test("an own webhook never gets the config's token, and is refused when its host is not allowed any more", async () => {
    const it = await bench({ config: { url: "http://127.0.0.1:1/", token: "config-token", allowedHosts: [] } });
    it.add("m1", { own: true, token: null });
    await eventually("the delivery", () => state(it, "m1") === "delivered");
    expect(it.hook.seen[0]?.headers.authorization).toBe(undefined);
    it.add("m2", { own: true, url: "http://elsewhere.example/" });
    await eventually("the refusal", () => state(it, "m2") === "dead");
    expect(findDelivery(it.store, "m2")?.lastError).toBe(
      'the host "elsewhere.example" is not in webhook.allowedHosts any more',
    );
  });

  test("what waits for the config's webhook follows it when it moves, and is dead when there is none", async () => {
    const store = openStore(":memory:");
    const clock = fakeClock();
    const hook = await startHook();
    closers.push(() => hook.down());
    const row = {
      project: "p",
      agent: "a1",
      event: "agent_completed",
      url: "http://127.0.0.1:1/old",
      token: null,
      own: false,
      body: "{}",
    };
    const make = (config: WorkerDeps["config"]): Worker =>
      createWorker({
        store,
        clock,
        age: clock.monotonic,
        log: silentLogger,
        random: () => 0.5,
        resolve: async () => [],
        settled: () => () => undefined,
        seam: () => undefined,
        config,
      });
    insertDelivery(store, { ...row, id: "m1" }, clock.now());
    const moved = make({ url: hook.url("/new"), token: "t", allowedHosts: [] });
    moved.wake();
    await eventually("the delivery", () => findDelivery(store, "m1")?.state === "delivered");
    expect(hook.seen.map((each) => each.path)).toEqual(["/new"]);
    await moved.close(0);
    insertDelivery(store, { ...row, id: "m2" }, clock.now());
    const none = make({ allowedHosts: [] });
    none.wake();
    await eventually("its death", () => findDelivery(store, "m2")?.state === "dead");
    expect(findDelivery(store, "m2")?.lastError).toBe("webhook.url is not set any more: set it, then redeliver");
    await none.close(0);
  });

  test("an answer that repeats our secrets is kept without them, also where it was cut", async () => {
    const secret = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
    const token = 'tok"en-of-the-config';
    const it = await bench();
    const worker = createWorker({
      store: it.store,
      clock: it.clock,
      age: it.clock.monotonic,
      log: silentLogger,
      random: () => 0.5,
      resolve: async () => [],
      settled: () => () => undefined,
      seam: () => undefined,
      config: { url: it.hook.url(), token, secret, allowedHosts: [] },
    });
    closers.push(() => worker.close(0));
    it.hook.on("/hook", { status: 500, body: `${JSON.stringify({ token, secret })}${"y".repeat(4096)}` });
    insertDelivery(
      it.store,
      { id: "m1", project: "p", agent: "a", event: "test", url: it.hook.url(), token: null, own: false, body: "{}" },
      it.clock.now(),
    );
    worker.wake();
    await eventually("the attempt", () => findDelivery(it.store, "m1")?.attempts === 1);
    const { response } = attemptsOf(it.store, "m1")[0] ?? {};
    expect(response).toStartWith('{"token":"[redacted]","secret":"[redacted]"}');
    expect((response ?? "").length).toBeLessThanOrEqual(4096);
  });
});

describe("the choice of the next one", () => {
  const head = (id: string, url: string, agent: string | null, nextAt = 0) => ({ id, url, agent, nextAt });
  const none = new Set<string>();

  test("an agent's notices to one destination go one after the other, whatever their paths", () => {
    const flights = new Map([["1", { destination: "http://a", agent: "x" }]]);
    expect(nextToSend({ heads: [head("2", "http://a/other", "x")], flights, silent: none, nowMs: 0 })).toBe(null);
    expect(nextToSend({ heads: [head("2", "http://b/", "x")], flights, silent: none, nowMs: 0 })?.id).toBe("2");
  });

  test("a destination with nothing under way goes before an older one with something", () => {
    const flights = new Map([["1", { destination: "http://a", agent: "x" }]]);
    const heads = [head("2", "http://a/", "y", 1), head("3", "http://b/", "z", 2), head("4", "http://c/", "z", 9)];
    expect(nextToSend({ heads, flights, silent: none, nowMs: 5 })?.id).toBe("3");
    expect(nextToSend({ heads: heads.slice(0, 1), flights, silent: none, nowMs: 5 })?.id).toBe("2");
    expect(nextToSend({ heads: heads.slice(2), flights, silent: none, nowMs: 5 })).toBe(null);
  });

  test("destinations that give no answer share half of the places, one each, and all together eight", () => {
    const silent = new Set(Array.from({ length: 10 }, (_, n) => `http://s${n}`));
    const flights = new Map<string, { destination: string; agent: string | null }>();
    const heads = Array.from({ length: 20 }, (_, n) => head(`s${n}`, `http://s${n % 10}/`, `agent${n}`));
    heads.push(...Array.from({ length: 20 }, (_, n) => head(`g${n}`, `http://g${n % 10}/`, `agent${n}`)));
    for (
      let next = nextToSend({ heads, flights, silent, nowMs: 0 });
      next !== null;
      next = nextToSend({ heads, flights, silent, nowMs: 0 })
    ) {
      flights.set(next.id, { destination: new URL(next.url).origin, agent: next.agent });
    }
    expect(flights.size).toBe(MAX_IN_FLIGHT);
    const forSilent = [...flights.values()].filter((flight) => silent.has(flight.destination));
    expect(forSilent).toHaveLength(MAX_FOR_SILENT);
    expect(new Set(forSilent.map((flight) => flight.destination)).size).toBe(MAX_FOR_SILENT);
  });
});

describe("scrubbing", () => {
  test.each([
    ["whole", "a secret-1 b secret-1", ["secret-1"], "a [redacted] b [redacted]"],
    ["cut off at the end", "Bearer secr", ["secret-1"], "Bearer [redacted]"],
    ["one that begins with another", "abcdef abcd", ["abcd", "abcdef"], "[redacted] [redacted]"],
    ["nothing to look for", "as it is", [undefined, null, "is"], "as it is"],
  ])("%s", (_, text, secrets, expected) => expect(scrub(text, secrets)).toBe(expected));
});
