/** The API of the compiled daemon as its users call it: every route, its pages, its patches, its replays over a restart. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Answer, Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(40_000);

let box: Box;
let api: Api;

beforeAll(async () => {
  box = await makeBox({
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      sh: { kind: "command", command: [process.execPath, join(FAKES, "command.ts")] },
      off: { kind: "command", command: ["/bin/true"], enabled: false },
    },
    limits: { maxAgents: 12 },
  });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(() => box.close());

const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const strings = (items: readonly Json[], key: string): string[] => items.map((each) => String(each[key]));
/** JSON as plain values, for matching. */
const plain = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;
const script = (...steps: unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;
const gateAt = (name: string): { path: string; open(): void } => {
  const path = join(box.dir, `gate-${name}`);
  return { path, open: () => writeFileSync(path, "") };
};

async function make(name: string, task?: string, more: Record<string, unknown> = {}): Promise<string> {
  await api.post("/projects/p/agents", { provider: "claude-code", name, ...(task === undefined ? {} : { task }), ...more });
  return `/projects/p/agents/${name}`;
}
const idle = (path: string): Promise<Json> => api.get(`${path}/wait?until=idle`);
const remove = async (...paths: string[]): Promise<void> => {
  for (const path of paths) expect((await api.call("DELETE", path)).status).toBe(204);
};

describe("projects", () => {
  test("are made, looked at, changed by merge patch, and forgotten", async () => {
    symlinkSync(box.cwd, join(box.dir, "link"));
    const made = await api.call("POST", "/projects", {
      name: "patched", cwd: join(box.dir, "link"), trusted: true,
      webhook: { url: "http://127.0.0.1:1/h?key=k", token: "t", events: ["agent_error"] }, defaults: { provider: "sh", model: "m" },
    });
    const view = {
      name: "patched", cwd: realpathSync(box.cwd), trusted: true, webhook: { url: "http://127.0.0.1:1/h?…", hasToken: true, events: ["agent_error"] },
      defaults: { provider: "sh", model: "m" },
    };
    expect([made.status, made.body["project"]]).toEqual([201, { ...view, createdAt: made.body["project"]?.["createdAt"] } as never]);
    const patch = async (body: unknown) => plain((await api.call("PATCH", "/projects/patched", body)).body["project"]);
    expect(await patch({})).toMatchObject(view);
    expect(await patch({ defaults: { model: null, permissions: "deny" } })).toMatchObject({ defaults: { provider: "sh", permissions: "deny" } });
    expect(await patch({ defaults: null, webhook: null, trusted: null })).toMatchObject({ defaults: {}, webhook: null, trusted: false });
    mkdirSync(join(box.dir, "elsewhere"));
    expect(await patch({ cwd: join(box.dir, "elsewhere") })).toMatchObject({ cwd: join(box.dir, "elsewhere") });
    const merged = await api.call("PATCH", "/projects/patched", '{"trusted":true}', { "content-type": "application/merge-patch+json" });
    expect(plain(merged.body["project"])).toMatchObject({ trusted: true });
    expect(plain((await api.get("/projects/patched"))["project"])).toMatchObject({ trusted: true, defaults: {} });
    expect(strings(list((await api.get("/projects"))["projects"]), "name")).toEqual(["p", "patched"]);
    await remove("/projects/patched");
    expect((await api.call("GET", "/projects/patched")).status).toBe(404);
    const told = (await storedEvents(api, "/projects/patched")).map((each) => String(each["type"])).filter((type) => type !== "project_updated");
    expect(told).toEqual([]);
  });

  test("DELETE with force ends busy agents with their processes", async () => {
    const gate = gateAt("force");
    await api.post("/projects", { name: "forced", cwd: box.cwd });
    const { agent } = await api.post("/projects/forced/agents", { provider: "claude-code", task: script({ mark: `${gate.path}-on` }, { gate: gate.path }) });
    await eventually("the turn to run", () => existsSync(`${gate.path}-on`));
    expect((await api.call("DELETE", "/projects/forced")).body["error"]).toBe("PROJECT_BUSY" as never);
    expect((await api.call("DELETE", "/projects/forced?force=0")).status).toBe(409);
    const before = box.agentProcesses().length;
    expect(before).toBeGreaterThan(0);
    await remove("/projects/forced?force=1");
    expect(box.agentProcesses()).toEqual([]);
    expect(list((await api.get("/agents"))["agents"]).some((each) => String(each["id"]) === String(agent?.["id"]))).toBe(false);
    expect(existsSync(join(box.stateDir, "agents", String(agent?.["id"])))).toBe(false);
  });
});

describe("agents", () => {
  test("are listed in pages without gaps or repeats, also while more are made, and by status, provider and project", async () => {
    const paths: string[] = [];
    for (let i = 0; i < 7; i++) paths.push(await make(`page-${i}`, undefined, i % 2 === 0 ? {} : { provider: "sh" }));
    const seen: string[] = [];
    let query = "limit=3";
    for (let page = 0; ; page++) {
      const { agents, next } = await api.get(`/agents?project=p&${query}`);
      seen.push(...strings(list(agents), "name"));
      if (page === 0) paths.push(await make("page-late"));
      if ((next as unknown) === null) break;
      query = `limit=3&after=${next}`;
    }
    // Those of one millisecond are in the order of their ids, which are random.
    expect(seen.sort()).toEqual([...Array.from({ length: 7 }, (_, i) => `page-${i}`), "page-late"]);
    expect(strings(list((await api.get("/projects/p/agents?provider=sh"))["agents"]), "name").sort()).toEqual(["page-1", "page-3", "page-5"]);
    expect(list((await api.get("/agents?status=processing,error"))["agents"])).toEqual([]);
    expect(list((await api.get("/agents?status=idle,idle"))["agents"])).toHaveLength(8);
    await remove(...paths);
  });

  test("are found by id and by name; an exact id wins", async () => {
    const path = await make("named", "hello");
    const { agent } = await api.get(path);
    expect((await api.get(`/projects/p/agents/${agent?.["id"]}`))["agent"]?.["name"]).toBe("named" as never);
    await api.call("PATCH", path, { name: "renamed" });
    expect((await api.call("GET", path)).status).toBe(404);
    expect((await api.get("/projects/p/agents/renamed"))["agent"]?.["id"]).toBe(agent?.["id"] as never);
    await api.call("PATCH", "/projects/p/agents/renamed", { name: null });
    expect((await api.call("GET", "/projects/p/agents/renamed")).status).toBe(404);
    await remove(`/projects/p/agents/${agent?.["id"]}`);
  });

  test("PATCH merges: what is named is changed, null takes away, the rest stays", async () => {
    const path = await make("patchy", undefined, { metadata: { a: "1", b: "2" }, model: "m1", env: { B: "x", A: "y" }, systemPrompt: "be brief" });
    const patch = async (body: unknown) => plain((await api.call("PATCH", path, body)).body["agent"]);
    expect(plain((await api.get(path))["agent"])).toMatchObject({ metadata: { a: "1", b: "2" }, model: "m1", permissions: null, env: ["A", "B"], systemPrompt: "be brief" });
    expect((await patch({ metadata: { a: null, c: "3" } }))["metadata"]).toEqual({ b: "2", c: "3" });
    expect(await patch({ model: null, permissions: "deny" })).toMatchObject({ model: null, permissions: "deny", metadata: { b: "2", c: "3" } });
    expect(await patch({ webhook: { url: "http://localhost:1/x", token: "t" } })).toMatchObject({ webhook: { url: "http://localhost:1/x", hasToken: true } });
    expect(await patch({ webhook: null, metadata: null, permissions: null })).toMatchObject({ webhook: null, metadata: {}, permissions: null });
    await remove(path);
  });

  test("take their provider from the project's defaults, and are counted against limits.maxAgents", async () => {
    await api.post("/projects", { name: "defaulted", cwd: box.cwd, defaults: { provider: "sh" } });
    const { agent } = await api.post("/projects/defaulted/agents", { task: "hi" });
    expect(String(agent?.["provider"])).toBe("sh");
    const paths: string[] = [];
    for (let i = 0; i < 11; i++) paths.push(await make(`many-${i}`));
    const over = await api.call("POST", "/projects/p/agents", { provider: "sh", name: "over" });
    expect([over.status, String(over.body["error"])]).toEqual([429, "TOO_MANY_AGENTS"]);
    await remove(...paths, "/projects/defaulted?force=1");
  });
});

describe("what was said", () => {
  test("messages come in pages, forwards and backwards, and by role", async () => {
    const path = await make("talker", script(...Array.from({ length: 6 }, (_, i) => ({ say: `m${i}` })), { tool: "Bash", input: { command: "ls" }, result: "files" }, { say: "end" }));
    await idle(path);
    const get = async (query: string): Promise<Json[]> => list((await api.get(`${path}/messages?${query}`))["messages"]);
    const all = await get("after=0&limit=1000");
    const ids = all.map((each) => Number(each["id"]));
    expect(ids).toEqual([...ids].sort((a, b) => a - b));
    const forwards: Json[] = [];
    for (let after = 0; ; after = Number(forwards.at(-1)?.["id"])) {
      const page = await get(`after=${after}&limit=2`);
      forwards.push(...page);
      if (page.length < 2) break;
    }
    const backwards: Json[] = [];
    for (let before = Number.MAX_SAFE_INTEGER; ; before = Number(backwards[0]?.["id"])) {
      const page = await get(`before=${before}&limit=3`);
      backwards.unshift(...page);
      if (page.length < 3) break;
    }
    expect(forwards).toEqual(all);
    expect(backwards).toEqual(all);
    expect(await get("limit=2")).toEqual(all.slice(-2));
    expect(await get(`after=${ids[1]}&before=${ids[4]}`)).toEqual(all.slice(2, 4));
    expect(strings(await get("role=tool"), "text")).toEqual(["files"]);
    expect(strings(await get("role=user"), "role")).toEqual(["user"]);
    expect(await get(`after=${ids.at(-1)}`)).toEqual([]);
    expect(String((await api.get(`${path}/messages/last`))["message"]?.["text"])).toBe("end");
    await remove(path);
  });

  test("the last message is null before the first; output and debug show the raw process", async () => {
    const path = await make("debugged");
    expect((await api.get(`${path}/messages/last`))["message"]).toBeNull();
    expect(await (await fetch(`${api.url}/api/v1${path}/output`)).text()).toBe("");
    expect(plain(await api.get(`${path}/debug`))).toMatchObject({ process: null, run: null });
    await api.post(`${path}/input`, { text: "hello" });
    await idle(path);
    const output = await fetch(`${api.url}/api/v1${path}/output`);
    expect([output.headers.get("content-type"), output.headers.get("x-content-type-options")]).toEqual(["application/octet-stream", "nosniff"]);
    const text = await output.text();
    expect(text).toContain("echo: hello");
    expect(await (await fetch(`${api.url}/api/v1${path}/output?tail=10`)).text()).toBe(text.slice(-10));
    expect((await fetch(`${api.url}/api/v1${path}/output?stream=stderr`)).status).toBe(200);
    const debug = await api.get(`${path}/debug`);
    const [pid] = box.agentProcesses();
    expect(plain(debug)).toMatchObject({ status: "idle", run: { n: 1 }, counters: { skippedLines: 0 }, ready: true, files: { stdoutBytes: text.length } });
    expect(box.agentProcesses()).toContain(Number(debug["process"]?.["pid"]));
    expect(Number(debug["process"]?.["rssBytes"])).toBeGreaterThan(1_000_000);
    expect(Number(debug["counters"]?.["frames"])).toBeGreaterThan(2);
    expect(Number(debug["offset"])).toBe(text.length);
    expect(list(debug["lastFrames"]).length).toBeGreaterThan(0);
    expect(pid).toBeGreaterThan(0);
    await remove(path);
  });
});

describe("inputs", () => {
  test("are numbered, paged, taken back before delivery, and told apart by state", async () => {
    const gate = gateAt("inputs");
    const path = await make("queued", script({ gate: gate.path }, { say: "first" }));
    for (const text of ["second", "third", "fourth"]) expect(plain((await api.post(`${path}/input`, { text }))["input"])).toMatchObject({ text, state: "queued" });
    expect((await api.get(path))["agent"]?.["queuedInputs"]).toBe(3 as never);
    expect((await api.call("DELETE", `${path}/inputs/3`)).status).toBe(204);
    expect((await api.call("DELETE", `${path}/inputs/3`)).status).toBe(204);
    expect(list((await api.get(`${path}/inputs?after=1&limit=2`))["inputs"]).map((each) => [Number(each["n"]), String(each["state"])])).toEqual([[2, "queued"], [3, "cancelled"]]);
    gate.open();
    await idle(path);
    expect(strings(list((await api.get(`${path}/inputs`))["inputs"]), "state")).toEqual(["ended", "ended", "cancelled", "ended"]);
    expect(strings(list((await api.get(`${path}/messages?role=assistant`))["messages"]), "text")).toEqual(["first", "echo: second", "echo: fourth"]);
    await remove(path);
  });

  test("a held queue is shown, and goes on after release", async () => {
    const path = await make("held", script({ mark: join(box.dir, "held-on") }, { gate: join(box.dir, "never") }));
    await eventually("the turn to run", () => existsSync(join(box.dir, "held-on")));
    await api.post(`${path}/input`, { text: "later" });
    expect(plain(await api.post(`${path}/abort`, { keepQueued: true }))).toMatchObject({ aborted: true, agent: { status: "idle", held: true, queuedInputs: 1 } });
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
    const sent = await api.call("POST", "/projects/p/agents/once/input", '{"text":"again"}', { "idempotency-key": "input-1" });
    await idle("/projects/p/agents/once");
    const replays = async (): Promise<Answer[]> => [
      await api.call("POST", "/projects/p/agents", body, key),
      await api.call("POST", "/projects/p/agents/once/input", '{"text":"again"}', { "idempotency-key": "input-1" }),
    ];
    const check = (answers: readonly Answer[]): void => {
      expect(answers.map(({ status, headers }) => [status, headers.get("idempotency-replayed")])).toEqual([[201, "true"], [202, "true"]]);
      expect(answers.map(({ body }) => body)).toEqual([made.body, sent.body]);
    };
    expect([made.headers.get("idempotency-replayed"), sent.headers.get("idempotency-replayed")]).toEqual([null, null]);
    check(await replays());
    await box.kill("SIGKILL");
    api = await box.start();
    check(await replays());
    // The same key means another thing on another path.
    const elsewhere = await make("twice");
    expect((await api.call("POST", `${elsewhere}/input`, '{"text":"again"}', { "idempotency-key": "input-1" })).headers.get("idempotency-replayed")).toBeNull();
    await idle(elsewhere);
    expect(list((await api.get("/agents?project=p"))["agents"])).toHaveLength(2);
    expect(list((await api.get("/projects/p/agents/once/inputs"))["inputs"])).toHaveLength(2);
    await remove("/projects/p/agents/once", elsewhere);
  });

  test("twenty callers at once with one key make one agent", async () => {
    const body = JSON.stringify({ provider: "sh", task: "hello" });
    const answers = await Promise.all(Array.from({ length: 20 }, () => api.call("POST", "/projects/p/agents", body, { "idempotency-key": "race" })));
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
    expect(plain(await api.get(`${path}/wait?until=processing`))).toMatchObject({ reached: true, agent: { status: "processing" } });
    const startedAt = performance.now();
    expect(plain(await api.get(`${path}/wait?timeout=0`))).toMatchObject({ reached: false });
    expect(plain(await api.get(`${path}/wait?until=error&timeout=1`))).toMatchObject({ reached: false, agent: { status: "processing" } });
    expect(performance.now() - startedAt).toBeWithin(900, 5000);
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
  expect(box.agentProcesses()).toEqual([]);
  expect(plain(await api.post(`${path}/resume`))).toMatchObject({ agent: { status: "idle", process: "running" } });
  await api.post(`${path}/input`, { text: "two" });
  await idle(path);
  expect(strings(list((await api.get(`${path}/messages?role=assistant`))["messages"]), "text")).toEqual(["echo: one", "echo: two"]);
  await remove(path);
});

test("providers: every one with its state and the reason why it cannot be used", async () => {
  const { providers } = await api.get("/providers");
  const byName = Object.fromEntries(list(providers).map((each) => [String(each["name"]), plain(each)]));
  expect(Object.keys(byName).sort()).toEqual(["claude-code", "codex", "off", "opencode", "pi", "sh"]);
  expect(byName["claude-code"]).toMatchObject({ kind: "claude-code", available: true, path: process.execPath });
  expect(byName["sh"]).toMatchObject({ kind: "command", available: true });
  expect(byName["off"]).toMatchObject({ available: false });
  expect(String(byName["off"]?.["reason"])).toContain("switched off");
});

test("without a configured webhook there is nothing to test, and no deliveries", async () => {
  const answer = await api.call("POST", "/webhook/test");
  expect([answer.status, String(answer.body["error"])]).toEqual([409, "NO_WEBHOOK"]);
  expect(plain(await api.get("/deliveries"))).toEqual({ deliveries: [], next: null });
});
