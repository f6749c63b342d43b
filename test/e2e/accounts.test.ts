/** Agents of one account: who is told, what goes on all the same, and what a person mends for all of them. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { FAKES } from "../support/binary.ts";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";

setDefaultTimeout(60_000);

/** Those who follow the first one do so within a second. */
const PACE = { AH_TEST_PACE: "0.01" };

let daemon: TestDaemon;
let hook: Hook;
let serial = 0;
let limit = "";

beforeEach(async () => {
  hook = await startHook();
  limit = join(process.env["TMPDIR"] ?? "/tmp", `ah-limit-${process.pid}-${(serial += 1)}`);
  daemon = await testDaemon(
    {
      webhook: { url: hook.url("/all"), allowedHosts: ["127.0.0.1"] },
      providers: {
        work: {
          kind: "claude-code",
          account: "work",
          command: [process.execPath, join(FAKES, "claude.ts")],
          env: { FAKE_LIMIT: limit },
        },
      },
    },
    PACE,
  );
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd, trusted: true });
});
afterEach(async () => {
  await daemon.close();
  await hook.down();
  rmSync(limit, { force: true });
});

const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const reachLimit = (model = ""): void => writeFileSync(limit, `${Date.now() + 3_600_000} ${model}`.trim());
const liftLimit = (): void => rmSync(limit, { force: true });
const script = (...steps: readonly Record<string, unknown>[]): string => `SCRIPT ${JSON.stringify(steps)}`;

interface Made {
  readonly id: string;
  readonly path: string;
  reaches(...statuses: string[]): Promise<Json>;
}

async function make(task: string, more: Record<string, unknown> = {}, project = "p"): Promise<Made> {
  const { agent } = await daemon.api().post(`/projects/${project}/agents`, { provider: "work", task, ...more });
  const id = String(agent?.["id"]);
  const path = `/projects/${project}/agents/${id}`;
  return {
    id,
    path,
    reaches: (...statuses) =>
      eventually(`${task} to be ${statuses.join(" or ")}`, async () => {
        const shown = (await daemon.api().get(path))["agent"] as Json;
        return statuses.includes(String(shown["status"])) && shown;
      }),
  };
}

/** Where it went and what it was, each notice once. */
const told = (...events: string[]): string[] =>
  [...new Map(hook.seen.map((each) => [each.id, each])).values()]
    .filter(({ body }) => events.includes(String(body["event"])))
    .map(({ path, body }) => `${path} ${body["event"]}`)
    .sort();

test("a limit and its end are told once to each destination, however many agents have it", async () => {
  await daemon.api().post("/projects", { name: "own", cwd: daemon.cwd, webhook: { url: hook.url("/own") } });
  reachLimit();
  const waiting = [await make("one"), await make("two"), await make("three", {}, "own"), await make("four", {}, "own")];
  for (const each of waiting) await each.reaches("limited");
  liftLimit();
  // Those behind the first one may follow it by themselves before we come to them.
  for (const each of waiting)
    expect([undefined, "NOT_LIMITED"]).toContain(
      (await daemon.api().call("POST", `${each.path}/limit/skip`)).body["error"] as never,
    );
  for (const each of waiting) await each.reaches("idle");
  await eventually("all to be told", () => told("agent_completed").length === 4);
  expect(told("agent_limited", "agent_resumed")).toEqual([
    "/all agent_limited",
    "/all agent_resumed",
    "/own agent_limited",
    "/own agent_resumed",
  ]);
});

test.each([
  ["billing", "BILLING"],
  ["auth", "AUTH_REQUIRED"],
])("%s is told once for all agents of the account, and one retry takes all of them up again", async (fails, code) => {
  const failing = [];
  for (const name of ["one", "two", "three"]) failing.push(await make(script({ fail: fails, message: name })));
  for (const each of failing) expect(await each.reaches("error")).toMatchObject({ turn: { error: { code } } } as never);
  const [account] = list((await daemon.api().get("/accounts"))["accounts"]);
  expect(account).toMatchObject({
    name: "claude-code:work",
    resumesAt: null,
    limits: [{ class: fails, resumesAt: null, agentId: expect.any(String) }],
  } as never);
  const { agents } = await daemon.api().post(`/accounts/${encodeURIComponent("claude-code:work")}/retry`);
  expect(agents).toBe(3 as never);
  for (const each of failing) await each.reaches("idle");
  await eventually("all to be told", () => told("agent_completed").length === 3);
  expect(told("agent_error")).toEqual(["/all agent_error"]);
  expect(list((await daemon.api().get("/accounts"))["accounts"])[0]?.["limits"]).toEqual([] as never);
});

test("resumed with nothing queued, what has to be paid is tried from its history, and again until it is paid", async () => {
  writeFileSync(limit, "billing");
  const one = await make("one");
  await one.reaches("error");
  const [known] = list((await daemon.api().get("/accounts"))["accounts"]);
  expect(known?.["limits"]).toMatchObject([{ class: "billing", agentId: one.id }] as never);

  const unpaid = await daemon.api().post(`${one.path}/resume`);
  expect(["starting", "processing", "error"]).toContain(String(unpaid["agent"]?.["status"]));
  const turns = async (): Promise<string[]> =>
    list((await daemon.api().get(`${one.path}/turns`))["turns"])
      .filter((each) => each["endedAt"] !== null)
      .map((each) => `${each["outcome"]} ${each["error"]?.["code"] ?? "-"}`);
  await eventually("it to have tried", async () => (await turns()).length === 2);
  expect(await one.reaches("error")).toMatchObject({ turn: { error: { code: "BILLING" } } } as never);

  liftLimit();
  await daemon.api().post(`${one.path}/resume`);
  await one.reaches("idle");
  expect((await turns()).sort()).toEqual(["completed -", "failed BILLING", "failed BILLING"]);
  const inputs = list((await daemon.api().get(`${one.path}/inputs`))["inputs"]);
  expect(inputs.map((each) => `${each["origin"]} ${each["text"]} ${each["state"]}`)).toEqual([
    "user one ended",
    "limit continue ended",
    "limit continue ended",
  ]);
  const messages = list((await daemon.api().get(`${one.path}/messages?after=0`))["messages"]);
  expect(messages.filter((each) => String(each["role"]) === "user").map((each) => String(each["text"]))).toEqual([
    "one",
  ]);
  expect(list((await daemon.api().get("/accounts"))["accounts"])[0]?.["limits"]).toEqual([] as never);
});

test("… and with something queued, that is what it tries with", async () => {
  const gate = join(daemon.dir, "gate");
  const one = await make(script({ gate }, { fail: "billing", message: "no credit" }));
  await one.reaches("processing");
  await daemon.api().post(`${one.path}/input`, { text: "two" });
  writeFileSync(gate, "");
  await one.reaches("error");
  await daemon.api().post(`${one.path}/resume`);
  await one.reaches("idle");
  const inputs = list((await daemon.api().get(`${one.path}/inputs`))["inputs"]);
  expect(inputs.map((each) => `${each["origin"]} ${each["state"]}`)).toEqual(["user ended", "user ended"]);
});

test("a limit of one model holds for its agents alone, who go on after it, and nobody else waits", async () => {
  const opus = { model: "opus" };
  const working = await make(script({ gate: join(daemon.dir, "gate") }, { say: "other" }), { model: "sonnet" });
  await working.reaches("processing");
  reachLimit("opus");
  const waiting = [await make("one", opus), await make("two", opus)];
  for (const each of waiting)
    expect(await each.reaches("limited")).toMatchObject({
      limit: { scope: "seven_day_opus", class: "limit" },
    } as never);
  // Neither who has another model, nor who has the program's own choice.
  for (const each of [await make("three", { model: "sonnet" }), await make("four")]) await each.reaches("idle");
  writeFileSync(join(daemon.dir, "gate"), "");
  await working.reaches("idle");
  for (const each of waiting) await each.reaches("limited");
  // The account is not at work again for the answers of the others.
  const [account] = list((await daemon.api().get("/accounts"))["accounts"]);
  expect(account?.["limits"]).toMatchObject([{ scope: "seven_day_opus" }] as never);
  expect(told("agent_limited", "agent_resumed")).toEqual(["/all agent_limited"]);

  liftLimit();
  await daemon.api().post(`/accounts/${encodeURIComponent("claude-code:work")}/retry`);
  for (const each of waiting) await each.reaches("idle");
  for (const each of waiting) {
    const turns = list((await daemon.api().get(`${each.path}/turns`))["turns"]);
    expect(turns.map((turn) => String(turn["outcome"]))).toEqual(["completed"]);
  }
  await eventually("all to be told", () => told("agent_completed").length === 5);
  expect(told("agent_limited", "agent_resumed")).toEqual(["/all agent_limited", "/all agent_resumed"]);
});

test("a check runs while the account is at its limit, and what it feeds back waits for that", async () => {
  const gate = join(daemon.dir, "gate");
  const wait = `while [ ! -e ${gate} ]; do sleep 0.02; done`;
  const [green, red] = [
    await make("green", { verify: { command: wait } }),
    await make("red", { verify: { command: `${wait}; [ -e ${gate}-2 ]`, attempts: 1 } }),
  ];
  for (const each of [green, red])
    await eventually("its check", async () => {
      const { agent } = await daemon.api().get(each.path);
      return String(agent?.["cause"]?.["detail"]) === "verifying";
    });
  reachLimit();
  await (await make("met it")).reaches("limited");
  writeFileSync(gate, "");
  expect(await green.reaches("idle")).toMatchObject({
    turn: { outcome: "completed", verify: { passed: true } },
  } as never);
  await red.reaches("limited");
  const inputs = list((await daemon.api().get(`${red.path}/inputs`))["inputs"]);
  expect(inputs.map((each) => `${each["origin"]} ${each["state"]}`)).toEqual(["user ended", "verify queued"]);
  liftLimit();
  writeFileSync(`${gate}-2`, "");
  await daemon.api().post(`${red.path}/limit/skip`);
  await red.reaches("idle");
  const turns = list((await daemon.api().get(`${red.path}/turns`))["turns"]);
  expect(turns.map((each) => String(each["outcome"]))).toEqual(["failed", "completed"]);
});

test("onLimit fail, of the agent or else of its project: it fails at once, and nobody is told of a wait", async () => {
  await daemon.api().post("/projects", { name: "impatient", cwd: daemon.cwd, defaults: { onLimit: "fail" } });
  reachLimit();
  const failing = [await make("one", { onLimit: "fail" }), await make("two", {}, "impatient")];
  for (const each of failing)
    expect(await each.reaches("error")).toMatchObject({ turn: { error: { code: "USAGE_LIMIT" } } } as never);
  await (await make("three", { onLimit: "park" }, "impatient")).reaches("limited");
  await eventually("all to be told", () => told("agent_error").length === 2);
  expect(told("agent_limited")).toEqual(["/all agent_limited"]);
});
