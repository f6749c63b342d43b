// file-timeout: 300 s
/**
 * Twenty agents of two accounts run into their limits, the daemon is killed five times meanwhile and is off once over
 * the reset: every turn goes on once and ends once, and one notice tells of each limit, whoever met it.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { cliOf } from "../support/cli.ts";
import { storedEvents } from "../support/events.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";

setDefaultTimeout(280_000);

const AGENTS = 20;
const KILLS = 5;
/** A hundredth of the real waits: a third of a second behind the reset, the others within one more. */
const PACE = { AH_TEST_PACE: "0.01" };
const ACCOUNTS = ["one", "two"] as const;

let box: Box;
let hook: Hook;
const limitFile = (account: string): string => join(box.dir, `limit-${account}`);

beforeAll(async () => {
  hook = await startHook();
  box = await makeBox({ webhook: { url: hook.url("/hook") }, limits: { parkIdleMs: 1500 } }, PACE);
  const providers = ACCOUNTS.map((account) => [
    account,
    {
      kind: "claude-code",
      account,
      command: [process.execPath, join(FAKES, "claude.ts")],
      env: { FAKE_LIMIT: limitFile(account) },
    },
  ]);
  const config = JSON.parse(await Bun.file(box.configFile).text());
  writeFileSync(box.configFile, JSON.stringify({ ...config, providers: Object.fromEntries(providers) }));
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

const pathOf = (id: string): string => `/projects/p/agents/${id}`;
const statuses = async (): Promise<string[]> =>
  ((await box.api().get("/agents?limit=100"))["agents"] as unknown as Json[]).map((each) => String(each["status"]));

test("each turn goes on once and ends once, over every death of the daemon, and each limit is told once", async () => {
  // As long as the box needs to start them all, and some more.
  const until = Math.ceil(Date.now() / 1000) * 1000 + 45_000;
  for (const account of ACCOUNTS) writeFileSync(limitFile(account), String(until));
  const ids: string[] = [];
  for (let n = 0; n < AGENTS; n += 1) {
    const made = await box.api().post("/projects/p/agents", { provider: ACCOUNTS[n % 2], task: `task ${n}` });
    ids.push(String(made["agent"]?.["id"]));
  }
  for (let kill = 0; kill < KILLS; kill += 1) {
    await Bun.sleep(400 * kill);
    await box.kill("SIGKILL");
    await box.start();
  }
  await eventually("all to wait", async () => (await statuses()).every((status) => status === "limited"), 60_000);
  expect(Date.now()).toBeLessThan(until);

  const accounts = (await box.api().get("/accounts"))["accounts"] as unknown as Json[];
  expect(accounts.map(({ name }) => String(name))).toEqual(["claude-code:one", "claude-code:two"]);
  for (const account of accounts) {
    expect([...(account["agents"] as Json)]).toHaveLength(AGENTS / 2);
    expect(account["limits"]?.[0]).toMatchObject({ class: "limit", scope: "five_hour", guessed: false });
    expect(String(account["limits"]?.[0]?.["resetsAt"])).toBe(new Date(until).toISOString());
  }

  await box.kill("SIGKILL");
  await eventually("the reset to pass", () => Promise.resolve(Date.now() > until + 500), 120_000);
  await box.start();
  await eventually("all to be done", async () => (await statuses()).every((status) => status === "idle"), 90_000);

  for (const id of ids) {
    const events = await storedEvents(box.api(), pathOf(id));
    const ended = events.filter((each) => String(each["type"]) === "turn_ended");
    expect(ended.map((each) => String(each["data"]?.["turn"]?.["outcome"]))).toEqual(["completed"]);
    const inputs = (await box.api().get(`${pathOf(id)}/inputs`))["inputs"] as unknown as Json[];
    const shown = inputs.map((each) => `${each["origin"]} ${each["state"]}`);
    // Who had not begun when the limit was known has gone on with its own input.
    expect([["user ended"], ["user ended", "limit ended"]]).toContainEqual(shown);
    const messages = (await box.api().get(`${pathOf(id)}/messages?after=0`))["messages"] as unknown as Json[];
    expect(messages.filter((each) => String(each["role"]) === "user")).toHaveLength(1);
    expect(messages.filter((each) => String(each["role"]) === "assistant")).toHaveLength(1);
  }
  await eventually("the notices", () => Promise.resolve(hook.seen.length >= AGENTS + 4), 30_000);
  const told = (event: string): Json[] =>
    [...new Map(hook.seen.map((each) => [each.id, each.body])).values()].filter(
      (body) => String(body["event"]) === event,
    );
  expect([told("agent_limited").length, told("agent_resumed").length]).toEqual([2, 2]);
  expect(told("agent_completed")).toHaveLength(AGENTS);
  for (const body of told("agent_limited")) {
    expect(body).toMatchObject({
      status: "limited",
      lastMessage: null,
      account: { scope: "five_hour", guessed: false },
    });
  }
  expect(
    told("agent_resumed")
      .map((body) => String(body["account"]?.["name"]))
      .sort(),
  ).toEqual(["claude-code:one", "claude-code:two"]);
});

test("an agent whose process was just being started when the daemon died is known by its account all the same", async () => {
  const one = await makeBox();
  try {
    const limit = join(one.dir, "limit");
    const claude = { command: [process.execPath, join(FAKES, "claude.ts")], env: { FAKE_LIMIT: limit } };
    const config = JSON.parse(await Bun.file(one.configFile).text());
    writeFileSync(one.configFile, JSON.stringify({ ...config, providers: { "claude-code": claude } }));
    writeFileSync(limit, String(Date.now() + 3_600_000));
    const api = await one.start({ AH_TEST_SEAM: "spawned" });
    await api.post("/projects", { name: "p", cwd: one.cwd });
    await api.post("/projects/p/agents", { provider: "claude-code", task: "first" }).catch(() => undefined);
    await one.exited();
    await one.start();
    await one.api().post("/projects/p/agents", { provider: "claude-code", task: "second" });
    const accounts = await eventually("both to wait", async () => {
      const all = (await one.api().get("/accounts"))["accounts"] as unknown as Json[];
      const waiting = all
        .flatMap(({ agents }) => [...(agents ?? [])])
        .filter((each) => String(each["status"]) === "limited");
      return waiting.length === 2 && all;
    });
    expect(accounts.map(({ name }) => String(name))).toEqual([expect.stringMatching(/^claude-code:login-/)]);
  } finally {
    await one.close();
  }
});

test("the command line stays with a turn that waits, and says once until when", async () => {
  const one = await makeBox();
  try {
    const limit = join(one.dir, "limit");
    const claude = { command: [process.execPath, join(FAKES, "claude.ts")], env: { FAKE_LIMIT: limit } };
    const config = JSON.parse(await Bun.file(one.configFile).text());
    writeFileSync(one.configFile, JSON.stringify({ ...config, providers: { "claude-code": claude } }));
    const until = Math.ceil(Date.now() / 60_000) * 60_000 + 3_600_000;
    writeFileSync(limit, String(until));
    await one.start();
    await one.api().post("/projects", { name: "p", cwd: one.cwd });
    const run = cliOf(one).start(["run", "--project", "p", "--provider", "claude-code", "--name", "one", "do it"]);
    let said = "";
    const all = (async () => {
      for await (const chunk of run.stderr.pipeThrough(new TextDecoderStream())) said += chunk;
    })();
    // It looks at the agent itself before it says so: who lets it go on before has taken the time away.
    await eventually("it to say that it waits", () => said.includes("waits for its account"));
    writeFileSync(limit, "0");
    await one.api().post("/projects/p/agents/one/limit/skip");
    expect([await run.exited, await new Response(run.stdout).text()]).toEqual([0, "echo: continue\n"]);
    await all;
    const lines = said.split("\n").filter((line) => line.includes("waits for its account"));
    const at = `${new Date(until).toISOString().slice(0, 16)}Z`;
    expect(lines).toEqual([expect.stringContaining(`five_hour used up, goes on at ${at}`)]);
  } finally {
    await one.close();
  }
});
