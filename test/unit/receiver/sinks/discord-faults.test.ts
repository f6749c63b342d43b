/**
 * Whose verdict an answer is, and what it says about: the delivery, the webhook, or nothing. Kinds looked for: (a) an
 * answer of something in between taken for the destination's: found in the 401 403 404 here, in a page with 200 (a
 * captive portal's "delivered"), in OpenClaw's 400 403 413 and 200 (`openclaw-faults.test.ts`), and in the daemon's 404
 * (`webhook/schedule.test.ts`); (b) a fault of the destination that kills one delivery after the other: found in the
 * forum codes, in a refused `username`, in an attachment that is too large, in OpenClaw's configured session.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../../../src/lib/clock.ts";
import type { HarnessEvent } from "../../../../src/receiver/event.ts";
import type { SendResult } from "../../../../src/receiver/sink.ts";
import { createDiscordSink, type DiscordSettings, type ThreadMemory } from "../../../../src/receiver/sinks/discord.ts";
import {
  badWebhookToken,
  startFakeDiscord,
  unknownWebhook,
  type DiscordAnswer,
  type FakeDiscord,
} from "../../../fakes/discord.ts";
import { delivery, never } from "./sink-helpers.ts";

let discord: FakeDiscord;
beforeEach(() => {
  discord = startFakeDiscord();
});
afterEach(() => discord.stop());

const send = (
  settings: Partial<DiscordSettings> = {},
  thread?: ThreadMemory,
  change: Partial<HarnessEvent> = {},
): Promise<SendResult> =>
  createDiscordSink(
    { webhookUrl: discord.webhookUrl, ...settings },
    { clock: systemClock, timeoutMs: 10_000, ...(thread && { thread }) },
  ).send([delivery(change)], never);

const page = (status: number): DiscordAnswer => ({
  status,
  body: "<html>blocked by the office</html>",
  headers: { "Content-Type": "text/html; charset=utf-8" },
});

describe("an answer in Discord's own words about the webhook stops the sink for hours", () => {
  const verdicts: readonly [what: string, answer: DiscordAnswer, cure: RegExp][] = [
    ["an unknown webhook", unknownWebhook, /set discord\.webhookUrl/],
    ["a wrong token", badWebhookToken, /discord\.webhookUrl/],
    ["a 403 without a code of its own", { status: 403, body: { message: "Forbidden", code: 0 } }, /403/],
    ["a forum without a thread", { status: 400, body: { code: 220001, message: "…" } }, /discord\.threadName/],
    ["a thread in no forum", { status: 400, body: { code: 220003, message: "…" } }, /remove discord\.threadName/],
    ["a forum that wants tags", { status: 400, body: { code: 40067, message: "…" } }, /tag/],
    ["missing rights", { status: 403, body: { code: 50013, message: "Missing Permissions" } }, /permissions/],
    ["a locked thread", { status: 400, body: { code: 160005, message: "Thread is locked" } }, /locked/],
  ];
  test.each(verdicts)("%s", async (_, answer, cure) => {
    discord.script.push(answer);
    const { outcome } = await send();
    expect(outcome).toMatchObject({ type: "stopped", retryInMs: 3_600_000, reason: expect.stringMatching(cure) });
    expect(discord.requests).toHaveLength(1);
  });

  test("an unknown configured thread", async () => {
    expect((await send({ threadId: "404" })).outcome).toMatchObject({
      type: "stopped",
      reason: expect.stringContaining("mend discord.threadId"),
    });
  });
});

describe("an answer that is not Discord's is no verdict: it is tried again", () => {
  for (const status of [400, 401, 403, 404, 405, 410, 413, 418, 451, 500, 502, 520])
    test(`a page with ${status}`, async () => {
      discord.script.push(page(status));
      expect((await send()).outcome).toMatchObject({
        type: "retry",
        reason: expect.stringContaining(`${status} that is not Discord's`),
      });
      expect(discord.requests).toHaveLength(1);
    });

  test("JSON without Discord's code", async () => {
    discord.script.push({ status: 403, body: { error: "denied by policy" } });
    expect((await send()).outcome.type).toBe("retry");
  });

  test("a page with 200, as a captive portal gives it", async () => {
    discord.script.push(page(200));
    expect((await send()).outcome.type).toBe("retry");
  });
});

describe("429", () => {
  test("without a time to wait is a fault that shows, and leaves the pause to grow", async () => {
    discord.script.push({ status: 429, body: { message: "slow", code: 0 } });
    const { outcome, fault } = await send();
    expect(outcome).toMatchObject({ type: "retry", free: true, waitMs: 0 });
    expect(fault).toContain("turns this address away");
  });

  test("as the page of a ban is waited out for minutes, whatever shorter time it names", async () => {
    discord.script.push({ status: 429, headers: { "Retry-After": "2" }, body: "error code: 1015" });
    const { outcome, fault } = await send();
    expect(outcome).toMatchObject({ type: "retry", free: true, waitMs: 300_000 });
    expect(fault).toContain("turns this address away");
    expect((await send()).fault).toBeNull();
  });
});

describe("what one delivery is refused for", () => {
  test("a file that is too large: the news goes out without it", async () => {
    discord.script.push({ status: 413, body: { code: 40005, message: "Request entity too large" } });
    const { outcome } = await send({}, undefined, { lastMessage: "x".repeat(50_000) });
    expect(outcome.type).toBe("delivered");
    expect(discord.posts[0]?.files).toEqual([]);
  });

  test("the configured name: it is left out, and that shows as a fault", async () => {
    const errors = { username: { _errors: [{ code: "USERNAME_INVALID", message: "no" }] } };
    discord.script.push({ status: 400, body: { code: 50035, message: "Invalid Form Body", errors } });
    const { outcome, fault } = await send({ username: "harness" });
    expect(outcome.type).toBe("delivered");
    expect(fault).toContain("discord.username");
    expect(discord.posts[0]?.payload.username).toBeUndefined();
  });
});

describe("discord.threadName", () => {
  const memory = (id: string | null = null): ThreadMemory & { id: string | null } => {
    const thread = { id, get: () => thread.id, set: (next: string | null) => void (thread.id = next) };
    return thread;
  };

  test("makes one thread and posts all later news into it", async () => {
    discord.forum = true;
    const thread = memory();
    for (let n = 0; n < 3; n++)
      expect((await send({ threadName: "agents" }, thread)).outcome).toMatchObject({ type: "delivered" });
    expect(discord.posts.map((post) => [post.payload.thread_name, post.threadId])).toEqual([
      ["agents", null],
      [undefined, thread.id],
      [undefined, thread.id],
    ]);
  });

  test("makes another one when that is gone", async () => {
    discord.forum = true;
    const thread = memory("999");
    expect((await send({ threadName: "agents" }, thread)).outcome.type).toBe("delivered");
    expect(discord.posts.map((post) => post.payload.thread_name)).toEqual(["agents"]);
    expect(thread.id).not.toBe("999");
  });

  test("in a channel that is no forum stops the sink and says so", async () => {
    expect((await send({ threadName: "agents" }, memory())).outcome).toMatchObject({
      type: "stopped",
      reason: expect.stringContaining("remove discord.threadName"),
    });
  });

  test("not set in a forum: every delivery waits and the cure is named", async () => {
    discord.forum = true;
    expect((await send()).outcome).toMatchObject({
      type: "stopped",
      reason: expect.stringContaining("set discord.threadName"),
    });
  });
});
