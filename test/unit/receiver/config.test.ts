import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadReceiverConfig } from "../../../src/receiver/config.ts";

let dir: string;
const SECRET = `whsec_${Buffer.alloc(32, 3).toString("base64")}`;
const DISCORD = "https://discord.com/api/webhooks/123/abc-DEF_1";

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-receiver-config-"));
  writeFileSync(join(dir, "token"), "from-a-file\n");
  writeFileSync(join(dir, "url"), `${DISCORD}\n`);
  writeFileSync(join(dir, "empty"), "\n");
});
afterAll(() => rmSync(dir, { recursive: true }));

let files = 0;
function load(config: unknown, env: Record<string, string> = {}) {
  const path = join(dir, `receiver-${files++}.json`);
  writeFileSync(path, typeof config === "string" ? config : JSON.stringify(config));
  return loadReceiverConfig({ path, env: { HOME: "/home/u", ...env } });
}
function value(config: unknown, env: Record<string, string> = {}) {
  const loaded = load(config, env);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.value;
}

describe("the receiver's config", () => {
  test("has its defaults without any file", () => {
    const loaded = loadReceiverConfig({ env: { HOME: "/home/u" }, systemDir: "/nonexistent" });
    expect(loaded).toEqual({
      ok: true,
      source: null,
      value: {
        host: "127.0.0.1",
        port: 7071,
        allowedHosts: [],
        stateDir: "/home/u/.local/state/webhook-receiver",
        logLevel: "info",
        token: null,
        secret: null,
        discord: null,
        openclaw: null,
        retention: { days: 7 },
      },
    });
  });

  test("takes every key", () => {
    const config = value({
      ...{ host: "::1", port: 0, allowedHosts: ["box.example"], stateDir: "/s", logLevel: "debug" },
      ...{ token: "t", secret: SECRET },
      discord: { webhookUrl: DISCORD, username: "harness", threadId: "12" },
      openclaw: {
        transport: "auto",
        command: ["node26", "/o/openclaw.mjs"],
        hookUrl: "http://127.0.0.1:1/hooks/wake",
        hookToken: "h",
        gatewayUrl: "ws://127.0.0.1:1",
        gatewayToken: "g",
        mode: "next-heartbeat",
        sessionKey: "agent:main:main",
      },
      retention: { days: 30 },
    });
    expect(config).toEqual({
      ...{ host: "::1", port: 0, allowedHosts: ["box.example"], stateDir: "/s", logLevel: "debug" },
      ...{ token: "t", secret: SECRET },
      discord: { webhookUrl: DISCORD, username: "harness", threadId: "12" },
      openclaw: {
        hook: { url: "http://127.0.0.1:1/hooks/wake", token: "h" },
        cli: { command: ["node26", "/o/openclaw.mjs"], gatewayUrl: "ws://127.0.0.1:1", gatewayToken: "g" },
        mode: "next-heartbeat",
        sessionKey: "agent:main:main",
      },
      retention: { days: 30 },
    });
    expect(Object.isFrozen(config.openclaw)).toBe(true);
  });

  test("an empty openclaw means the plain command; a hook token alone means OpenClaw's own address", () => {
    expect(value({ openclaw: {} }).openclaw).toEqual({
      hook: null,
      cli: { command: ["openclaw"] },
      mode: "now",
      sessionKey: null,
    });
    expect(value({ openclaw: { hookToken: "h" } }).openclaw?.hook).toEqual({
      url: "http://127.0.0.1:18789/hooks/wake",
      token: "h",
    });
    expect(value({ openclaw: { transport: "hook", hookToken: "h" } }).openclaw?.cli).toBeNull();
    expect(value({ openclaw: { transport: "cli", hookToken: "h" } }).openclaw?.hook).toBeNull();
  });

  test("secrets may come from files", () => {
    expect(value({ tokenFile: join(dir, "token") }).token).toBe("from-a-file");
    expect(value({ discord: { webhookUrlFile: join(dir, "url") } }).discord?.webhookUrl).toBe(DISCORD);
    expect(value({ tokenFile: "$CREDENTIALS_DIRECTORY/token" }, { CREDENTIALS_DIRECTORY: dir }).token).toBe(
      "from-a-file",
    );
  });

  test("the environment beats the file, and puts its *File aside", () => {
    const config = value(
      { host: "127.0.0.2", port: 1, token: "file", discord: { webhookUrlFile: join(dir, "missing") } },
      {
        ...{
          AH_RECEIVER_HOST: "127.0.0.3",
          AH_RECEIVER_PORT: "7",
          AH_RECEIVER_STATE_DIR: "/e",
          AH_RECEIVER_TOKEN: "env",
          AH_RECEIVER_SECRET: SECRET,
        },
        ...{
          AH_RECEIVER_DISCORD_WEBHOOK_URL: DISCORD,
          AH_RECEIVER_OPENCLAW_HOOK_URL: "http://127.0.0.1:9/hooks/wake",
          AH_RECEIVER_OPENCLAW_HOOK_TOKEN: "h",
        },
      },
    );
    expect(config).toMatchObject({
      host: "127.0.0.3",
      port: 7,
      stateDir: "/e",
      token: "env",
      secret: SECRET,
      discord: { webhookUrl: DISCORD },
      openclaw: { hook: { url: "http://127.0.0.1:9/hooks/wake", token: "h" } },
    });
  });

  const bad: [what: string, config: unknown, paths: string[], env?: Record<string, string>][] = [
    ["no JSON", "{", [""]],
    ["a list", [], [""]],
    ["an unknown key", { prot: 1 }, ["prot"]],
    ["an unknown inner key", { discord: { webhookUrl: DISCORD, user: "x" } }, ["discord.user"]],
    ["a port as text", { port: "7071" }, ["port"]],
    ["a port out of range", { port: 70_000 }, ["port"]],
    ["a port with a fraction", { port: 1.5 }, ["port"]],
    ["a host with a port", { host: "127.0.0.1:80" }, ["host"]],
    ["an open host without a token", { host: "0.0.0.0" }, ["host"]],
    ["an open host with only a secret", { host: "192.168.1.2", secret: SECRET }, ["host"]],
    ["a relative state dir", { stateDir: "state" }, ["stateDir"]],
    ["an unknown log level", { logLevel: "loud" }, ["logLevel"]],
    ["an empty token", { token: "" }, ["token"]],
    ["a token with a space", { token: "a b" }, ["token"]],
    ["token and tokenFile", { token: "a", tokenFile: "/x" }, ["tokenFile"]],
    ["a token file that is not there", { tokenFile: "/nonexistent/token" }, ["tokenFile"]],
    ["a relative token file", { tokenFile: "token" }, ["tokenFile"]],
    ["a secret without prefix", { secret: "abc" }, ["secret"]],
    ["a secret that is too short", { secret: "whsec_YWJj" }, ["secret"]],
    ["discord without a URL", { discord: {} }, ["discord.webhookUrl"]],
    ["a webhook URL that is none", { discord: { webhookUrl: "nonsense" } }, ["discord.webhookUrl"]],
    [
      "a webhook of another host",
      { discord: { webhookUrl: "https://example.com/api/webhooks/1/a" } },
      ["discord.webhookUrl"],
    ],
    [
      "a webhook without TLS",
      { discord: { webhookUrl: "http://discord.com/api/webhooks/1/a" } },
      ["discord.webhookUrl"],
    ],
    [
      "a webhook URL with half a path",
      { discord: { webhookUrl: "https://discord.com/api/webhooks/1" } },
      ["discord.webhookUrl"],
    ],
    ["a username with discord", { discord: { webhookUrl: DISCORD, username: "My Discord bot" } }, ["discord.username"]],
    [
      "a username of 81 characters",
      { discord: { webhookUrl: DISCORD, username: "x".repeat(81) } },
      ["discord.username"],
    ],
    ["both threads", { discord: { webhookUrl: DISCORD, threadId: "12", threadName: "x" } }, ["discord.threadName"]],
    ["an empty thread name", { discord: { webhookUrl: DISCORD, threadName: "" } }, ["discord.threadName"]],
    ["an allowed host with a port", { allowedHosts: ["a.example:7071"] }, ["allowedHosts[0]"]],
    ["a thread id as a number", { discord: { webhookUrl: DISCORD, threadId: 12 } }, ["discord.threadId"]],
    ["allowOtherHost as text", { discord: { webhookUrl: DISCORD, allowOtherHost: "yes" } }, ["discord.allowOtherHost"]],
    ["an unknown transport", { openclaw: { transport: "ws" } }, ["openclaw.transport"]],
    ["the hook without its token", { openclaw: { transport: "hook" } }, ["openclaw.hookToken"]],
    [
      "a hook URL without its token",
      { openclaw: { hookUrl: "http://127.0.0.1:1/hooks/wake" } },
      ["openclaw.hookToken"],
    ],
    ["a hook URL that is none", { openclaw: { hookUrl: "18789", hookToken: "h" } }, ["openclaw.hookUrl"]],
    [
      "a hook URL with a password",
      { openclaw: { hookUrl: "http://u:p@127.0.0.1/hooks", hookToken: "h" } },
      ["openclaw.hookUrl"],
    ],
    ["a gateway over http", { openclaw: { gatewayUrl: "http://127.0.0.1:1" } }, ["openclaw.gatewayUrl"]],
    ["an unknown mode", { openclaw: { mode: "soon" } }, ["openclaw.mode"]],
    ["a command as a shell line", { openclaw: { command: "node openclaw.mjs" } }, ["openclaw.command"]],
    ["an empty command", { openclaw: { command: [] } }, ["openclaw.command"]],
    ["a session key that is an option", { openclaw: { sessionKey: "--json" } }, ["openclaw.sessionKey"]],
    ["no retention", { retention: { days: 0 } }, ["retention.days"]],
    ["null for an object", { discord: null }, ["discord"]],
    ["a variable set but empty", {}, ["AH_RECEIVER_TOKEN"], { AH_RECEIVER_TOKEN: "" }],
    ["a port in words", {}, ["AH_RECEIVER_PORT"], { AH_RECEIVER_PORT: "http" }],
    [
      "a wrong webhook URL in the environment",
      {},
      ["AH_RECEIVER_DISCORD_WEBHOOK_URL"],
      { AH_RECEIVER_DISCORD_WEBHOOK_URL: "https://example.com/x" },
    ],
    [
      "many things at once",
      { port: -1, colour: 1, openclaw: { mode: "x", colour: 2 }, discord: { threadId: "x" } },
      ["colour", "discord.threadId", "discord.webhookUrl", "openclaw.colour", "openclaw.mode", "port"],
    ],
  ];
  for (const [what, config, paths, env] of bad) {
    test(`refuses ${what}`, () => {
      const loaded = load(config, env);
      const problems = loaded.ok ? [] : loaded.problems;
      expect(problems.map((problem) => problem.path).sort()).toEqual(paths);
      for (const { message } of problems) expect(message.length).toBeGreaterThan(10);
    });
  }

  test("no message shows a secret", () => {
    const shown = [
      load({
        token: "tok en-s3cret",
        secret: "s3cret",
        discord: { webhookUrl: "https://example.com/api/webhooks/1/s3cret" },
        openclaw: { hookToken: "s3cret é", gatewayToken: "s3cret é" },
      }),
      load({ discord: { webhookUrl: "s3cret" } }),
    ].map((loaded) => JSON.stringify(loaded.ok ? "" : loaded.problems));
    expect(shown.join()).not.toContain("s3cret");
    expect(shown.join()).toContain("discord.webhookUrl");
  });

  test("an unknown key names the nearest known one", () => {
    const loaded = load({ discrod: {} });
    expect(loaded.ok ? "" : loaded.problems[0]?.message).toContain('did you mean "discord"?');
  });
});
