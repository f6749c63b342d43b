import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { startPruning } from "../../../src/receiver/pruning.ts";
import { createAge } from "../../../src/store/age.ts";
import { createGroupCommit } from "../../../src/store/group-commit.ts";
import { openInbox, type Inbox, type NewWebhook } from "../../../src/receiver/inbox.ts";
import { findDelivery, listDeliveries } from "../../../src/receiver/listing.ts";
import { keyHash, shortId } from "../../../src/receiver/identity.ts";

let dir: string;
let inbox: Inbox;
const DAY = 86_400_000;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-inbox-"));
  inbox = open();
});
afterEach(() => {
  inbox.close();
  rmSync(dir, { recursive: true });
});

const open = () => openInbox(join(dir, "inbox.db"), ["discord", "openclaw"], 0);

function webhook(n: number, receivedMs = 1000 + n): NewWebhook {
  const key = `id msg_${n}`;
  const body = JSON.stringify({
    event: "agent_completed",
    project: "p",
    agentId: `a${n}`,
    provider: "codex",
    status: "idle",
    lastMessage: `m${n}`,
    timestamp: "2026-01-01T00:00:00Z",
  });
  return { key, hash: keyHash(key), receivedMs, event: "agent_completed", project: "p", agentId: `a${n}`, body };
}
const stateOf = (n: number, sink: string) => findDelivery(inbox.store, shortId(keyHash(`id msg_${n}`)))?.sinks[sink];

describe("the inbox", () => {
  test("stores once and answers a repeat as a duplicate, also within one tick", async () => {
    const answers = await Promise.all([inbox.accept(webhook(1)), inbox.accept(webhook(1)), inbox.accept(webhook(2))]);
    expect(answers.map((answer) => answer.duplicate)).toEqual([false, true, false]);
    expect(await inbox.accept(webhook(2))).toEqual({ duplicate: true });
    expect(listDeliveries(inbox.store, { state: null, sink: null, before: null, limit: 10 })).toHaveLength(2);
  });

  test("gives each sink its own line, oldest first", async () => {
    for (const n of [1, 2]) await inbox.accept(webhook(n));
    const due = inbox.next("discord", 5000, 10);
    expect(due).toMatchObject({ seq: 1, tries: 0, batch: null });
    await inbox.markSending("discord", [1]);
    await inbox.record("discord", [1], { state: "delivered", reason: null, delayMs: 0, free: false }, 5000);
    expect(inbox.next("discord", 5000, 10)?.seq).toBe(2);
    expect(inbox.next("openclaw", 5000, 10)?.seq).toBe(1);
  });

  test("the head keeps its place while it waits, until it has failed often enough to step aside", async () => {
    for (const n of [1, 2]) await inbox.accept(webhook(n));
    for (let tries = 1; tries <= 3; tries++) {
      await inbox.markSending("discord", [1]);
      await inbox.record("discord", [1], { state: "pending", reason: "down", delayMs: 4000, free: false }, 5000);
      const due = inbox.next("discord", 6000, 3);
      expect(due).toMatchObject(tries < 3 ? { seq: 1, atMs: 9000, tries } : { seq: 2 });
    }
    expect(inbox.next("discord", 9500, 3)?.seq).toBe(2);
    await inbox.markSending("discord", [2]);
    expect(inbox.next("discord", 9500, 3)?.seq).toBe(1);
  });

  test("a free try costs no try", async () => {
    await inbox.accept(webhook(1));
    await inbox.markSending("discord", [1]);
    await inbox.record("discord", [1], { state: "pending", reason: "slow down", delayMs: 0, free: true }, 5000);
    expect(inbox.next("discord", 5000, 10)).toMatchObject({ tries: 0, waitedMs: 0 });
  });

  test("what was sent together is sent together again, without what came later", async () => {
    for (const n of [1, 2, 3]) await inbox.accept(webhook(n));
    await inbox.markSending("openclaw", [1, 2]);
    await inbox.record("openclaw", [1, 2], { state: "pending", reason: "down", delayMs: 1000, free: false }, 5000);
    const due = inbox.next("openclaw", 6000, 10);
    if (!due) throw new Error("nothing due");
    expect(inbox.candidates("openclaw", due, 100).map((delivery) => delivery.seq)).toEqual([1, 2]);
    await inbox.markSending("openclaw", [1, 2]);
    const later = inbox.next("openclaw", 6000, 10);
    expect(later && inbox.candidates("openclaw", later, 100).map((delivery) => delivery.seq)).toEqual([3]);
  });

  test("a send that was cut off by a crash goes out again, with the same batch, and is counted", async () => {
    for (const n of [1, 2, 3]) await inbox.accept(webhook(n));
    await inbox.markSending("openclaw", [1, 2]);
    inbox.store.db.close();
    inbox = open();
    expect(stateOf(1, "openclaw")).toMatchObject({ state: "pending", interrupted: 1, tries: 1 });
    const due = inbox.next("openclaw", 5000, 10);
    expect(due && inbox.candidates("openclaw", due, 100).map((delivery) => delivery.seq)).toEqual([1, 2]);
    expect(stateOf(1, "discord")).toMatchObject({ interrupted: 0 });
  });

  test("redelivery starts afresh, and leaves alone what is in line or under way", async () => {
    await inbox.accept(webhook(1));
    await inbox.markSending("discord", [1]);
    await inbox.redeliver(1, ["discord"], 6000);
    expect(stateOf(1, "discord")).toMatchObject({ state: "sending", tries: 1 });
    await inbox.record("discord", [1], { state: "dead", reason: "refused", delayMs: 0, free: false }, 7000);
    expect(inbox.count("discord", "dead")).toBe(1);
    await inbox.redeliver(1, ["discord"], 8000);
    expect(inbox.next("discord", 8000, 10)).toMatchObject({ seq: 1, tries: 0, waitedMs: 0, batch: null });
    expect(inbox.count("discord", "dead")).toBe(0);
  });

  test("forgets what is settled and old, gives up what is old and unsent, keeps the rest", async () => {
    for (const n of [1, 2, 3]) await inbox.accept(webhook(n, n === 3 ? 10 * DAY : 1000));
    for (const sink of ["discord", "openclaw"] as const) {
      await inbox.markSending(sink, [1]);
      await inbox.record(sink, [1], { state: "delivered", reason: null, delayMs: 0, free: false }, 2000);
    }
    while (await inbox.prune(3 * DAY, 10 * DAY));
    expect(findDelivery(inbox.store, "msg_1")).toBeNull();
    expect(stateOf(2, "discord")).toMatchObject({ state: "dead", reason: "expired: not sent within the retention" });
    expect(stateOf(3, "discord")).toMatchObject({ state: "pending" });
    while (await inbox.prune(11 * DAY, 20 * DAY));
    expect(findDelivery(inbox.store, "msg_2")).toBeNull();
    expect(stateOf(3, "discord")).toMatchObject({ state: "dead" });
  });

  // It was called expired, and nobody was told, when the clock was set a week ahead for a moment.
  test("keeps what waits to be sent for its days of use, whatever the clock is set to", async () => {
    const clock = fakeClock(100 * DAY);
    await inbox.accept(webhook(1, clock.now()));
    const begin = () => {
      const age = createAge(inbox.store, clock);
      const stop = startPruning({ inbox, age, days: 7, clock, log: silentLogger });
      return () => (stop(), age.stop());
    };
    const pass = async (hours: number): Promise<void> => {
      for (let hour = 0; hour < hours; hour++) {
        clock.advance(DAY / 24);
        await new Promise(setImmediate);
        await new Promise(setImmediate);
      }
    };
    let end = begin();
    await pass(1);
    clock.jump(30 * DAY);
    await pass(2);
    end();
    end = begin();
    await pass(6 * 24);
    expect(stateOf(1, "discord")).toMatchObject({ state: "pending" });
    await pass(24);
    expect(stateOf(1, "discord")).toMatchObject({ state: "dead" });
    end();
  });

  test("forgets more than one batch in one go", async () => {
    await Promise.all(Array.from({ length: 450 }, (_, n) => inbox.accept(webhook(n, 1000))));
    while (await inbox.prune(DAY, DAY));
    while (await inbox.prune(2 * DAY, 3 * DAY));
    expect(listDeliveries(inbox.store, { state: null, sink: null, before: null, limit: 10 })).toHaveLength(0);
  });

  test("lists newest first, by state and sink, page by page, and finds by either id", async () => {
    for (const n of [1, 2, 3]) await inbox.accept(webhook(n));
    await inbox.markSending("discord", [2]);
    await inbox.record("discord", [2], { state: "dead", reason: "no", delayMs: 0, free: false }, 5000);
    const list = (state: "dead" | "pending" | null, sink: string | null, before: number | null = null) =>
      listDeliveries(inbox.store, { state, sink, before, limit: 2 }).map((d) => d.seq);
    expect(list(null, null)).toEqual([3, 2]);
    expect(list(null, null, 2)).toEqual([1]);
    expect(list("dead", null)).toEqual([2]);
    expect(list("pending", "discord")).toEqual([3, 1]);
    expect(list("dead", "openclaw")).toEqual([]);
    expect(findDelivery(inbox.store, "msg_3")).toMatchObject({
      seq: 3,
      webhookId: "msg_3",
      body: { lastMessage: "m3" },
    });
    expect(findDelivery(inbox.store, shortId(keyHash("id msg_3")))?.seq).toBe(3);
  });
});

describe("group commit", () => {
  test("what arrives in one tick shares one transaction", async () => {
    let transactions = 0;
    const group = createGroupCommit({ transact: (work) => (transactions++, work()) });
    expect(await Promise.all([group.write(() => 1), group.write(() => 2)])).toEqual([1, 2]);
    await group.write(() => 3);
    expect(transactions).toBe(2);
  });

  test("nothing is answered before the commit", async () => {
    const seen: string[] = [];
    const group = createGroupCommit({
      transact(work) {
        const result = work();
        seen.push("committed");
        return result;
      },
    });
    await group.write(() => seen.push("written")).then(() => seen.push("answered"));
    expect(seen).toEqual(["written", "committed", "answered"]);
  });

  test("one that fails does not take its neighbours down", async () => {
    const group = createGroupCommit({ transact: (work) => work() });
    const results = await Promise.allSettled([
      group.write(() => 1),
      group.write(() => {
        throw new Error("bad row");
      }),
      group.write(() => 3),
    ]);
    expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  });

  test("a store that refuses the commit refuses everybody", async () => {
    const group = createGroupCommit({
      transact(work) {
        work();
        throw new Error("disk full");
      },
    });
    const results = await Promise.allSettled([group.write(() => 1), group.write(() => 2)]);
    expect(results.map((result) => result.status)).toEqual(["rejected", "rejected"]);
  });
});
