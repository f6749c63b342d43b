/**
 * A row that cannot be read is the fate of that one agent: its turn is lost with the reason, what it was sent is kept,
 * its process is ended, and it can go on. The others do not notice.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import { testDaemon } from "../../support/daemon.ts";
import { storedEvents } from "../../support/events.ts";

const FAKE = join(import.meta.dir, "../../fakes/claude.ts");
let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await testDaemon({ providers: { "claude-code": { command: [process.execPath, FAKE] } } });
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
});
afterAll(() => daemon.close());

const at = (id: string): string => `/projects/p/agents/${id}`;
const make = async (task: string): Promise<string> =>
  String((await daemon.api().post("/projects/p/agents", { provider: "claude-code", task }))["agent"]?.["id"]);
const view = async (id: string): Promise<Json> => (await daemon.api().get(at(id)))["agent"] as Json;
const states = async (id: string): Promise<string[]> =>
  [...((await daemon.api().get(`${at(id)}/inputs`))["inputs"] ?? [])].map((each) => String(each["state"]));
const texts = async (id: string): Promise<string[]> =>
  [...((await daemon.api().get(`${at(id)}/messages?after=0&limit=100`))["messages"] ?? [])].map((each) =>
    String(each["text"]),
  );

test("an unreadable state: the turn is lost with the reason, the queue is kept, the next input goes on with all of it", async () => {
  const working = `SCRIPT ${JSON.stringify([{ say: "begun" }, { gate: join(daemon.dir, "never") }])}`;
  const [broken, sound, resting] = [await make(working), await make(working), await make("hello")];
  await eventually(
    "them to work",
    async () => (await texts(broken)).includes("begun") && (await texts(sound)).includes("begun"),
  );
  await eventually("it to rest", async () => String((await view(resting))["status"]) === "idle");
  await daemon.api().post(`${at(broken)}/input`, { text: "second" });
  await daemon.restart(() => {
    const db = new Database(join(daemon.dir, "state", "harness.db"));
    db.run("UPDATE agents SET state = '{\"process\": 7}' WHERE id = ?", [broken]);
    db.run("UPDATE agents SET state = 'toy' WHERE id = ?", [resting]);
    db.run("UPDATE agents SET settings = '[' WHERE id = ?", [sound]);
    db.close();
  });
  const lost = await eventually("the process to be ended", async () => {
    const agent = await view(broken);
    return String(agent["status"]) === "exited" ? agent : null;
  });
  expect([String(lost["turn"]?.["outcome"]), String(lost["turn"]?.["error"]?.["code"])]).toEqual([
    "lost",
    "STATE_UNREADABLE",
  ]);
  expect(String(lost["turn"]?.["error"]?.["message"])).toContain("process");
  expect(await states(broken)).toEqual(["ended", "queued"]);
  expect(String((await view(sound))["status"])).toBe("processing");
  const notes = async (id: string): Promise<unknown[]> =>
    (await storedEvents(daemon.api(), at(id)))
      .filter(({ type }) => String(type) === "note")
      .map(({ data }) => data?.["code"]);
  for (const id of [broken, sound, resting]) expect(await notes(id)).toEqual(["STATE_UNREADABLE"] as never);

  await daemon.api().post(`${at(broken)}/input`, { text: "third" });
  await daemon.api().post(`${at(resting)}/input`, { text: "again" });
  await eventually("all of it to be answered", async () => (await texts(broken)).includes("echo: third"));
  expect((await texts(broken)).filter((text) => text.startsWith("echo"))).toEqual(["echo: second", "echo: third"]);
  await eventually("the other to go on", async () => (await texts(resting)).includes("echo: again"));
});

test("a run folder with something else in its place: that agent is lost with the reason, the others are taken over", async () => {
  const working = `SCRIPT ${JSON.stringify([{ say: "begun" }, { gate: join(daemon.dir, "never") }])}`;
  const [hit, sound] = [await make(working), await make(working)];
  await eventually(
    "them to work",
    async () => (await texts(hit)).includes("begun") && (await texts(sound)).includes("begun"),
  );
  await daemon.restart(() => {
    const run = join(daemon.dir, "state", "agents", hit, "run");
    rmSync(run, { recursive: true });
    writeFileSync(run, "");
  });
  await eventually("it to be lost", async () => String((await view(hit))["status"]) === "exited");
  const { turn } = await view(hit);
  expect([String(turn?.["outcome"]), String(turn?.["error"]?.["code"])]).toEqual(["lost", expect.any(String)] as never);
  expect(String((await view(sound))["status"])).toBe("processing");
});
