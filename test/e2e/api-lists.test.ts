/**
 * What an overview asks of the compiled daemon: lists over all agents, their pages, and the stream that goes on from
 * them.
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { openStream, take } from "../support/sse.ts";

setDefaultTimeout(40_000);

let box: Box;
let api: Api;

beforeAll(async () => {
  box = await makeBox({
    webhook: { url: "http://127.0.0.1:1/nobody" },
    providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } },
  });
  api = await box.start();
  for (const name of ["p", "q"]) await api.post("/projects", { name, cwd: box.cwd });
});
afterAll(() => box.close());

const JSON_ONLY = { accept: "application/json" };
const list = (value: Json | undefined): Json[] => [...(value ?? [])];
const plain = (value: unknown): Record<string, unknown> => value as Record<string, unknown>;
const script = (...steps: unknown[]): string => `SCRIPT ${JSON.stringify(steps)}`;

async function make(project: string, name: string, task: string, until = "idle,error"): Promise<string> {
  await api.post(`/projects/${project}/agents`, { provider: "claude-code", name, task });
  const path = `/projects/${project}/agents/${name}`;
  expect(plain(await api.get(`${path}/wait?until=${until}`))).toMatchObject({ reached: true });
  return path;
}
const idOf = async (path: string): Promise<string> => String((await api.get(path))["agent"]?.["id"]);
const remove = async (...paths: string[]): Promise<void> => {
  for (const path of paths) expect((await api.call("DELETE", path)).status).toBe(204);
};
const events = async (path: string, query = ""): Promise<Json> => {
  const answer = await api.call("GET", `${path}/events${query}`, undefined, JSON_ONLY);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "application/json;charset=utf-8"]);
  return answer.body;
};
const ids = (page: Json): number[] => list(page["events"]).map((each) => Number(each["id"]));

describe("permissions over all agents", () => {
  test("are listed oldest first with their agent, in pages, and an answer takes one out of what waits", async () => {
    const ask = (what: string): string => script({ ask: "Bash", input: { command: what } }, { say: "done" });
    const paths = [
      await make("p", "first", ask("one"), "waiting_input"),
      await make("q", "second", ask("two"), "waiting_input"),
      await make("p", "third", ask("three"), "waiting_input"),
    ];
    const waiting = await api.call("GET", "/permissions?state=pending");
    const shown = list(waiting.body["permissions"]).map(plain);
    expect(shown.map(({ project, name, tool, id, agent }) => [project, name, tool, id, agent])).toEqual([
      ["p", "first", "Bash", "p1", await idOf(paths[0] ?? "")],
      ["q", "second", "Bash", "p1", await idOf(paths[1] ?? "")],
      ["p", "third", "Bash", "p1", await idOf(paths[2] ?? "")],
    ]);
    expect(JSON.stringify(shown[0]?.["detail"])).toContain("one");
    expect(Number(waiting.headers.get("x-event-cursor"))).toBeGreaterThan(0);

    const first = await api.get("/permissions?limit=2");
    const rest = await api.get(`/permissions?limit=2&after=${first["next"]}`);
    expect([...list(first["permissions"]), ...list(rest["permissions"])].map(({ name }) => String(name))).toEqual([
      "first",
      "second",
      "third",
    ]);
    expect(rest["next"]).toBeNull();

    await api.post(`${paths[1]}/permissions/p1`, { decision: "allow" });
    const left = await api.get("/permissions?state=pending");
    expect(list(left["permissions"]).map(({ name }) => String(name))).toEqual(["first", "third"]);
    expect(list((await api.get("/permissions?state=allowed"))["permissions"])).toHaveLength(1);
    await remove(...paths);
    expect(plain(await api.get("/permissions"))).toEqual({ permissions: [], next: null });
  });

  test("an answer to another request than the one that was shown is refused, and changes nothing", async () => {
    const ask = { ask: "Bash", input: { command: "rm -r build" } };
    const path = await make("p", "careful", script(ask, { ...ask, input: { command: "ls" } }), "waiting_input");
    const shown = async (): Promise<Json[]> => list((await api.get(`${path}/permissions`))["permissions"]);
    const [first] = await shown();
    const wrong = await api.call("POST", `${path}/permissions/p1`, { decision: "allow", expect: "0".repeat(64) });
    expect([wrong.status, String(wrong.body["error"])]).toEqual([409, "PERMISSION_CHANGED"]);
    expect((await shown()).map(({ state }) => String(state))).toEqual(["pending"]);
    const right = { decision: "allow", expect: String(first?.["hash"]) };
    expect((await api.call("POST", `${path}/permissions/p1`, right)).status).toBe(200);
    // The same again is fine, its hash still holds.
    expect((await api.call("POST", `${path}/permissions/p1`, right)).status).toBe(200);
    await api.get(`${path}/wait?until=waiting_input`);
    const other = (await shown()).at(-1);
    expect(other?.["hash"]).not.toBe(first?.["hash"]);
    expect((await api.call("POST", `${path}/permissions/p2`, right)).status).toBe(409);
    await remove(path);
  });
});

describe("events as pages", () => {
  test("forwards and backwards they are the same as the stream's, each with what is kept and whether there is more", async () => {
    const path = await make("p", "pages", script({ say: "a" }, { say: "b" }, { say: "c" }));
    const all = ids(await events(path, "?after=0&limit=1000"));
    expect(all.length).toBeGreaterThan(6);
    const forwards: number[] = [];
    for (let more = true; more;) {
      const page = await events(path, `?after=${forwards.at(-1) ?? 0}&limit=4`);
      forwards.push(...ids(page));
      more = plain(page)["more"] === true;
    }
    const backwards: number[] = [];
    for (let more = true; more;) {
      const page = await events(path, `?limit=4${backwards[0] === undefined ? "" : `&before=${backwards[0]}`}`);
      backwards.unshift(...ids(page));
      more = plain(page)["more"] === true;
    }
    expect([forwards, backwards]).toEqual([all, all]);
    const [one] = all;
    expect(plain(await events("", `?after=${all.at(-1)}`))).toMatchObject({ more: false, newest: expect.any(Number) });
    expect(ids(await events(path, `?before=${one}`))).toEqual([]);
    const stream = await openStream(api, `${path}/events?since=0`);
    const streamed = await take(stream, all.length, ({ id }) => id !== null);
    stream.close();
    expect(streamed.map(({ id }) => id)).toEqual(all);
    expect(list((await events(path, "?after=0"))["events"]) as unknown).toEqual(streamed.map(({ data }) => data));
    const types = list((await events("/projects/p", "?types=message"))["events"]).map(({ type }) => String(type));
    expect(new Set(types)).toEqual(new Set(["message"]));
    await remove(path);
  });

  test("what belongs to the other form is refused with the way there", async () => {
    for (const [query, headers, path] of [
      ["?since=1", JSON_ONLY, "since"],
      ["?after=1", { accept: "text/event-stream" }, "after"],
      ["?limit=1", {}, "limit"],
    ] as const) {
      const answer = await api.call("GET", `/events${query}`, undefined, headers);
      expect([answer.status, answer.body["issues"] as unknown]).toMatchObject([400, [{ path }]]);
    }
  });
});

test("a stream since the cursor of a list brings everything behind it, once", async () => {
  const path = await make("p", "cursor", "hello");
  for (const at of ["/agents", "/projects/p/agents", "/permissions", `${path}/messages`, `${path}/turns`]) {
    const cursor = (await api.call("GET", at)).headers.get("x-event-cursor");
    await api.call("PATCH", path, { metadata: { at } });
    const stream = await openStream(api, `/events?since=${cursor}`);
    const [first] = await take(stream, 1, ({ id }) => id !== null);
    stream.close();
    expect([at, first?.id, first?.event]).toEqual([at, Number(cursor) + 1, "agent_updated"]);
  }
  await remove(path);
});

test("?whole= brings of one agent everything, its streamed text too, and of the others what was asked for", async () => {
  const path = await make("p", "whole", "hello");
  const other = await make("q", "other", "hello");
  const [id, otherId] = [await idOf(path), await idOf(other)];
  const stream = await openStream(api, `/events?types=turn_ended&whole=${id}`);
  const got = take(stream, 1000, ({ event, data }) => {
    if (event === "turn_ended" && String(data["agent"]) === id) stream.close();
    return true;
  });
  await api.post(`${other}/input`, { text: script({ say: "unheard", chunks: 4 }) });
  await api.get(`${other}/wait?until=idle`);
  await api.post(`${path}/input`, { text: script({ say: "streamed in pieces", chunks: 4 }) });
  const seen = await got;
  expect(seen.filter(({ data }) => String(data["agent"]) === otherId).map(({ event }) => event)).toEqual([
    "turn_ended",
  ]);
  const own = seen.filter(({ data }) => String(data["agent"]) === id);
  // What it does is told at most once a second, so maybe only later.
  const kinds = new Set(own.map(({ event }) => event).filter((event) => event !== "activity"));
  expect(kinds).toEqual(new Set(["input", "agent_status", "turn_started", "delta", "message", "turn_ended"]));
  // What was streamed names the message that replaces it.
  const deltas = own.filter(({ event }) => event === "delta").map(({ data }) => data);
  const said = own.find(
    ({ event, data }) => event === "message" && String(data["data"]?.["message"]?.["role"]) === "assistant",
  );
  expect(new Set(deltas.map(({ key }) => String(key)))).toEqual(
    new Set([String(said?.data["data"]?.["message"]?.["key"])]),
  );
  expect(new Set(deltas.map(({ kind }) => String(kind)))).toEqual(new Set(["text"]));
  expect(deltas.map(({ text }) => String(text)).join("")).toBe("streamed in pieces");
  await remove(path, other);
});

test("an agent shows in a line what it does, live and in the list, and its last words after a restart", async () => {
  const gate = join(box.dir, "activity");
  const stream = await openStream(api, "/events?types=activity");
  const path = await make(
    "p",
    "busy",
    script({ tool: "Bash", input: { command: "bun test" }, gate }, { say: "All 7 pass.\nMore." }),
    "processing",
  );
  const [told] = await take(stream, 1, ({ data }) => String(data["activity"]?.["kind"]) === "tool");
  expect([told?.id, told?.event, told?.data["agent"] as unknown]).toEqual([null, "activity", await idOf(path)]);
  expect(plain(told?.data["activity"])).toMatchObject({ kind: "tool", text: "Bash: bun test" });
  const listed = async () => plain(list((await api.get("/agents?name=busy"))["agents"])[0]?.["activity"]);
  expect(await listed()).toMatchObject({ kind: "tool", text: "Bash: bun test", at: expect.any(String) });
  stream.close();
  await Bun.write(gate, "");
  await api.get(`${path}/wait?until=idle`);
  expect(await listed()).toMatchObject({ kind: "answer", text: "All 7 pass." });
  await box.kill("SIGKILL");
  api = await box.start();
  expect(await listed()).toMatchObject({ kind: "answer", text: "All 7 pass." });
  await remove(path);
});

test("turns are numbered, name their input, and come in pages from the newest", async () => {
  const path = await make("p", "turner", "one");
  await api.post(`${path}/input`, { text: script({ fail: "overloaded", message: "too much" }) });
  await api.get(`${path}/wait?until=error`);
  await api.post(`${path}/input`, { text: "three" });
  await api.get(`${path}/wait?until=idle`);
  const { turns, more } = await api.get(`${path}/turns`);
  expect(list(turns).map(plain)).toMatchObject([
    { n: 1, input: 1, origin: "input", outcome: "completed" },
    { n: 2, input: 2, outcome: "failed", error: { code: "overloaded" } },
    { n: 3, input: 3, outcome: "completed" },
  ]);
  expect(more as unknown).toBe(false);
  const newest = await api.get(`${path}/turns?limit=2`);
  expect([list(newest["turns"]).map(({ n }) => Number(n)), newest["more"] as unknown]).toEqual([[2, 3], true]);
  const older = await api.get(`${path}/turns?limit=2&before=2`);
  expect([list(older["turns"]).map(({ n }) => Number(n)), older["more"] as unknown]).toEqual([[1], false]);
  await remove(path);
});

test("long messages are shown cut, and one is fetched whole", async () => {
  const long = "0123456789".repeat(20_000);
  const path = await make("p", "long", script({ tool: "Bash", input: { command: long }, result: long }, { say: long }));
  const clipped = await api.call("GET", `${path}/messages?clip=10&role=tool`);
  const [result] = list(clipped.body["messages"]);
  expect(plain(result)).toMatchObject({ text: "0123456789", bytes: long.length });
  expect(plain(list(result?.["parts"])[0])).toMatchObject({
    type: "tool_result",
    text: "0123456789",
    bytes: long.length,
  });
  const whole = await api.get(`${path}/messages/${result?.["id"]}`);
  expect(String(whole["message"]?.["text"])).toBe(long);
  expect(plain((await api.get(`${path}/messages/last?clip=10`))["message"])).toMatchObject({ text: "0123456789" });
  expect(String((await api.get(`${path}/messages/last`))["message"]?.["text"])).toBe(long);
  expect((await api.call("GET", `${path}/messages/999999`)).body["error"]).toBe("MESSAGE_NOT_FOUND" as never);

  // A stream names what is too large, and shows it when it may cut it.
  const last = async (query: string): Promise<Record<string, unknown>> => {
    const said = list((await events(path, `?types=message${query}`))["events"]);
    return plain(said.at(-1)?.["data"]?.["message"]);
  };
  expect(await last("")).toMatchObject({ omitted: true });
  expect(await last("&clip=10")).toMatchObject({ text: "0123456789", bytes: long.length });
  await remove(path);
});

test("agents are found by name over all projects, deliveries by project and agent", async () => {
  const paths = [await make("p", "same", "hello"), await make("q", "same", "hello"), await make("q", "else", "hello")];
  const found = list((await api.get("/agents?name=same"))["agents"]);
  expect(found.map(({ project }) => String(project)).sort()).toEqual(["p", "q"]);
  const told = async (query: string): Promise<string[]> =>
    list((await api.get(`/deliveries?${query}`))["deliveries"]).map(({ agentId }) => String(agentId));
  const [p, q, other] = [await idOf(paths[0] ?? ""), await idOf(paths[1] ?? ""), await idOf(paths[2] ?? "")];
  expect(await told(`agent=${p}`)).toEqual([p]);
  expect((await told("project=q")).slice(0, 2).sort()).toEqual([q, other].sort());
  expect(await told(`project=q&agent=${p}`)).toEqual([]);
  await remove(...paths);
});

test("the last hour is counted by minute and agent", async () => {
  const path = await make("p", "lively", "hello");
  const id = await idOf(path);
  const { minutes, agents } = await api.get("/activity?minutes=5");
  const counts = [...(agents?.[id] ?? [])].map((count) => count as unknown as number | null);
  expect([Number(minutes), counts.length]).toEqual([5, 5]);
  expect(counts.reduce<number>((sum, count) => sum + (count ?? 0), 0)).toBeGreaterThan(4);
  await remove(path);
  expect(plain((await api.get("/activity"))["agents"])[id]).toBeUndefined();
});
