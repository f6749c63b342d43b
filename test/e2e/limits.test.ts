/**
 * Limits, seen from outside: parking and its wake-up, turn timeout, stall, permission deadline. Never an automatic yes.
 */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(60_000);

const boxes: Box[] = [];
afterEach(async () => {
  for (const box of boxes.splice(0)) await box.close();
});

async function boxWith(limits: Record<string, unknown>): Promise<Box> {
  const box = await makeBox({
    limits,
    providers: {
      "claude-code": { command: [process.execPath, join(FAKES, "claude.ts")] },
      sh: { kind: "command", command: ["sh", "-c", "cat; sleep 60"] },
    },
  });
  boxes.push(box);
  const api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
  return box;
}

const script = (...steps: Record<string, unknown>[]): string => `SCRIPT ${JSON.stringify(steps)}`;

async function make(box: Box, task: string, provider = "claude-code"): Promise<string> {
  const made = await box.api().post("/projects/p/agents", { provider, task });
  return `/projects/p/agents/${made["agent"]?.["id"]}`;
}

async function reach(box: Box, path: string, ...statuses: string[]): Promise<Json> {
  const answer = await box.api().get(`${path}/wait?until=${statuses.join(",")}&timeout=30`);
  if ((answer["reached"] as unknown) !== true) throw new Error(JSON.stringify(answer));
  return answer["agent"] as Json;
}

const processIs = (box: Box, path: string, state: string): Promise<Json> =>
  eventually(`the process to be ${state}`, async () => {
    const { agent } = await box.api().get(path);
    return String(agent?.["process"]) === state ? (agent as Json) : undefined;
  });

const eventsOf = async (box: Box, path: string, type: string): Promise<Json[]> =>
  (await storedEvents(box.api(), path)).filter((each) => String(each["type"]) === type);

async function said(box: Box, path: string): Promise<string[]> {
  const { messages } = await box.api().get(`${path}/messages?after=0&limit=1000`);
  return [...(messages ?? [])]
    .filter((each) => String(each["role"]) === "assistant" && String(each["text"]) !== "")
    .map((each) => String(each["text"]));
}

test("an idle agent is parked: no process is left, it is still idle, and the next input wakes the same conversation", async () => {
  const box = await boxWith({ parkIdleMs: 300 });
  const path = await make(box, "first");
  const parked = await processIs(box, path, "parked");
  expect(String(parked["status"])).toBe("idle");
  await eventually("no process of it", () => box.agentProcesses().length === 0);
  await box.api().post(`${path}/input`, { text: "second" });
  await reach(box, path, "idle");
  expect(await said(box, path)).toEqual(["echo: first", "echo: second"]);
  // parking is no exit: nobody is told of an end that nobody has to look at
  const changes = (await eventsOf(box, path, "agent_status")).map((each) => String(each["data"]?.["to"]));
  expect(changes).not.toContain("exited");
});

test("an agent whose tree still works, or whose background tasks live, is not parked", async () => {
  const box = await boxWith({ parkIdleMs: 200 });
  const gate = join(box.dir, "gate");
  const path = await make(box, script({ say: "started" }, { background: [{ say: "built" }], gate }));
  await reach(box, path, "idle");
  await Bun.sleep(900); // several times the limit: the claim is that nothing happens
  expect(String((await box.api().get(path))["agent"]?.["process"])).toBe("running");
  expect(Number((await box.api().get(path))["agent"]?.["backgroundTasks"])).toBe(1);
  writeFileSync(gate, "");
  await processIs(box, path, "parked");
  expect(await said(box, path)).toEqual(["started", "built"]);
});

test("an input that arrives in the moment of parking waits for the exit and starts a new run", async () => {
  const box = await boxWith({ parkIdleMs: 50 });
  const path = await make(box, "0");
  for (let i = 1; i <= 15; i++) {
    await reach(box, path, "idle");
    await Bun.sleep(40 + ((i * 7) % 40)); // around the limit
    await box.api().post(`${path}/input`, { text: String(i) });
  }
  await reach(box, path, "idle");
  expect(await said(box, path)).toEqual(Array.from({ length: 16 }, (_, i) => `echo: ${i}`));
});

test("a parked agent survives a restart of the daemon parked", async () => {
  const box = await boxWith({ parkIdleMs: 200 });
  const path = await make(box, "first");
  await processIs(box, path, "parked");
  await box.kill("SIGKILL");
  await box.start();
  expect(String((await box.api().get(path))["agent"]?.["process"])).toBe("parked");
  await box.api().post(`${path}/input`, { text: "second" });
  await reach(box, path, "idle");
  expect((await said(box, path)).at(-1)).toBe("echo: second");
});

test("a turn beyond the limit is interrupted and failed with TURN_TIMEOUT; the agent can go on", async () => {
  const box = await boxWith({ turnTimeoutMs: 3000 });
  const path = await make(box, script({ say: "begun" }, { gate: join(box.dir, "never") }));
  const failed = await reach(box, path, "error");
  expect([String(failed["turn"]?.["outcome"]), String(failed["turn"]?.["error"]?.["code"])]).toEqual([
    "failed",
    "TURN_TIMEOUT",
  ]);
  expect(await eventsOf(box, path, "turn_timeout")).toHaveLength(1);
  await box.api().post(`${path}/input`, { text: "again" });
  await reach(box, path, "idle");
  expect((await said(box, path)).at(-1)).toBe("echo: again");
});

test("time spent waiting for a person does not count", async () => {
  const box = await boxWith({ turnTimeoutMs: 5000 });
  const path = await make(box, script({ ask: "Bash", input: { command: "touch x" }, result: "ok" }, { say: "after" }));
  await reach(box, path, "waiting_input");
  await Bun.sleep(6000); // longer than the limit: the claim is that nothing happens
  const { permissions } = await box.api().get(`${path}/permissions?state=pending`);
  await box.api().post(`${path}/permissions/${[...(permissions ?? [])][0]?.["id"]}`, { decision: "allow" });
  await reach(box, path, "idle");
  expect(await said(box, path)).toEqual(["after"]);
});

test("a plain command beyond the limit is ended with all it started", async () => {
  const box = await boxWith({ turnTimeoutMs: 500 });
  const path = await make(box, "hello", "sh");
  const failed = await reach(box, path, "error");
  expect(String(failed["turn"]?.["error"]?.["code"])).toBe("TURN_TIMEOUT");
  await eventually("no process of it", () => box.agentProcesses().length === 0);
});

test("silence is shown as a cause and an event, and kills nothing", async () => {
  const box = await boxWith({ stallWarnMs: 400 });
  const gate = join(box.dir, "gate");
  const path = await make(box, script({ say: "begun" }, { gate }, { say: "done" }));
  // On a busy box its start alone may take as long, and is told by itself.
  const cause = await eventually("the silence to be shown", async () => {
    const { agent } = await box.api().get(path);
    return String(agent?.["cause"]?.["detail"]).startsWith("no frame") ? agent?.["cause"] : null;
  });
  expect(String(cause["source"])).toBe("timer");
  expect((await eventsOf(box, path, "agent_stalled")).length).toBeGreaterThan(0);
  writeFileSync(gate, "");
  await reach(box, path, "idle");
  expect(await said(box, path)).toEqual(["begun", "done"]);
});

test("a permission nobody answers is denied with the reason, never allowed", async () => {
  const box = await boxWith({ permissionTimeoutMs: 500 });
  const made = join(box.cwd, "x");
  const path = await make(
    box,
    script({ ask: "Bash", input: { command: `touch ${made}` }, result: "ok" }, { say: "went on" }),
  );
  await reach(box, path, "idle");
  const { permissions } = await box.api().get(`${path}/permissions`);
  const [permission] = [...(permissions ?? [])];
  expect([String(permission?.["state"]), String(permission?.["settledBy"])]).toEqual(["denied", "timeout"]);
  expect(String(permission?.["answer"]?.["message"])).toContain("nobody answered within 500 ms");
  expect(existsSync(made)).toBe(false);
});
