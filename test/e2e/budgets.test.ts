/** What agents may spend together, seen from outside, over kills of the daemon. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { cliOf } from "../support/cli.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(120_000);

const boxes: Box[] = [];
afterEach(async () => {
  for (const box of boxes.splice(0)) await box.close();
});

async function makeWorld(): Promise<Box> {
  const fake = (name: string) => ({ command: [process.execPath, join(FAKES, `${name}.ts`)] });
  const free = { kind: "pi", ...fake("pi"), account: "lab", env: { FAKE_NO_PRICE: "1" } };
  const box = await makeBox({ providers: { "claude-code": fake("claude"), pi: fake("pi"), free } });
  boxes.push(box);
  await box.start();
  return box;
}

const script = (...steps: Record<string, unknown>[]): string => `SCRIPT ${JSON.stringify(steps)}`;
/** Answer after answer, with time between them in which somebody can say stop. */
const answers = (n: number, rest: number) =>
  Array.from({ length: n }, (_, i) => [{ say: `answer ${i}` }, { rest }]).flat();

const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const tokensOf = (row: Json | undefined): number =>
  ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"].reduce(
    (sum, key) => sum + Number(row?.[key] ?? 0),
    0,
  );

async function settled(box: Box, paths: readonly string[]): Promise<Json[]> {
  return Promise.all(
    paths.map(async (path) => {
      const answer = await box.api().get(`${path}/wait?until=idle,error,exited&timeout=60`);
      if ((answer["reached"] as unknown) !== true) throw new Error(JSON.stringify(answer));
      return answer["agent"] as Json;
    }),
  );
}

/** What one answer of the fake Pi reads and writes. */
const ANSWER = 1007;

test("a day's budget is overshot by one answer of each running agent at most, over kill -9 in the middle", async () => {
  const box = await makeWorld();
  const limit = 24 * ANSWER;
  await box.api().post("/projects", { name: "p", cwd: box.cwd, budgetPerDay: { tokens: limit } });
  const gates = [join(box.dir, "gate-0"), join(box.dir, "gate-1")];
  const task = script(...gates.flatMap((gate) => [...answers(2, 10), { gate }]), ...answers(40, 2000));
  const paths: string[] = [];
  for (let i = 0; i < 4; i += 1) {
    const made = await box.api().post("/projects/p/agents", { provider: "pi", task });
    paths.push(`/projects/p/agents/${made["agent"]?.["id"]}`);
  }
  const spent = async () => tokensOf((await box.api().get("/usage"))["total"]);
  for (const [n, gate] of gates.entries()) {
    const sofar = 2 * (n + 1) * paths.length * ANSWER;
    await eventually("every answer so far to count", async () => (await spent()) === sofar || undefined, 60_000);
    await box.kill();
    await box.start();
    expect(await spent()).toBe(sofar);
    writeFileSync(gate, "");
  }
  const ended = await settled(box, paths);
  expect(ended.map((agent) => String(agent["turn"]?.["error"]?.["code"]))).toEqual(paths.map(() => "BUDGET_EXCEEDED"));
  const total = await spent();
  expect(total).toBeGreaterThanOrEqual(limit);
  expect(total).toBeLessThanOrEqual(limit + paths.length * ANSWER);
  // Nothing doubled: what each turn used is what the project used.
  const used = await Promise.all(
    paths.map(async (path) =>
      list((await box.api().get(`${path}/turns`))["turns"]).map((turn) => tokensOf(turn["usage"])),
    ),
  );
  expect(used.flat().reduce((sum, each) => sum + each, 0)).toBe(total);
  // Told once, by whoever came near it, and each turn ended once.
  const events = (await Promise.all(paths.map((path) => storedEvents(box.api(), path)))).flat();
  const count = (type: string) => events.filter((each) => String(each["type"]) === type).length;
  expect([count("agent_budget"), count("turn_ended")]).toEqual([1, paths.length]);

  const refused = await box.api().call("POST", `${paths[0]}/input`, { text: "more" });
  expect([refused.status, String(refused.body["error"])]).toEqual([409, "BUDGET_EXCEEDED"]);
  expect(String(refused.body["message"])).toContain('"budgetPerDay":{"tokens":N}');
  await box.api().call("PATCH", "/projects/p", { budgetPerDay: { tokens: limit * 10 } });
  await box.api().post(`${paths[0]}/input`, { text: "more" });
  const [again] = await settled(box, paths.slice(0, 1));
  expect(String(again?.["turn"]?.["outcome"])).toBe("completed");
});

test("agents that tell their cost late never reserve the same dollar, and each stops at its fence", async () => {
  const box = await makeWorld();
  await box.api().post("/projects", { name: "p", cwd: box.cwd, budgetPerDay: { costUsd: 4 } });
  const paths: string[] = [];
  for (let i = 0; i < 3; i += 1) {
    const made = await box
      .api()
      .post("/projects/p/agents", { provider: "claude-code", task: script(...answers(30, 150)) });
    paths.push(`/projects/p/agents/${made["agent"]?.["id"]}`);
  }
  const ended = await settled(box, paths);
  expect(ended.map((agent) => String(agent["turn"]?.["error"]?.["code"]))).toEqual(paths.map(() => "BUDGET_EXCEEDED"));
  const cost = Number((await box.api().get("/usage"))["total"]?.["costUsd"]);
  // An answer of the fake costs half a dollar.
  expect(cost).toBeGreaterThan(2);
  expect(cost).toBeLessThanOrEqual(4 + paths.length * 0.5);
});

test("what waits while a person has the conversation spends no time of work, over kill -9 as well", async () => {
  const box = await makeWorld();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const made = await box
    .api()
    .post("/projects/p/agents", { provider: "claude-code", task: "one", budget: { wallMs: 600_000 } });
  const path = `/projects/p/agents/${made["agent"]?.["id"]}`;
  await settled(box, [path]);
  const used = async () => Number((await box.api().get(path))["agent"]?.["standings"]?.[0]?.["used"]);
  const { lease } = await box.api().post(`${path}/attach`);
  await box.api().post(`${path}/input`, { text: "two" });
  const before = await used();
  expect(before).toBeGreaterThan(0);
  await Bun.sleep(600); // the claim is that nothing is counted
  expect(await used()).toBe(before);
  await box.kill();
  await box.start();
  expect((await box.api().get(path))["agent"]).toMatchObject({ status: "starting", process: "attached" } as never);
  expect(await used()).toBe(before);
  await box.api().call("DELETE", `${path}/attach?lease=${lease}`);
  const [again] = await settled(box, [path]);
  expect(again).toMatchObject({ turn: { outcome: "completed" } } as never);
  expect(await used()).toBeGreaterThan(before);
});

test("the command line sets a budget, shows how it stands, and says who used what", async () => {
  const box = await makeWorld();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const cli = cliOf(box);
  const run = await cli("run", "--project", "p", "--provider", "pi", "--name", "one", "--budget-turns", "1", "hello");
  expect([run.code, run.out]).toEqual([0, "echo: hello\n"]);
  const shown = await cli("show", "p/one");
  expect(shown.out).toContain("budget\tturns 1 1\n");
  const more = await cli("send", "p/one", "again");
  expect(more.code).toBe(1);
  expect(more.err).toContain("budget is spent: 1 turns of 1 turns");
  expect((await cli("set", "p/one", "budget.turns=2", "budget.usd=0.5", "budget.time=1h")).code).toBe(0);
  expect((await cli("send", "p/one", "again", "--wait")).out).toBe("echo: again\n");
  const usage = await cli("usage", "--by", "agent");
  expect(usage.out).toBe(`p/one\t2\t${2 * ANSWER}\t0\t${usage.out.trim().split("\t").at(-1)}\n`);
  const wrong = await cli("run", "--project", "p", "--provider", "pi", "--budget-usd", "two", "hello");
  expect([wrong.code, wrong.err.includes("expected dollars such as 2.50")]).toEqual([2, true]);
});

test("a price that nobody told is no cost of nothing: the limit, the sums and the command line say so", async () => {
  const box = await makeWorld();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
  const cli = cliOf(box);
  expect(
    (await cli("run", "--project", "p", "--provider", "free", "--name", "one", "--budget-usd", "1", "hello")).code,
  ).toBe(0);
  expect((await cli("run", "--project", "p", "--provider", "pi", "hello")).code).toBe(0);
  const { agent } = await box.api().get("/projects/p/agents/one");
  expect(agent).toMatchObject({
    standings: [{ scope: "agent", key: "costUsd", limit: 1, used: 0, unpricedTokens: ANSWER }],
  } as never);
  expect(agent?.["usage"]).not.toHaveProperty("costUsd");
  const events = await storedEvents(box.api(), "/projects/p/agents/one");
  expect(events.filter((each) => String(each["type"]) === "agent_budget")).toHaveLength(1);

  const { usage, total } = await box.api().get("/usage?by=account");
  const free = list(usage).find(({ key }) => String(key) === "pi:lab");
  expect(free).toMatchObject({ account: "pi:lab", costUsd: 0, unpricedTokens: ANSWER } as never);
  expect(
    list(usage)
      .map(({ account }) => String(account))
      .sort(),
  ).toEqual(["pi:lab", expect.stringMatching(/^pi:login-/)]);
  expect(Number(total?.["unpricedTokens"])).toBe(ANSWER);
  expect(Number(total?.["costUsd"])).toBeGreaterThan(0);
});
