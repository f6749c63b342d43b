import { afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startFakeDiscord, unknownWebhook, type FakeDiscord } from "../fakes/discord.ts";
import { startFakeHook, type FakeHook } from "../fakes/openclaw-hook.ts";
import { quietPort } from "../support/hook.ts";
import { makeBox, postEvent, receiverBinary, runReceiver, until, type Box } from "./receiver-helpers.ts";

const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const TOKEN = "e2e-token-1";
const FAKE_CLI = [process.execPath, join(import.meta.dir, "../fakes/openclaw-cli.ts")];
let box: Box;
let discord: FakeDiscord;
let hook: FakeHook;

beforeAll(async () => void (await receiverBinary()), 60_000);
beforeEach(() => {
  box = makeBox();
  discord = startFakeDiscord();
  hook = startFakeHook();
});
afterEach(async () => {
  await box.close();
  discord.stop();
  hook.stop();
});

const discordConfig = () => ({ discord: { webhookUrl: discord.webhookUrl, allowOtherHost: true } });
const hookConfig = () => ({ openclaw: { hookUrl: hook.url, hookToken: hook.token, transport: "hook" } });
const get = async (url: string, path: string): Promise<ReturnType<typeof JSON.parse>> =>
  (await fetch(url + path, { headers: { Authorization: `Bearer ${TOKEN}` } })).json();

describe("serve", () => {
  test("a webhook arrives in Discord and wakes OpenClaw, once each, with the same delivery id", async () => {
    box.configure({ token: TOKEN, secret: SECRET, ...discordConfig(), ...hookConfig() });
    const { url, log } = await box.start();
    const answer = await postEvent(url, {}, { id: "msg_1", token: TOKEN, secret: SECRET });
    expect(answer.status).toBe(202);
    const { id } = (await answer.json()) as { id: string };
    await until("both sinks", () => discord.posts.length === 1 && hook.wakes.length === 1);
    expect(discord.posts[0]?.payload.embeds?.[0]?.footer?.text).toBe(`delivery ${id}`);
    expect(hook.wakes[0]?.text).toBe(
      `Coding agent a3f2b1c0 (claude-code) in project lumen completed: "All tests pass." [delivery ${id}]`,
    );
    const again = await postEvent(url, {}, { id: "msg_1", token: TOKEN, secret: SECRET });
    expect([again.status, await again.json()]).toEqual([200, { duplicate: true }]);
    await until(
      "the record",
      async () => (await get(url, `/deliveries/${id}`)).delivery.sinks.discord.state === "delivered",
    );
    expect(discord.posts).toHaveLength(1);
    expect(await get(url, "/health")).toMatchObject({
      status: "ok",
      sinks: { discord: { state: "ok" }, openclaw: { state: "ok" } },
    });
    for (const secret of [TOKEN, SECRET, hook.token, "fake-Discord_token"]) expect(log()).not.toContain(secret);
  });

  test("both bearer and signature are needed when both are configured", async () => {
    box.configure({ token: TOKEN, secret: SECRET });
    const { url } = await box.start();
    const codes = await Promise.all([
      postEvent(url, {}, { id: "a", token: TOKEN }),
      postEvent(url, {}, { id: "b", secret: SECRET }),
      postEvent(url, {}, { id: "c", token: TOKEN, secret: `whsec_${Buffer.alloc(32, 6).toString("base64")}` }),
      postEvent(url, {}, { id: "d", token: TOKEN, secret: SECRET, headers: { "webhook-timestamp": "1600000000" } }),
      postEvent(url, {}, { id: "e", token: TOKEN, secret: SECRET }),
    ]);
    expect(codes.map((response) => response.status)).toEqual([401, 401, 401, 401, 202]);
    expect(await get(url, "/health")).toMatchObject({ stored: 1 });
  });

  test("a dead gateway does not hold Discord, and is caught up with in one line when it is back", async () => {
    hook.stop();
    const port = await quietPort();
    hook = startFakeHook(port);
    hook.stop();
    box.configure({ ...discordConfig(), ...hookConfig() });
    const { url } = await box.start();
    for (let i = 0; i < 5; i++)
      expect((await postEvent(url, { agentId: `agent-${i}` }, { id: `m${i}` })).status).toBe(202);
    await until("Discord", () => discord.posts.length === 5);
    await until("the sink to say so", async () => (await get(url, "/health")).sinks.openclaw.state === "retrying");
    hook = startFakeHook(port);
    await until("the wakes", async () => (await get(url, "/health")).sinks.openclaw.pending === 0);
    expect(hook.wakes.length).toBeLessThanOrEqual(2);
    for (let i = 0; i < 5; i++) expect(hook.wakes.filter((wake) => wake.text.includes(`agent-${i}`))).toHaveLength(1);
    expect(discord.posts).toHaveLength(5);
  }, 60_000);

  test("a webhook that Discord does not know is not used again; OpenClaw goes on; a corrected config sends what waited", async () => {
    discord.script.push(unknownWebhook);
    box.configure({ ...discordConfig(), ...hookConfig() });
    const first = await box.start();
    await postEvent(first.url, {}, { id: "m1" });
    await postEvent(first.url, { agentId: "second" }, { id: "m2" });
    await until("both wakes", () => hook.wakes.some((wake) => wake.text.includes("second")));
    expect(await get(first.url, "/health")).toMatchObject({
      status: "degraded",
      sinks: { discord: { state: "stopped", pending: 2, fault: expect.stringContaining("Unknown Webhook") } },
    });
    expect(discord.requests).toHaveLength(1);
    await first.end("SIGTERM");
    const second = await box.start();
    await until("what waited", () => discord.posts.length === 2);
    expect(await get(second.url, "/health")).toMatchObject({ status: "ok" });
  });

  test("the command wakes OpenClaw when no hook is configured", async () => {
    box.configure({ openclaw: { command: FAKE_CLI } });
    const { url } = await box.start({ FAKE_OPENCLAW_DIR: box.dir, AH_RECEIVER_TOKEN: TOKEN });
    await postEvent(url, { metadata: { sessionKey: "agent:main:main" } }, { id: "m1", token: TOKEN });
    await until("the record", async () => (await get(url, "/deliveries?state=delivered")).deliveries.length === 1);
    const call = JSON.parse(readFileSync(join(box.dir, "calls.jsonl"), "utf8").trim());
    expect(call.sessionKey).toBe("agent:main:main");
    expect(call.text).toStartWith("Coding agent a3f2b1c0");
    expect(JSON.stringify(call.env)).not.toContain(TOKEN);
  });

  test("a command that is not there is named in /health", async () => {
    box.configure({ openclaw: { command: "openclaw-is-not-here" } });
    const { url } = await box.start();
    await postEvent(url, {}, { id: "m1" });
    const { sinks } = await until("the fault", async () => {
      const health = await get(url, "/health");
      return health.sinks.openclaw.fault ? health : null;
    });
    expect(sinks.openclaw).toMatchObject({
      state: "stopped",
      pending: 1,
      fault: expect.stringContaining('"openclaw-is-not-here" (set openclaw.command)'),
    });
  });

  test("a proxy of the environment is not asked for what is on this machine", async () => {
    box.configure({ ...discordConfig(), ...hookConfig() });
    const proxy = "http://127.0.0.1:1";
    const { url } = await box.start({ HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy });
    await postEvent(url, {}, { id: "m1" });
    await until("both sinks", () => discord.posts.length === 1 && hook.wakes.length === 1);
  });

  test("with no sink it stores, lists and says so", async () => {
    box.configure({});
    const { url, log } = await box.start();
    expect((await postEvent(url, {}, { id: "m1" })).status).toBe(202);
    expect(await get(url, "/deliveries")).toMatchObject({
      deliveries: [{ webhookId: "m1", event: "agent_completed", sinks: {} }],
    });
    expect(log()).toContain("neither discord nor openclaw is configured");
    expect(log()).toContain("neither token nor secret is set");
  });

  test("SIGTERM lets a post that is under way finish, and keeps the rest", async () => {
    let release: () => void = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    let posts = 0;
    const slow = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch() {
        posts++;
        await gate;
        return Response.json({ id: "1" });
      },
    });
    try {
      box.configure({
        discord: { webhookUrl: `http://127.0.0.1:${slow.port}/api/webhooks/1/x`, allowOtherHost: true },
      });
      const first = await box.start();
      await postEvent(first.url, {}, { id: "m1" });
      await postEvent(first.url, {}, { id: "m2" });
      await until("the first post", () => posts === 1);
      const ended = first.end("SIGTERM");
      await until("the drain", () => first.log().includes("stopping"));
      expect(
        await fetch(`${first.url}/health`).then(
          (response) => response.status,
          () => "refused",
        ),
      ).not.toBe(200);
      release();
      expect(await ended).toBe(0);
      const second = await box.start();
      await until(
        "the rest",
        async () => (await get(second.url, "/deliveries?state=delivered")).deliveries.length === 2,
      );
      expect(posts).toBe(2);
    } finally {
      await slow.stop(true);
    }
  });

  test("a terminal that is closed does not end it", async () => {
    box.configure(discordConfig());
    const { url, pid, end } = await box.start();
    process.kill(pid, "SIGHUP");
    for (let n = 0; n < 5; n++) expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(await end("SIGTERM")).toBe(0); // by SIGHUP it would be 129, or the signal
  });

  test("an idle receiver ends at once with 0", async () => {
    box.configure(discordConfig());
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      const { end } = await box.start();
      const startedMs = Date.now();
      expect(await end(signal)).toBe(0);
      expect(Date.now() - startedMs).toBeLessThan(5000);
    }
  });

  test("what it stores is for its own user alone", async () => {
    box.configure({});
    const { url } = await box.start();
    await postEvent(url);
    for (const name of ["state", "state/inbox.db", "state/lock.db"])
      expect(statSync(join(box.dir, name)).mode & 0o077).toBe(0);
  });

  test("nothing in the folder it is started from is run or read", async () => {
    const cwd = join(box.dir, "hostile");
    mkdirSync(cwd);
    writeFileSync(join(cwd, ".env"), "AH_RECEIVER_PORT=nonsense\n");
    writeFileSync(join(cwd, "bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(join(cwd, "evil.ts"), `require("fs").writeFileSync(${JSON.stringify(join(cwd, "acted"))}, "")`);
    writeFileSync(join(cwd, "receiver.json"), '{"port":"nonsense"}');
    const ran = await runReceiver(["check"], { cwd });
    expect(ran.stdout).toContain("no file, only defaults");
    expect(() => statSync(join(cwd, "acted"))).toThrow();
  });
});

describe("commands and exit codes", () => {
  test("version and help", async () => {
    for (const words of [["version"], ["--version"], ["-V"]])
      expect(await runReceiver(words)).toMatchObject({ code: 0, stdout: "webhook-receiver 0.1.0\n", stderr: "" });
    for (const words of [["help"], ["--help"], ["serve", "-h"]]) {
      const ran = await runReceiver(words);
      expect(ran.code).toBe(0);
      expect(ran.stdout).toContain("Usage: webhook-receiver");
    }
  });

  test("wrong words are 2 with a hint", async () => {
    for (const words of [["sevre"], ["--conf", "x"], ["--config"], ["serve", "check"]]) {
      const ran = await runReceiver(words);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain('"webhook-receiver help" lists what there is');
    }
  });

  test("a wrong config is 2, with every problem", async () => {
    box.configure({ port: "x", colour: 1, discord: {} });
    for (const command of ["serve", "check", "test"]) {
      const ran = await runReceiver([command, "--config", box.configPath]);
      expect(ran.code).toBe(2);
      expect(ran.stderr).toContain("3 problems");
      for (const path of ["port:", "colour:", "discord.webhookUrl:"]) expect(ran.stderr).toContain(path);
    }
    expect((await runReceiver(["--config", "/nonexistent.json"])).code).toBe(2);
  });

  test("a busy port is 69, a second receiver on the state is 75, an unusable state dir is 73, one clear line each", async () => {
    box.configure({});
    const { url } = await box.start();
    const other = makeBox();
    try {
      const oneLine = /^webhook-receiver: cannot [^\n]+\n$/;
      other.configure({ port: Number(new URL(url).port) });
      const busy = await runReceiver(["--config", other.configPath]);
      expect([busy.code, oneLine.test(busy.stderr)]).toEqual([69, true]);
      const locked = await runReceiver(["--config", box.configPath]);
      expect([locked.code, oneLine.test(locked.stderr)]).toEqual([75, true]);
      expect(locked.stderr).toContain("another webhook-receiver runs on it");
      writeFileSync(join(other.dir, "file"), "");
      other.configure({ stateDir: join(other.dir, "file/state") });
      const unusable = await runReceiver(["--config", other.configPath]);
      expect([unusable.code, oneLine.test(unusable.stderr)]).toEqual([73, true]);
    } finally {
      await other.close();
    }
  });

  test("check says what works, sends nothing, and fails when something does not", async () => {
    box.configure({ ...discordConfig(), openclaw: { hookUrl: hook.url, hookToken: hook.token, command: FAKE_CLI } });
    const good = await runReceiver(["check", "--config", box.configPath]);
    expect(good).toMatchObject({ code: 0, stderr: "" });
    expect(good.stdout.split("\n").filter((line) => line.startsWith("ok  "))).toHaveLength(6);
    expect(discord.posts.length + hook.wakes.length).toBe(0);
    hook.stop();
    discord.stop();
    const bad = await runReceiver(["check", "--config", box.configPath]);
    expect(bad.code).toBe(1);
    expect(bad.stdout.split("\n").filter((line) => line.startsWith("FAIL"))).toHaveLength(3);
    expect(bad.stdout + bad.stderr).not.toContain("fake-Discord_token");
  });

  test("test sends one marked event through every sink, also while the receiver runs", async () => {
    box.configure({ ...discordConfig(), ...hookConfig() });
    await box.start();
    const ran = await runReceiver(["test", "--config", box.configPath]);
    expect(ran.code).toBe(0);
    expect(discord.posts.map((post) => post.content)).toEqual([expect.stringContaining("sends a test event")]);
    expect(hook.wakes.map((wake) => wake.text)).toEqual([
      expect.stringContaining("This is a test of webhook-receiver"),
    ]);
    discord.script.push(unknownWebhook);
    const failed = await runReceiver(["test", "--config", box.configPath]);
    expect(failed.code).toBe(1);
    expect(failed.stdout).toContain("FAIL  discord: not sent, Discord answered 404 (Unknown Webhook, code 10015): ");
    expect((await runReceiver(["test"])).code).toBe(1);
  });
});
