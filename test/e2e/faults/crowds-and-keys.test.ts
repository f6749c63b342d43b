/**
 * Strangers and crowds do not stop accepted work: idle connections by the hundred at few descriptors, hostile bodies,
 * two who delete and make at once, a key that is used again for another agent. Looked for in every route that takes a
 * body or a key; the receiver has the same server and parser.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { Api } from "../../support/api.ts";
import { createApi, eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { BINARY, makeBox } from "../../support/binary.ts";
import { testDaemon } from "../../support/daemon.ts";
import type { TestDaemon } from "../../support/daemon.ts";

const PROVIDERS = { sh: { kind: "command", command: ["/bin/sh", "-c", "echo done"] } };
let daemon: TestDaemon;
let api: Api;
beforeAll(async () => {
  daemon = await testDaemon({ providers: PROVIDERS });
  api = daemon.api();
});
afterAll(() => daemon.close());

let projects = 0;
async function newProject(): Promise<string> {
  const name = `p${++projects}`;
  await api.post("/projects", { name, cwd: daemon.cwd });
  return name;
}

test("200 idle connections at 128 descriptors leave room for accepted work, and end by themselves", async () => {
  const box: Box = await makeBox({ providers: PROVIDERS });
  const child = Bun.spawn(
    ["/bin/sh", "-c", 'ulimit -n 128; exec "$@"', "sh", BINARY, "serve", "--config", box.configFile],
    {
      cwd: dirname(box.configFile),
      env: box.env,
      stdio: ["ignore", "pipe", "ignore"],
    },
  );
  const sockets: Socket[] = [];
  try {
    const first = await child.stdout.getReader().read();
    const url = /http:\/\/\S+/.exec(new TextDecoder().decode(first.value))?.[0] ?? "";
    const own = createApi(url);
    await own.post("/projects", { name: "p", cwd: box.cwd });
    let ended = 0;
    // A keep-alive connection of a client that was there before the crowd.
    await own.get("/health");
    for (let i = 0; i < 200; i++) {
      const socket = connect(Number(new URL(url).port), "127.0.0.1");
      socket.on("error", () => undefined);
      socket.on("close", () => ended++);
      sockets.push(socket);
    }
    const { agent } = await own.post("/projects/p/agents", { provider: "sh", task: "go" });
    const done = await own.get(`/projects/p/agents/${String(agent?.["id"])}/wait?timeout=20`);
    expect(done["agent"]?.["turn"] as unknown).toMatchObject({ outcome: "completed" });
    await eventually("the idle ones to be ended", () => ended === 200, 60_000);
    expect((await own.get("/health"))["status"] as unknown).toBe("ok");
  } finally {
    for (const socket of sockets) socket.destroy();
    child.kill("SIGKILL");
    await child.exited;
    await box.close();
  }
}, 100_000);

const MIB = 1024 * 1024;
const HOSTILE: readonly (readonly [string, string])[] = [
  ["unknown keys", `{${Array.from({ length: 450_000 }, (_, i) => `"k${i}":1`).join(",")}}`],
  ["brackets", "[".repeat(7 * MIB)],
  ["a deep object", `${'{"env":'.repeat(900_000)}1${"}".repeat(900_000)}`],
  ["a key of megabytes", `{"${"k".repeat(7 * MIB)}":1}`],
  ["a text of escapes that never ends", `{"task":"${"\\n".repeat(3 * MIB)}`],
];

test.each(HOSTILE)("a body of %s is refused in a small answer, while others are served", async (_name, body) => {
  const project = await newProject();
  const asked = api.call("POST", `/projects/${project}/agents`, body);
  const health = await fetch(`${api.url}/healthz`);
  expect(health.status).toBe(200);
  const { status, body: answer } = await asked;
  expect(status).toBe(400);
  expect(JSON.stringify(answer).length).toBeLessThan(16 * 1024);
});

test("a small route takes a small body", async () => {
  const project = await newProject();
  const { agent } = await api.post(`/projects/${project}/agents`, { provider: "sh" });
  const body = { keepQueued: true, x: "y".repeat(100_000) };
  const refused = await api.call("POST", `/projects/${project}/agents/${String(agent?.["id"])}/abort`, body);
  expect([refused.status, String(refused.body["error"])]).toEqual([413, "TOO_LARGE"]);
});

test.each([
  ["one variable", { BIG: "x".repeat(131_070) }],
  ["one variable in bytes", { BIG: "ä".repeat(65_540) }],
  ["all of them", Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`V${i}`, "x".repeat(125_000)]))],
])("an environment that no program can be started with is refused: %s", async (_name, env) => {
  const project = await newProject();
  const refused = await api.call("POST", `/projects/${project}/agents`, { provider: "sh", env });
  expect([refused.status, String(refused.body["message"])]).toEqual([
    400,
    expect.stringContaining("no program can be started with more"),
  ]);
});

test("the largest environment that is taken starts a program", async () => {
  const project = await newProject();
  const env = Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`V${i}`, "x".repeat(131_000)]));
  const { agent } = await api.post(`/projects/${project}/agents`, { provider: "sh", task: "go", env });
  const { agent: done } = await api.get(`/projects/${project}/agents/${String(agent?.["id"])}/wait?timeout=30`);
  expect(done?.["turn"] as unknown).toMatchObject({ outcome: "completed" });
});

test("a key belongs to the agent, not to the path: by name and by id it runs once, and a new bob is another", async () => {
  const project = await newProject();
  const key = { "idempotency-key": "same" };
  const make = async () =>
    String((await api.post(`/projects/${project}/agents`, { provider: "sh", name: "bob" }))["agent"]?.["id"]);
  const id = await make();
  const send = (who: string) => api.call("POST", `/projects/${project}/agents/${who}/input`, { text: "go" }, key);
  expect((await send("bob")).headers.get("idempotency-replayed")).toBeNull();
  expect((await send(id)).headers.get("idempotency-replayed")).toBe("true");
  const { inputs } = await api.get(`/projects/${project}/agents/bob/inputs`);
  expect([...(inputs ?? [])].length).toBe(1);
  expect((await api.call("DELETE", `/projects/${project}/agents/bob`)).status).toBe(204);
  await make();
  const again = await send("bob");
  expect([again.status, again.headers.get("idempotency-replayed")]).toEqual([202, null]);
});

test("the key that made an agent still answers when it is gone, and goes with its project", async () => {
  const project = await newProject();
  const make = () =>
    api.call(
      "POST",
      `/projects/${project}/agents`,
      { provider: "sh", task: "go", systemPrompt: "secret words" },
      { "idempotency-key": "k" },
    );
  const first = await make();
  const id = String(first.body["agent"]?.["id"]);
  await api.get(`/projects/${project}/agents/${id}/wait`);
  await api.call("DELETE", `/projects/${project}/agents/${id}`);
  const replayed = await make();
  expect([replayed.status, replayed.headers.get("idempotency-replayed")]).toEqual([201, "true"]);
  expect(replayed.body["agent"] as unknown).toMatchObject({ id, systemPrompt: null });
  expect(JSON.stringify(replayed.body)).not.toContain("secret words");
  await api.call("DELETE", `/projects/${project}`);
  await api.post("/projects", { name: project, cwd: daemon.cwd });
  expect((await make()).headers.get("idempotency-replayed")).toBeNull();
});

test("a project that is being deleted takes no agents, and nobody gets a fault of ours", async () => {
  const project = await newProject();
  for (let i = 0; i < 5; i++) await api.post(`/projects/${project}/agents`, { provider: "sh", task: "go" });
  const answers = await Promise.all([
    api.call("DELETE", `/projects/${project}?force=1`),
    ...Array.from({ length: 20 }, () =>
      api.call("POST", `/projects/${project}/agents`, { provider: "sh", task: "go" }),
    ),
    api.call("DELETE", `/projects/${project}?force=1`),
  ]);
  for (const { status, body } of answers)
    expect([201, 204, 404, 409].includes(status) || JSON.stringify(body)).toBe(true);
  expect((await api.call("GET", `/projects/${project}`)).status).toBe(404);
});
