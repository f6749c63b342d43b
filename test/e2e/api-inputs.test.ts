/** Inputs, waits, and the end and return of a process, over the API of the compiled daemon. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Answer } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { api, box, gateAt, idle, list, make, open, plain, remove, script, strings, startAgain } from "./api.world.ts";

setDefaultTimeout(40_000);

beforeAll(open);
afterAll(() => box.close());

describe("inputs", () => {
  test("are numbered, paged, taken back before delivery, and told apart by state", async () => {
    const gate = gateAt("inputs");
    const path = await make("queued", script({ gate: gate.path }, { say: "first" }));
    for (const text of ["second", "third", "fourth"])
      expect(plain((await api.post(`${path}/input`, { text }))["input"])).toMatchObject({ text, state: "queued" });
    expect((await api.get(path))["agent"]?.["queuedInputs"]).toBe(3 as never);
    expect((await api.call("DELETE", `${path}/inputs/3`)).status).toBe(204);
    expect((await api.call("DELETE", `${path}/inputs/3`)).status).toBe(204);
    expect(
      list((await api.get(`${path}/inputs?after=1&limit=2`))["inputs"]).map((each) => [
        Number(each["n"]),
        String(each["state"]),
      ]),
    ).toEqual([
      [2, "queued"],
      [3, "cancelled"],
    ]);
    gate.open();
    await idle(path);
    expect(strings(list((await api.get(`${path}/inputs`))["inputs"]), "state")).toEqual([
      "ended",
      "ended",
      "cancelled",
      "ended",
    ]);
    expect(strings(list((await api.get(`${path}/messages?role=assistant`))["messages"]), "text")).toEqual([
      "first",
      "echo: second",
      "echo: fourth",
    ]);
    await remove(path);
  });

  test("a held queue is shown, and goes on after release", async () => {
    const path = await make("held", script({ mark: join(box.dir, "held-on") }, { gate: join(box.dir, "never") }));
    await eventually("the turn to run", () => existsSync(join(box.dir, "held-on")));
    await api.post(`${path}/input`, { text: "later" });
    expect(plain(await api.post(`${path}/abort`, { keepQueued: true }))).toMatchObject({
      aborted: true,
      agent: { status: "idle", held: true, queuedInputs: 1 },
    });
    expect(plain(await api.post(`${path}/inputs/release`))).toMatchObject({ held: false });
    await idle(path);
    expect(String((await api.get(`${path}/messages/last`))["message"]?.["text"])).toBe("echo: later");
    expect(plain(await api.post(`${path}/abort`))).toMatchObject({ aborted: false });
    await remove(path);
  });

  test("an Idempotency-Key gives the first answer again, also from the next daemon, and makes nothing twice", async () => {
    const key = { "idempotency-key": "agent-1" };
    const body = JSON.stringify({ provider: "claude-code", name: "once", task: "hello" });
    const made = await api.call("POST", "/projects/p/agents", body, key);
    await idle("/projects/p/agents/once");
    const sent = await api.call("POST", "/projects/p/agents/once/input", '{"text":"again"}', {
      "idempotency-key": "input-1",
    });
    await idle("/projects/p/agents/once");
    const replays = async (): Promise<Answer[]> => [
      await api.call("POST", "/projects/p/agents", body, key),
      await api.call("POST", "/projects/p/agents/once/input", '{"text":"again"}', { "idempotency-key": "input-1" }),
    ];
    const check = (answers: readonly Answer[]): void => {
      expect(answers.map(({ status, headers }) => [status, headers.get("idempotency-replayed")])).toEqual([
        [201, "true"],
        [202, "true"],
      ]);
      expect(answers.map(({ body }) => body)).toEqual([made.body, sent.body]);
    };
    expect([made.headers.get("idempotency-replayed"), sent.headers.get("idempotency-replayed")]).toEqual([null, null]);
    check(await replays());
    await box.kill("SIGKILL");
    await startAgain();
    check(await replays());
    // The same key means another thing on another path.
    const elsewhere = await make("twice");
    expect(
      (await api.call("POST", `${elsewhere}/input`, '{"text":"again"}', { "idempotency-key": "input-1" })).headers.get(
        "idempotency-replayed",
      ),
    ).toBeNull();
    await idle(elsewhere);
    expect(list((await api.get("/agents?project=p"))["agents"])).toHaveLength(2);
    expect(list((await api.get("/projects/p/agents/once/inputs"))["inputs"])).toHaveLength(2);
    await remove("/projects/p/agents/once", elsewhere);
  });

  test("twenty callers at once with one key make one agent", async () => {
    const body = JSON.stringify({ provider: "sh", task: "hello" });
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => api.call("POST", "/projects/p/agents", body, { "idempotency-key": "race" })),
    );
    expect(new Set(answers.map((each) => String(each.body["agent"]?.["id"]))).size).toBe(1);
    expect(answers.filter((each) => each.headers.get("idempotency-replayed") === null)).toHaveLength(1);
    await remove(`/projects/p/agents/${answers[0]?.body["agent"]?.["id"]}`);
  });
});

describe("wait", () => {
  test("answers at once, on a status, on a turn's end, and after its timeout", async () => {
    const gate = gateAt("wait");
    const path = await make("waited", script({ mark: `${gate.path}-on` }, { gate: gate.path }, { say: "done" }));
    await eventually("the turn to run", () => existsSync(`${gate.path}-on`));
    const turn = String((await api.get(path))["agent"]?.["turn"]?.["id"]);
    expect(plain(await api.get(`${path}/wait?until=processing`))).toMatchObject({
      reached: true,
      agent: { status: "processing" },
    });
    const startedAt = performance.now();
    expect(plain(await api.get(`${path}/wait?timeout=0`))).toMatchObject({ reached: false });
    expect(plain(await api.get(`${path}/wait?until=error&timeout=1`))).toMatchObject({
      reached: false,
      agent: { status: "processing" },
    });
    expect(performance.now() - startedAt).toBeWithin(900, 20_000);
    const both = Promise.all([api.get(`${path}/wait?turn=${turn}`), api.get(`${path}/wait`)]);
    gate.open();
    const [byTurn, byStatus] = await both;
    expect(plain(byTurn)).toMatchObject({ reached: true, turn: { id: turn, outcome: "completed" } });
    expect(plain(byStatus)).toMatchObject({ reached: true, agent: { status: "idle" } });
    expect(plain(await api.get(`${path}/wait?turn=${turn}`))).toMatchObject({ reached: true });
    await remove(path);
  });

  test("right after a 202 it never sees the status from before", async () => {
    const path = await make("quick", "zero");
    await idle(path);
    for (let i = 0; i < 30; i++) {
      await api.post(`${path}/input`, { text: `n${i}` });
      await idle(path);
      expect(String((await api.get(`${path}/messages/last`))["message"]?.["text"])).toBe(`echo: n${i}`);
    }
    await remove(path);
  });
});

test("stop ends the process and keeps the conversation, resume brings it back", async () => {
  const path = await make("stopped", "one");
  await idle(path);
  expect(plain(await api.post(`${path}/stop`))).toMatchObject({ agent: { status: "idle", process: "stopped" } });
  await eventually("no process of it to be left", () => box.agentProcesses().length === 0);
  expect(plain(await api.post(`${path}/resume`))).toMatchObject({ agent: { status: "idle", process: "running" } });
  await api.post(`${path}/input`, { text: "two" });
  await idle(path);
  expect(strings(list((await api.get(`${path}/messages?role=assistant`))["messages"]), "text")).toEqual([
    "echo: one",
    "echo: two",
  ]);
  await remove(path);
});
