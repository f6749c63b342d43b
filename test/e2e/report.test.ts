/** The report of the night, from outside: the compiled daemon, fake agents, a kill, a receiver that wants nothing. */
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

setDefaultTimeout(120_000);

let [box, hook]: [Box, Hook] = [null as never, null as never];
beforeAll(async () => {
  hook = await startHook();
  hook.on("/", { status: 410 });
  box = await makeBox({ providers: { "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] } } });
  await box.start();
  await box.api().post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await hook.down();
});

const list = (value: Json | undefined): Json[] => [...(value ?? [])];

async function make(name: string, steps: readonly Record<string, unknown>[], more = {}): Promise<string> {
  const task = `SCRIPT ${JSON.stringify(steps)}`;
  const made = await box.api().post("/projects/p/agents", { provider: "claude-code", name, task, ...more });
  return `/projects/p/agents/${made["agent"]?.["id"]}`;
}

async function reach(path: string, until: string): Promise<void> {
  const answer = await box.api().get(`${path}/wait?until=${until}&timeout=30`);
  if ((answer["reached"] as unknown) !== true) throw new Error(JSON.stringify(answer));
}

test("a night of every kind: done, failed, answered, lived through a kill, a webhook nobody took", async () => {
  const done = await make("done", [{ say: "ready" }], { webhook: { url: hook.url("/") } });
  const failed = await make("failed", [{ fail: "invalid_request", message: "no" }]);
  const asks = await make("asks", [{ ask: "Bash", input: { command: "touch x" }, result: "ok" }, { say: "after" }]);
  const works = await make("works", [{ say: "begun" }, { gate: join(box.dir, "gate") }, { say: "over" }]);
  await reach(done, "idle");
  await reach(failed, "idle,error");
  await reach(asks, "waiting_input");
  const [asked] = list((await box.api().get(`${asks}/permissions?state=pending`))["permissions"]);
  await box.api().post(`${asks}/permissions/${asked?.["id"]}`, { decision: "allow" });
  await reach(asks, "idle");
  await eventually("the delivery to be dead", async () =>
    list((await box.api().get("/deliveries?state=dead"))["deliveries"]).length > 0 ? true : undefined,
  );
  await eventually("the one at work to have said something", async () =>
    list((await box.api().get(`${works}/messages?after=0`))["messages"]).length > 1 ? true : undefined,
  );

  await box.kill("SIGKILL");
  await box.start();
  const report = await box.api().get("/report?since=12h");
  const night = (name: string): unknown => list(report["agents"]).find((each) => String(each["name"]) === name);
  expect(night("done")).toMatchObject({ turns: { completed: 1, failed: 0 }, error: null, deadDeliveries: 1 });
  expect(night("failed")).toMatchObject({ turns: { completed: 0, failed: 1 }, error: { message: "no" } });
  expect(night("asks")).toMatchObject({ turns: { completed: 1 }, waits: { asked: 1, open: 0, by: { user: 1 } } });
  expect(night("works")).toMatchObject({ status: "processing", turns: { completed: 0 }, usage: { turns: 0 } });
  expect(list(report["restarts"])).toHaveLength(1);
  expect(list(report["restarts"])[0]?.["lived"] as unknown).toContain(works.split("/").at(-1));
  expect(list(report["restarts"])[0]).toMatchObject({ ended: [], unknown: [] } as never);
  expect(list(report["dead"])).toMatchObject([{ name: "done", error: expect.stringContaining("410") }] as never);

  const cli = cliOf(box);
  const { code, out } = await cli("report", "--since", "12h");
  expect([code, out.trimEnd().split("\n").length]).toEqual([0, 4]);
  expect(out).toMatch(/^p\/works\tprocessing\t/m);
  expect(out).toMatch(/^p\/asks\tidle\t1 completed\t\t\t\d+ s \(user 1\)\t/m);
  const json = await cli("report", "--json");
  expect(Object.keys(JSON.parse(json.out) as object).sort()).toEqual(
    ["agents", "dead", "restarts", "since", "until", "usage"].sort(),
  );

  // From an event on: only what came after it.
  writeFileSync(join(box.dir, "gate"), "");
  await reach(works, "idle");
  const last = (await storedEvents(box.api(), "")).at(-1);
  const later = await box.api().get(`/report?since=${last?.["id"]}`);
  expect([list(later["restarts"]), list(later["dead"])]).toEqual([[], []]);
});
