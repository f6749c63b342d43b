/**
 * The receiver against the real OpenClaw: does an event reach the prompt of the main session?
 * file-timeout: 900 s
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeBox, postEvent, runReceiver, until, type Box, type RunningReceiver } from "../e2e/receiver-helpers.ts";
import {
  GATEWAY_TOKEN,
  HOOK_TOKEN,
  openclawEnv,
  startGateway,
  writeOpenclawHome,
  type Gateway,
  type GatewaySetup,
} from "./openclaw-gateway.ts";
import { installOpenclaw, OPENCLAW_VERSION } from "./openclaw.install.ts";
import { startChatStub } from "./stub-chat.ts";
import { quietPort } from "../support/hook.ts";

const installed = await installOpenclaw(process.env);
if ("skip" in installed) console.log(`skipped: the real OpenClaw ${OPENCLAW_VERSION}: ${installed.skip}`);
const real = describe.skipIf("skip" in installed);
const command: readonly [string, string] = "skip" in installed ? ["", ""] : installed.command;

const home = mkdtempSync(join(tmpdir(), "ah-openclaw-live-"));
const stub = startChatStub();
const setup: GatewaySetup = { command, home, port: await quietPort(), modelUrl: stub.url };
let gateway: Gateway | undefined;
let box: Box;
let receiver: RunningReceiver | undefined;

beforeAll(() => writeOpenclawHome(setup));
afterEach(() => box.close());
afterAll(async () => {
  await gateway?.kill();
  await stub.stop();
  rmSync(home, { recursive: true, force: true });
});

async function start(env: Record<string, string> = {}): Promise<RunningReceiver> {
  receiver = await box.start(env);
  return receiver;
}

const hookUrl = `http://127.0.0.1:${setup.port}/hooks/wake`;
/** What the model was sent; the texts of an event are JSON strings inside JSON, so quotes come escaped. */
const prompts = (): string => JSON.stringify(stub.requests.map((request) => request.body));
/** Minutes, because the gateway puts wakes off after five turns in a minute, and its command takes seconds to start. */
const inPrompt = (text: string): Promise<true> =>
  until(`"${text}" in the main session's prompt`, () => prompts().includes(text) || undefined, 180_000).catch(
    (error: unknown) => {
      throw new Error(`${String(error)}; the receiver said: ${receiver?.log() ?? ""}`);
    },
  );

interface Health {
  readonly status: string;
  readonly sinks: {
    readonly openclaw: {
      readonly state: string;
      readonly pending: number;
      readonly fault: string | null;
      readonly lastError: string | null;
    };
  };
}
const health = async (url: string): Promise<Health> => (await fetch(`${url}/health`)).json() as Promise<Health>;
const delivered = (url: string): Promise<Health> =>
  until(
    "the delivery to be recorded",
    async () => {
      const now = await health(url);
      return now.sinks.openclaw.pending === 0 ? now : null;
    },
    120_000,
  );

real(`OpenClaw ${OPENCLAW_VERSION}`, () => {
  test("an event that came while the gateway was down reaches the main session once it is up, by the hook", async () => {
    box = makeBox();
    box.configure({ openclaw: { transport: "hook", hookUrl, hookToken: HOOK_TOKEN } });
    const { url } = await start();
    expect(
      (await postEvent(url, { agentId: "by-hook-1", lastMessage: 'violet 🎉 "quoted"\nsecond line' }, { id: "h1" }))
        .status,
    ).toBe(202);
    await until(
      "a refused connection",
      async () => (await health(url)).sinks.openclaw.lastError?.includes("ECONNREFUSED") || undefined,
    );
    gateway = startGateway(setup);
    await gateway.ready;
    await inPrompt("Coding agent by-hook-1 (claude-code) in project lumen completed: ");
    await inPrompt("violet 🎉 'quoted' second line");
    expect(await delivered(url)).toMatchObject({ status: "ok", sinks: { openclaw: { state: "ok", fault: null } } });
  }, 400_000);

  test("a burst reaches it with every agent named", async () => {
    box = makeBox();
    box.configure({ openclaw: { transport: "hook", hookUrl, hookToken: HOOK_TOKEN } });
    const { url } = await start();
    for (let n = 0; n < 30; n++)
      expect((await postEvent(url, { agentId: `burst-${n}-` }, { id: `b${n}` })).status).toBe(202);
    for (let n = 0; n < 30; n++) await inPrompt(`burst-${n}-`);
  }, 400_000);

  test("a wrong hook token falls back to the command with the user's own config, and /health names it", async () => {
    box = makeBox();
    box.configure({ openclaw: { hookUrl, hookToken: "wrong", command } });
    const { url } = await start(openclawEnv(setup));
    await postEvent(url, { agentId: "by-fallback-1" }, { id: "f1" });
    await inPrompt("Coding agent by-fallback-1 ");
    expect((await delivered(url)).sinks.openclaw.fault).toContain("401");
  }, 400_000);

  test("the command works with gateway URL and token by environment", async () => {
    box = makeBox();
    box.configure({
      openclaw: { transport: "cli", command, gatewayUrl: `ws://127.0.0.1:${setup.port}`, gatewayToken: GATEWAY_TOKEN },
    });
    const { url } = await start({ PATH: openclawEnv(setup)["PATH"] ?? "" });
    await postEvent(
      url,
      { agentId: "by-command-1", lastMessage: "--json $HOME `id`", metadata: { sessionKey: "agent:main:main" } },
      { id: "c1" },
    );
    await inPrompt("Coding agent by-command-1 ");
    await inPrompt("--json $HOME `id`");
    expect((await delivered(url)).sinks.openclaw).toMatchObject({ state: "ok", fault: null });
  }, 400_000);

  test("a wrong gateway token stops the sink and is named", async () => {
    box = makeBox();
    box.configure({
      openclaw: { transport: "cli", command, gatewayUrl: `ws://127.0.0.1:${setup.port}`, gatewayToken: "wrong-token" },
    });
    const { url } = await start({ PATH: openclawEnv(setup)["PATH"] ?? "" });
    await postEvent(url, { agentId: "never" }, { id: "w1" });
    const { sinks } = await until(
      "the fault",
      async () => {
        const now = await health(url);
        return now.sinks.openclaw.fault ? now : null;
      },
      60_000,
    );
    expect(sinks.openclaw).toMatchObject({ state: "stopped", pending: 1 });
    expect(sinks.openclaw.fault).toContain("token mismatch");
    expect(prompts()).not.toContain("Coding agent never");
  }, 120_000);

  test("check finds the real gateway, hook and command in order", async () => {
    box = makeBox();
    box.configure({ openclaw: { hookUrl, hookToken: HOOK_TOKEN, command } });
    const ran = await runReceiver(["check", "--config", box.configPath], { env: openclawEnv(setup) });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain(OPENCLAW_VERSION);
  }, 60_000);
});
