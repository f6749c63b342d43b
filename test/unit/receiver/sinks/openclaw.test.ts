/** The OpenClaw sink against fakes of the hook and of the command. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../../src/lib/clock.ts";
import { isDead, readProcess } from "../../../../src/process/proc.ts";
import { createOpenclawSink, type OpenclawSettings } from "../../../../src/receiver/sinks/openclaw.ts";
import type { Delivery } from "../../../../src/receiver/sink.ts";
import { startFakeHook, type FakeHook } from "../../../fakes/openclaw-hook.ts";
import { eventually } from "../../../support/api.ts";
import { delivery, never } from "./sink-helpers.ts";

describe("the OpenClaw sink", () => {
  let hook: FakeHook;
  let dir: string;
  beforeEach(() => {
    hook = startFakeHook();
    dir = mkdtempSync(join(tmpdir(), "ah-openclaw-"));
  });
  afterEach(() => {
    hook.stop();
    rmSync(dir, { recursive: true });
  });

  const command = [process.execPath, join(import.meta.dir, "../../../fakes/openclaw-cli.ts")];
  const env = (): Record<string, string> => ({
    PATH: "/usr/bin:/bin",
    HOME: dir,
    FAKE_OPENCLAW_DIR: dir,
    AH_RECEIVER_TOKEN: "ours",
    CREDENTIALS_DIRECTORY: "/run/creds",
  });
  const sinkOf = (ways: "hook" | "cli" | "both", change: Partial<OpenclawSettings> = {}, cli: object = {}) =>
    createOpenclawSink(
      {
        hook: ways === "cli" ? null : { url: hook.url, token: hook.token },
        cli: ways === "hook" ? null : { command, env: env(), scratchDir: join(dir, "scratch"), ...cli },
        mode: "now",
        sessionKey: null,
        ...change,
      },
      systemClock,
    );
  const plan = (...words: string[]): void =>
    writeFileSync(join(dir, "plan"), words.map((word) => `${word}\n`).join(""));
  interface Call {
    readonly argv: readonly string[];
    readonly env: Readonly<Record<string, string>>;
    readonly pid: number;
    readonly text: string;
    readonly sessionKey: string | null;
  }
  const calls = (): Call[] =>
    existsSync(join(dir, "calls.jsonl"))
      ? readFileSync(join(dir, "calls.jsonl"), "utf8")
          .split("\n")
          .slice(0, -1) // the last may be half written
          .map((line) => JSON.parse(line))
      : [];

  test("wakes by the hook where there is one, and starts no program then", async () => {
    const { outcome, fault } = await sinkOf("both").send([delivery()], never);
    expect({ outcome, fault }).toEqual({ outcome: { type: "delivered", detail: "hook: queued" }, fault: null });
    expect(hook.wakes).toMatchObject([
      {
        mode: "now",
        sessionKey: null,
        text: 'Coding agent a3f2b1c0 (codex) in project lumen completed: "All tests pass." [delivery 1a2b3c4d5e]',
      },
    ]);
    expect(calls()).toHaveLength(0);
  });

  test("a repeat has the same bytes and is merged by OpenClaw", async () => {
    const sink = sinkOf("hook");
    await sink.send([delivery()], never);
    expect((await sink.send([delivery()], never)).outcome).toEqual({ type: "delivered", detail: "hook: coalesced" });
  });

  test("401 and 404 of the hook fall back to the command and name the fault", async () => {
    const wrong = await sinkOf("both", { hook: { url: hook.url, token: "wrong" } }).send([delivery()], never);
    expect(wrong.outcome.type).toBe("delivered");
    expect(wrong.fault).toContain("401: Unauthorized (openclaw.hookToken is not OpenClaw's hooks.token)");
    hook.enabled = false;
    const off = await sinkOf("both").send([delivery()], never);
    expect(off.outcome.type).toBe("delivered");
    expect(off.fault).toContain("404: Not Found (hooks are not enabled");
    expect(calls()).toHaveLength(2);
    hook.enabled = true;
    expect((await sinkOf("both").send([delivery()], never)).fault).toBeNull();
  });

  test("without a command, the same faults stop the sink for a minute", async () => {
    hook.enabled = false;
    expect((await sinkOf("hook").send([delivery()], never)).outcome).toMatchObject({
      type: "stopped",
      retryInMs: 60_000,
    });
  });

  test("a busy or absent gateway is waited for, never worked around by the command", async () => {
    hook.script.push({ status: 429, headers: { "Retry-After": "60" } }, { status: 503 }, { status: 500, body: "boom" });
    const sink = sinkOf("both");
    expect((await sink.send([delivery()], never)).outcome).toMatchObject({ type: "retry", waitMs: 60_000 });
    expect((await sink.send([delivery()], never)).outcome).toMatchObject({
      type: "retry",
      reason: "the hook answered 503",
    });
    expect((await sink.send([delivery()], never)).outcome).toMatchObject({
      type: "retry",
      reason: "the hook answered 500: boom",
    });
    hook.stop();
    expect((await sink.send([delivery()], never)).outcome).toMatchObject({
      type: "retry",
      reason: "the hook cannot be reached: ECONNREFUSED",
    });
    expect(calls()).toHaveLength(0);
  });

  test("a wait that it asks for is believed for an hour at most: no answer holds the sink for years", async () => {
    hook.script.push({ status: 503, headers: { "Retry-After": "999999999" } });
    expect((await sinkOf("hook").send([delivery()], never)).outcome).toMatchObject({
      type: "retry",
      waitMs: 3_600_000,
    });
  });

  test("a 400 is our fault: no retry, no other way", async () => {
    hook.script.push({ status: 400, body: '{"ok":false,"error":"text required"}' });
    expect((await sinkOf("both").send([delivery()], never)).outcome).toEqual({
      type: "dead",
      reason: "the hook answered 400: text required",
    });
    expect(calls()).toHaveLength(0);
  });

  test("a session key goes by the hook where that is allowed, else by the command", async () => {
    const own = delivery({ metadata: { sessionKey: "agent:main:discord" } });
    const refused = await sinkOf("both").send([own], never);
    expect(refused.outcome.type).toBe("delivered");
    expect(refused.fault).toContain("sessionKey is disabled");
    expect(calls()[0]?.sessionKey).toBe("agent:main:discord");
    hook.allowSessionKey = true;
    await sinkOf("both").send([own], never);
    expect(hook.wakes.at(-1)?.sessionKey).toBe("agent:main:discord");
    hook.allowSessionKey = false;
    await sinkOf("cli", { sessionKey: "main" }).send([delivery()], never);
    expect(calls()[1]?.sessionKey).toBe("main");
  });

  test("a session key that could be an option of the program is not passed on", async () => {
    await sinkOf("cli").send([delivery({ metadata: { sessionKey: "--json" } })], never);
    expect(calls()[0]?.sessionKey).toBeNull();
  });

  test("the command gets the text as one argument and tokens by the environment only", async () => {
    const cli = { gatewayUrl: "ws://127.0.0.1:18789", gatewayToken: "gw-secret" };
    const text = '--json $HOME `id` "q"';
    expect((await sinkOf("cli", {}, cli).send([delivery({ lastMessage: text })], never)).outcome).toEqual({
      type: "delivered",
      detail: "command: ok",
    });
    const [call] = calls();
    expect(call?.argv.slice(0, 7)).toEqual(["system", "event", "--mode", "now", "--json", "--timeout", "10000"]);
    expect(call?.text).toContain("--json $HOME `id` 'q'");
    expect(JSON.stringify(call?.argv)).not.toContain("gw-secret");
    expect(call?.env).toMatchObject({
      OPENCLAW_GATEWAY_TOKEN: "gw-secret",
      OPENCLAW_GATEWAY_URL: "ws://127.0.0.1:18789",
      OPENCLAW_NO_RESPAWN: "1",
    });
    expect(Object.keys(call?.env ?? {}).filter((key) => /^AH_|CREDENTIALS/.test(key))).toEqual([]);
  });

  test("with the user's own OpenClaw config the program finds it, and gets nothing from us", async () => {
    await sinkOf("cli").send([delivery()], never);
    expect(Object.keys(calls()[0]?.env ?? {}).filter((key) => /^OPENCLAW_/.test(key))).toEqual([]);
  });

  const verdicts: [word: string, expected: object][] = [
    ["down", { type: "retry" }],
    ["exit-7", { type: "retry", reason: "the openclaw command failed: exit code 7" }],
    ["wrong-token", { type: "stopped", retryInMs: 600_000 }],
    ["old-node", { type: "stopped", retryInMs: 600_000 }],
    ["no-agent", { type: "dead", reason: "the openclaw command failed: Error: cron job agent is unavailable: ghost" }],
  ];
  for (const [word, expected] of verdicts) {
    test(`the command's "${word}" is ${JSON.stringify(expected)}`, async () => {
      plan(word);
      expect((await sinkOf("cli").send([delivery()], never)).outcome).toMatchObject(expected);
    });
  }

  test("a command that is not there stops the sink and says what to set", async () => {
    const { outcome } = await sinkOf("cli", {}, { command: ["openclaw-is-not-here"] }).send([delivery()], never);
    expect(outcome).toMatchObject({ type: "stopped", retryInMs: 60_000 });
    expect(outcome.type === "stopped" && outcome.reason).toContain("(set openclaw.command)");
  });

  const pidOf = (call: number): number => {
    const made = calls()[call];
    if (made === undefined) throw new Error(`there was no call ${call}`);
    return made.pid;
  };
  const gone = (pid: number): boolean => {
    const info = readProcess(pid);
    return info === null || isDead(info);
  };

  test("a command that hangs is ended at the deadline", async () => {
    plan("hang");
    const { outcome } = await sinkOf("cli", {}, { deadlineMs: 8000, killAfterMs: 5000 }).send([delivery()], never);
    expect(outcome).toMatchObject({
      type: "retry",
      reason: "the openclaw command was ended: it took longer than 8000 ms",
    });
    expect(gone(pidOf(0))).toBe(true);
  });

  test("one that ignores SIGTERM, and a child it left behind, are killed", async () => {
    plan("deaf", "fork");
    const pidFile = join(dir, "child.pid");
    const endedWhen = async (ready: () => boolean): Promise<void> => {
      const abort = new AbortController();
      const sent = sinkOf("cli", {}, { killAfterMs: 300 }).send([delivery()], abort.signal);
      await eventually("the command to be so far", ready);
      abort.abort();
      await sent;
    };
    await endedWhen(() => calls().length === 1);
    expect(gone(pidOf(0))).toBe(true);
    await endedWhen(() => existsSync(pidFile) && readFileSync(pidFile, "utf8") !== "");
    expect(gone(pidOf(1))).toBe(true);
    await eventually("its child to be gone", () => gone(Number(readFileSync(pidFile, "utf8"))));
  });

  test("a stop of the receiver ends a running command", async () => {
    plan("hang");
    const abort = new AbortController();
    const sent = sinkOf("cli").send([delivery()], abort.signal);
    await eventually("the command to be called", () => calls().length > 0);
    abort.abort();
    expect((await sent).outcome).toMatchObject({
      type: "retry",
      reason: "the openclaw command was ended: the receiver stops",
    });
    expect(gone(pidOf(0))).toBe(true);
  });

  test("only deliveries for the same session go together, of at most fifteen agents", () => {
    const sink = sinkOf("hook");
    const waiting = Array.from({ length: 40 }, (_, i): Delivery => ({
      ...delivery({ agentId: `a${i}`, metadata: i % 2 ? { sessionKey: "main" } : {} }),
      seq: i,
    }));
    expect(sink.choose(waiting).map(({ seq }) => seq)).toEqual(Array.from({ length: 15 }, (_, i) => 2 * i));
  });

  test("the probe tells hook, command and gateway apart and wakes nobody", async () => {
    expect((await sinkOf("both").probe(never)).map(({ ok }) => ok)).toEqual([true, true, true]);
    const wrong = await sinkOf(
      "both",
      { hook: { url: hook.url, token: "wrong" } },
      { command: ["openclaw-is-not-here"] },
    ).probe(never);
    expect(wrong.map(({ ok }) => ok)).toEqual([false, false, true]);
    expect(hook.wakes).toHaveLength(0);
  });
});
