/** The Discord sink against a fake that enforces Discord's limits. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../../../src/lib/clock.ts";
import { createDiscordSink } from "../../../../src/receiver/sinks/discord.ts";
import type { HarnessEvent } from "../../../../src/receiver/event.ts";
import type { SendResult } from "../../../../src/receiver/sink.ts";
import { startFakeDiscord, type FakeDiscord } from "../../../fakes/discord.ts";
import { delivery, never } from "./sink-helpers.ts";

describe("the Discord sink", () => {
  let discord: FakeDiscord;
  beforeEach(() => {
    discord = startFakeDiscord();
  });
  afterEach(() => discord.stop());

  const send = (
    change: Partial<HarnessEvent> = {},
    settings: { threadId?: string; username?: string } = {},
    timeoutMs = 10_000,
  ): Promise<SendResult> =>
    createDiscordSink({ webhookUrl: discord.webhookUrl, ...settings }, { clock: systemClock, timeoutMs }).send(
      [delivery(change)],
      never,
    );

  test("posts once, pinging nobody, under its own user agent", async () => {
    expect(await send({}, { username: "harness" })).toEqual({
      outcome: { type: "delivered", detail: "posted" },
      pauseMs: 0,
      fault: null,
    });
    expect(discord.posts).toHaveLength(1);
    expect(discord.posts[0]?.payload).toMatchObject({ username: "harness", allowed_mentions: { parse: [] } });
    expect(discord.posts[0]?.userAgent).toStartWith("DiscordBot (");
    expect(discord.requests).toEqual(["POST"]);
  });

  test("attaches a long message whole and passes Discord's limits with it", async () => {
    const lastMessage = "zeile 🎉 ```\n".repeat(15_000);
    expect((await send({ lastMessage })).outcome.type).toBe("delivered");
    expect(discord.posts[0]?.files).toEqual([{ name: "message.md", text: lastMessage }]);
  });

  for (const size of [1, 600, 1999, 2780, 2792, 2793, 2800, 4096, 6000, 20_000]) {
    test(`passes Discord's limits with ${size} characters of the worst kind`, async () => {
      for (const lastMessage of ["🎉".repeat(size), "*".repeat(size), "`".repeat(size), "\n".repeat(size)]) {
        expect(
          (
            await send({
              lastMessage,
              error: lastMessage,
              question: lastMessage,
              project: lastMessage,
              name: lastMessage,
            })
          ).outcome.type,
        ).toBe("delivered");
      }
    });
  }

  test("posts into the configured thread, or into the one the agent's metadata names", async () => {
    discord.knownThreads.add("77").add("88");
    await send({}, { threadId: "77" });
    await send({ metadata: { discordThreadId: "88" } }, { threadId: "77" });
    expect(discord.posts.map((post) => post.threadId)).toEqual(["77", "88"]);
  });

  test("an unknown thread in the metadata does not lose the news or stop the sink", async () => {
    const { outcome } = await send({ metadata: { discordThreadId: "404" } });
    expect(outcome).toEqual({ type: "delivered", detail: "posted outside the unknown thread 404" });
    expect(discord.posts[0]?.threadId).toBeNull();
  });

  test("a 429 is waited for as long as it says, in fractions of seconds, and costs no try", async () => {
    discord.script.push({
      status: 429,
      headers: { "Retry-After": "65", "X-RateLimit-Scope": "user" },
      body: { message: "You are being rate limited.", retry_after: 64.57, global: false },
    });
    expect(await send()).toMatchObject({ outcome: { type: "retry", waitMs: 65_000, free: true }, pauseMs: 65_000 });
    discord.script.push({ status: 429, body: { retry_after: 0.3301, global: false } });
    expect(await send()).toMatchObject({ outcome: { type: "retry", waitMs: 331 } });
  });

  test("an emptied bucket holds the next post until it is full again", async () => {
    discord.limit = { posts: 2, windowMs: 60_000 };
    expect((await send()).pauseMs).toBe(0);
    expect((await send()).pauseMs).toBeGreaterThan(30_000);
  });

  test("a 400 gets one plain retry, then the delivery is dead", async () => {
    const refused = { status: 400, body: { code: 50035, message: "Invalid Form Body" } };
    discord.script.push(refused);
    expect((await send()).outcome).toMatchObject({ type: "delivered" });
    expect(discord.posts[0]?.payload).toMatchObject({ flags: 4, allowed_mentions: { parse: [] } });
    expect(discord.posts[0]?.payload.embeds).toBeUndefined();
    discord.script.push(refused, refused);
    expect((await send()).outcome).toEqual({
      type: "dead",
      reason: "Discord refused it with 400: Invalid Form Body",
    });
    expect(discord.requests).toHaveLength(4);
  });

  test("5xx, a hang, a refused connection and a redirect are tried again", async () => {
    discord.script.push({ status: 502, body: "<html>bad gateway</html>" }, "hang", {
      status: 302,
      headers: { Location: "http://127.0.0.1:1/" },
    });
    expect((await send()).outcome).toMatchObject({
      type: "retry",
      reason: expect.stringContaining("502 that is not Discord's"),
    });
    expect((await send({}, {}, 500)).outcome).toMatchObject({ type: "retry", reason: "no answer within 500 ms" });
    expect((await send()).outcome).toMatchObject({ type: "retry", reason: expect.stringContaining("302") });
    discord.stop();
    expect((await send()).outcome).toMatchObject({ type: "retry", reason: "ECONNREFUSED" });
  });

  test("the probe names the webhook and its channel and sends nothing", async () => {
    const probe = (webhookUrl: string) =>
      createDiscordSink({ webhookUrl }, { clock: systemClock, timeoutMs: 10_000 }).probe(never);
    expect(await probe(discord.webhookUrl)).toEqual([{ ok: true, text: 'discord: webhook "harness" in channel 2222' }]);
    const wrong = await probe(`${discord.webhookUrl}x`);
    expect(wrong).toEqual([
      { ok: false, text: "discord: the webhook cannot be used, it answers 404: Unknown Webhook" },
    ]);
    expect(discord.posts).toHaveLength(0);
  });
});
