/**
 * The API of the compiled daemon as its users call it: every route, its pages, its patches, its replays over a restart.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import { storedEvents } from "../support/events.ts";
import { api, box, gateAt, idle, list, make, open, plain, remove, script, strings } from "./api.world.ts";

setDefaultTimeout(40_000);

beforeAll(open);
afterAll(() => box.close());

describe("projects", () => {
  test("are made, looked at, changed by merge patch, and forgotten", async () => {
    symlinkSync(box.cwd, join(box.dir, "link"));
    const made = await api.call("POST", "/projects", {
      name: "patched",
      cwd: join(box.dir, "link"),
      trusted: true,
      webhook: { url: "http://127.0.0.1:1/h?key=k", token: "t", events: ["agent_error"] },
      defaults: { provider: "sh", model: "m" },
    });
    const view = {
      name: "patched",
      cwd: realpathSync(box.cwd),
      trusted: true,
      webhook: { url: "http://127.0.0.1:1/h?…", hasToken: true, events: ["agent_error"] },
      defaults: { provider: "sh", model: "m" },
      budgetPerDay: null,
    };
    expect([made.status, made.body["project"]]).toEqual([
      201,
      { ...view, createdAt: made.body["project"]?.["createdAt"] } as never,
    ]);
    const patch = async (body: unknown) => plain((await api.call("PATCH", "/projects/patched", body)).body["project"]);
    expect(await patch({})).toMatchObject(view);
    expect(await patch({ defaults: { model: null, permissions: "deny" } })).toMatchObject({
      defaults: { provider: "sh", permissions: "deny" },
    });
    expect(await patch({ defaults: null, webhook: null, trusted: null })).toMatchObject({
      defaults: {},
      webhook: null,
      trusted: false,
    });
    mkdirSync(join(box.dir, "elsewhere"));
    expect(await patch({ cwd: join(box.dir, "elsewhere") })).toMatchObject({ cwd: join(box.dir, "elsewhere") });
    const merged = await api.call("PATCH", "/projects/patched", '{"trusted":true}', {
      "content-type": "application/merge-patch+json",
    });
    expect(plain(merged.body["project"])).toMatchObject({ trusted: true });
    expect(plain((await api.get("/projects/patched"))["project"])).toMatchObject({ trusted: true, defaults: {} });
    expect(strings(list((await api.get("/projects"))["projects"]), "name")).toEqual(["p", "patched"]);
    const told = (await storedEvents(api, "/projects/patched")).map((each) => String(each["type"]));
    expect([told[0], [...new Set(told.slice(1))]]).toEqual(["project_created", ["project_updated"]]);
    await remove("/projects/patched");
    expect((await api.call("GET", "/projects/patched")).status).toBe(404);
  });

  test("DELETE with force ends busy agents with their processes", async () => {
    const gate = gateAt("force");
    await api.post("/projects", { name: "forced", cwd: box.cwd });
    const { agent } = await api.post("/projects/forced/agents", {
      provider: "claude-code",
      task: script({ mark: `${gate.path}-on` }, { gate: gate.path }),
    });
    await eventually("the turn to run", () => existsSync(`${gate.path}-on`));
    expect((await api.call("DELETE", "/projects/forced")).body["error"]).toBe("PROJECT_BUSY" as never);
    expect((await api.call("DELETE", "/projects/forced?force=0")).status).toBe(409);
    const before = box.agentProcesses().length;
    expect(before).toBeGreaterThan(0);
    await remove("/projects/forced?force=1");
    expect(box.agentProcesses()).toEqual([]);
    expect(
      list((await api.get("/agents"))["agents"]).some((each) => String(each["id"]) === String(agent?.["id"])),
    ).toBe(false);
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
    expect(strings(list((await api.get("/projects/p/agents?provider=sh"))["agents"]), "name").sort()).toEqual([
      "page-1",
      "page-3",
      "page-5",
    ]);
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
    const path = await make("patchy", undefined, {
      metadata: { a: "1", b: "2" },
      model: "m1",
      env: { B: "x", A: "y" },
      systemPrompt: "be brief",
    });
    const patch = async (body: unknown) => plain((await api.call("PATCH", path, body)).body["agent"]);
    expect(plain((await api.get(path))["agent"])).toMatchObject({
      metadata: { a: "1", b: "2" },
      model: "m1",
      permissions: null,
      env: ["A", "B"],
      systemPrompt: "be brief",
    });
    expect((await patch({ metadata: { a: null, c: "3" } }))["metadata"]).toEqual({ b: "2", c: "3" });
    expect(await patch({ model: null, permissions: "deny" })).toMatchObject({
      model: null,
      permissions: "deny",
      metadata: { b: "2", c: "3" },
    });
    expect(await patch({ webhook: { url: "http://localhost:1/x", token: "t" } })).toMatchObject({
      webhook: { url: "http://localhost:1/x", hasToken: true },
    });
    expect(await patch({ webhook: null, metadata: null, permissions: null })).toMatchObject({
      webhook: null,
      metadata: {},
      permissions: null,
    });
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
    const path = await make(
      "talker",
      script(
        ...Array.from({ length: 6 }, (_, i) => ({ say: `m${i}` })),
        { tool: "Bash", input: { command: "ls" }, result: "files" },
        { say: "end" },
      ),
    );
    await idle(path);
    const get = async (query: string): Promise<Json[]> =>
      list((await api.get(`${path}/messages?${query}`))["messages"]);
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
    expect([output.headers.get("content-type"), output.headers.get("x-content-type-options")]).toEqual([
      "application/octet-stream",
      "nosniff",
    ]);
    const text = await output.text();
    expect(text).toContain("echo: hello");
    expect(await (await fetch(`${api.url}/api/v1${path}/output?tail=10`)).text()).toBe(text.slice(-10));
    expect((await fetch(`${api.url}/api/v1${path}/output?stream=stderr`)).status).toBe(200);
    const debug = await api.get(`${path}/debug`);
    const [pid] = box.agentProcesses();
    expect(plain(debug)).toMatchObject({
      status: "idle",
      run: { n: 1 },
      counters: { skippedLines: 0 },
      ready: true,
      files: { stdoutBytes: text.length },
    });
    expect(box.agentProcesses()).toContain(Number(debug["process"]?.["pid"]));
    expect(Number(debug["process"]?.["rssBytes"])).toBeGreaterThan(1_000_000);
    expect(Number(debug["counters"]?.["frames"])).toBeGreaterThan(2);
    expect(Number(debug["offset"])).toBe(text.length);
    expect(list(debug["lastFrames"]).length).toBeGreaterThan(0);
    expect(pid).toBeGreaterThan(0);
    await remove(path);
  });
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
