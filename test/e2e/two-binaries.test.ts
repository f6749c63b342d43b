/**
 * Both compiled programs together: agents end, Discord shows it and OpenClaw is woken. With kill -9 of either program
 * at random moments the account is: nothing is lost, and a double is allowed only for a send that the receiver itself
 * found unrecorded after a death.
 */
import { afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { startFakeDiscord, type FakeDiscord } from "../fakes/discord.ts";
import { startFakeHook } from "../fakes/openclaw-hook.ts";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { quietPort } from "../support/hook.ts";
import { seedOf, seeded } from "../support/random.ts";
import * as receivers from "./receiver-helpers.ts";

setDefaultTimeout(240_000);

const KILLS = 50;
const TOKEN = "the-token-between-the-two";
const SECRET = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
const providers = {
  cat: { kind: "command", command: ["cat"] },
  "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
};

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});
beforeAll(async () => void (await receivers.receiverBinary()), 60_000);

/** A daemon that is not started yet, and a receiver's settings that fit it; the port stays the same over restarts. */
async function pair(receiver: Record<string, unknown>): Promise<{ box: Box; receiver: receivers.Box }> {
  const port = await quietPort();
  const url = `http://127.0.0.1:${port}/harness-webhook`;
  const box = await makeBox({
    port: await quietPort(),
    providers,
    webhook: { url, token: TOKEN, secret: SECRET },
    limits: { maxAgents: 1000 },
  });
  closers.push(() => box.close());
  const other = receivers.makeBox();
  closers.push(() => other.close());
  other.configure({ port, token: TOKEN, secret: SECRET, ...receiver });
  return { box, receiver: other };
}

function discordFor(): { discord: FakeDiscord; settings: Record<string, unknown> } {
  const discord = startFakeDiscord();
  closers.push(() => discord.stop());
  return { discord, settings: { discord: { webhookUrl: discord.webhookUrl, allowOtherHost: true } } };
}

const list = (value: Json | undefined): Json[] => [...(value ?? [])];

test("ending, failing, dying and asking agents: one post and one wake each, through the openclaw command", async () => {
  const { discord, settings } = discordFor();
  const { box, receiver } = await pair({
    ...settings,
    openclaw: { transport: "cli", command: [process.execPath, join(FAKES, "openclaw-cli.ts")] },
  });
  const folder = join(receiver.dir, "calls");
  mkdirSync(folder);
  const running = await receiver.start({ FAKE_OPENCLAW_DIR: folder });
  const api = await box.start();
  await api.post("/projects", { name: "shop", cwd: box.cwd });
  const make = (name: string, ...steps: Record<string, unknown>[]): Promise<Json> =>
    api.post("/projects/shop/agents", { provider: "claude-code", name, task: `SCRIPT ${JSON.stringify(steps)}` });
  const calls = (): { text: string; env: unknown }[] => {
    const file = join(folder, "calls.jsonl");
    if (!existsSync(file)) return [];
    return readFileSync(file, "utf8")
      .split("\n")
      .slice(0, -1) // the last may be half written
      .map((line) => JSON.parse(line) as { text: string; env: unknown });
  };
  const told: [name: string, headline: RegExp, wake: RegExp][] = [
    ["ender", /^✅ .*ender.* completed/, /ender.* completed.*: "All tests pass\."/],
    ["failer", /^❌ .*failer.* failed/, /failer.* (failed|error).*Overloaded/],
    ["dier", /^💀 .*dier.* exited/, /dier.* exited/],
    ["asker", /^❓ .*asker.* waits/, /asker.* (waits|waiting)/],
  ];
  await make("ender", { say: "All tests pass." });
  await make("failer", { fail: "api_error", message: "Overloaded" });
  await make("dier", { say: "hm" }, { crash: true });
  await make("asker", { ask: "Bash", input: { command: "rm -rf build" } });
  await eventually(
    "everybody in a wake",
    () => told.every(([, , wake]) => calls().some(({ text }) => wake.test(text))),
    40_000,
  );
  await eventually("the receiver to be done", async () => (await pending(running.url)) === 0);
  expect(discord.posts).toHaveLength(4);
  for (const [name, headline] of told) {
    expect([name, discord.posts.filter((post) => headline.test(post.content)).length]).toEqual([name, 1]);
    expect([name, calls().filter(({ text }) => text.includes(name)).length]).toEqual([name, 1]);
  }
  // One alone is told in full.
  const before = calls().length;
  await make("single", { say: 'It says "done".' });
  const last = await eventually("its wake", () => calls()[before], 30_000);
  expect(last.text).toMatch(
    /^Coding agent single \([0-9a-f]{8}, claude-code\) in project shop completed: "It says 'done'\." \[delivery \w+\]$/,
  );
  expect(JSON.stringify(last.env)).not.toContain(TOKEN);
});

/** Sends that are not settled yet, over both sinks. */
async function pending(url: string): Promise<number> {
  const { sinks } = (await (await fetch(`${url}/health`)).json()) as { sinks: Record<string, { pending: number }> };
  return Object.values(sinks).reduce((sum, sink) => sum + sink.pending, 0);
}

interface Send {
  readonly state: string;
  readonly interrupted: number;
}

test(`nothing is lost over ${KILLS} deaths of either program, and doubles are exactly explained`, async () => {
  const seed = seedOf("both programs");
  const random = seeded(seed);
  const { discord, settings } = discordFor();
  const hook = startFakeHook();
  closers.push(() => hook.stop());
  discord.answerAfterMs = () => random() * 15;
  hook.answerAfterMs = () => random() * 30;
  const openclaw = { transport: "hook", hookUrl: hook.url, hookToken: hook.token };
  const { box, receiver: other } = await pair({ ...settings, openclaw });
  await box.start();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });

  // The client: every agent is asked for until it is there, under a key that makes it one agent.
  const made: string[] = [];
  let stopping = false;
  const client = async (lane: number): Promise<void> => {
    for (let n = 0; !stopping; n++) {
      const body = { provider: "cat", task: `lane ${lane} agent ${n}` };
      for (let id: string | null = null; id === null;) {
        const answer = await box
          .api()
          .call("POST", "/projects/p/agents", body, { "idempotency-key": `${lane}-${n}` })
          .catch(() => null);
        if (answer !== null && answer.status !== 201 && answer.status !== 503)
          throw new Error(JSON.stringify(answer.body));
        id = answer?.status === 201 ? String(answer.body["agent"]?.["id"]) : null;
        if (id !== null) made.push(id);
        await Bun.sleep(id === null ? 10 : 120);
      }
    }
  };
  const clients = Promise.all([0, 1].map(client));
  // The receiver is down at first.
  await eventually("the first agents", () => made.length >= 4);
  let receiver = await other.start();
  const killed = { daemon: 0, receiver: 0 };
  for (let n = 0; n < KILLS; n++) {
    await Bun.sleep(random() * 150);
    if (random() < 0.5) {
      killed.daemon += 1;
      await box.kill("SIGKILL");
      await box.start();
    } else {
      killed.receiver += 1;
      await receiver.end("SIGKILL");
      receiver = await other.start();
    }
  }
  stopping = true;
  await clients;

  // Every agent's turn ended, each with exactly one notice in the outbox.
  const api = box.api();
  const said = `seed ${seed}`;
  for (const id of made) {
    const { agent } = await api.get(`/projects/p/agents/${id}/wait?until=idle,error,exited&timeout=20`);
    expect([said, id, String(agent?.["status"])]).toEqual([said, id, "idle"]);
  }
  const rows = list((await api.get("/deliveries?limit=1000"))["deliveries"]);
  expect([said, rows.map((row) => String(row["agentId"])).sort()]).toEqual([said, [...made].sort()]);
  // What met a dead receiver several times waits half a minute by now: bring it forward, as a person would.
  for (const row of rows) if (String(row["state"]) === "pending") await api.post(`/deliveries/${row["id"]}/redeliver`);
  await eventually(
    "all to be delivered",
    async () => list((await api.get("/deliveries?state=delivered&limit=1000"))["deliveries"]).length === rows.length,
  );
  await eventually("both sinks to be done", async () => (await pending(receiver.url)) === 0, 60_000);

  const account = {
    seed,
    agents: made.length,
    ...killed,
    posts: discord.posts.length,
    doublePosts: 0,
    openPosts: 0,
    doubleWakes: 0,
    openWakes: 0,
    attempts: 0,
  };
  for (const row of rows) {
    const answer = await fetch(`${receiver.url}/deliveries/${String(row["id"])}`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    const { delivery } = (await answer.json()) as {
      delivery: { id: string; sinks: { discord: Send; openclaw: Send } };
    };
    const { discord: post, openclaw: wake } = delivery.sinks;
    const posts = discord.posts.filter(
      (each) => each.payload.embeds?.[0]?.footer?.text === `delivery ${delivery.id}`,
    ).length;
    const agent = String(row["agentId"]);
    const wakes = hook.wakes.filter((each) => each.text.includes(agent)).length;
    const where = `${said}, agent ${agent}`;
    expect([where, post.state, wake.state]).toEqual([where, "delivered", "delivered"]);
    expect([where, posts >= 1, posts <= 1 + post.interrupted]).toEqual([where, true, true]);
    expect([where, wakes >= 1, wakes <= 1 + wake.interrupted]).toEqual([where, true, true]);
    account.doublePosts += posts - 1;
    account.openPosts += post.interrupted;
    account.doubleWakes += wakes - 1;
    account.openWakes += wake.interrupted;
    account.attempts += Number(row["attempts"]);
  }
  console.log(`kill -9 account: ${JSON.stringify(account)}`);
  // The moments did hit: without a death between sending and recording nothing would be proved.
  expect([said, account.openPosts + account.openWakes > 0]).toEqual([said, true]);
  expect(killed.daemon).toBeGreaterThan(10);
});
