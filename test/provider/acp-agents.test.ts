/** Ways in which single ACP agents differ, through the whole daemon. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import type { TestDaemon } from "../support/daemon.ts";
import { testDaemon } from "../support/daemon.ts";
import { storedEvents } from "../support/events.ts";
import { type Agent, agentAt, type Script, scriptText } from "./suite.ts";

const command = [process.execPath, join(import.meta.dir, "../fakes/acp.ts")];
const agent = (options: object) => ({ kind: "acp", command, env: { FAKE_ACP: JSON.stringify(options) } });

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await testDaemon({
    providers: { late: agent({ lateMs: 1 }), yolo: agent({ mode: "yolo" }), bare: agent({}) },
  });
  await daemon.api().post("/projects", { name: "p", cwd: daemon.cwd });
});
afterAll(() => daemon.close());

async function start(provider: string, task: Script, more: object = {}): Promise<Agent> {
  const made = await daemon.api().post("/projects/p/agents", { provider, task: scriptText(task), ...more });
  return agentAt(() => daemon, String(made["agent"]?.["id"]));
}

test("words behind the answer to the prompt are of its turn, and of the last message", async () => {
  const it = await start("late", "and more");
  await it.reaches("idle");
  expect(await it.said()).toEqual(["echo: and more"]);
  const last = (await daemon.api().get(`${it.path}/messages/last`))["message"];
  expect([String(last?.["text"]), String(last?.["turnId"])]).toEqual(["echo: and more", `${it.id}-1`]);
  await it.send("again");
  await it.turnEnds(2);
  expect((await it.messages()).map((each) => [String(each["turnId"]), String(each["text"])])).toEqual([
    [`${it.id}-1`, "and more"],
    [`${it.id}-1`, "echo: and more"],
    [`${it.id}-2`, "again"],
    [`${it.id}-2`, "echo: again"],
  ]);
});

test.each(["ask", "deny"])(
  'an agent that would do everything unasked asks under permissions "%s"',
  async (permissions) => {
    const it = await start("yolo", [{ ask: "Bash", input: { command: "touch x" }, result: "made" }, { say: "done" }], {
      permissions,
    });
    if (permissions === "ask") {
      await it.reaches("waiting_input");
      await it.answer("p1", { decision: "deny" });
    }
    await it.reaches("idle");
    expect((await it.permissions()).map((each) => String(each["state"]))).toEqual(["denied"]);
    expect((await it.messages()).map((each) => String(each["text"]))).not.toContain("made");
  },
);

test.each([
  ["ask", true],
  ["deny", true],
  ["allow", false],
] as const)('an agent that offers no modes is told of at its start under "%s": %p', async (permissions, warned) => {
  const it = await start("bare", "hello", { permissions });
  await it.reaches("idle");
  const notes = (await storedEvents(daemon.api(), it.path)).filter(({ type }) => String(type) === "note");
  const told = notes.map(({ data }) => data).filter((data) => String(data?.["code"]) === "mode_not_enforced");
  expect(told.map((data) => `${data?.["level"]}: ${data?.["message"]}`)).toEqual(
    warned
      ? [
          `warn: whether Fake Agent asks before it acts is up to its own settings, not to permissions "${permissions}": it offers no modes`,
        ]
      : [],
  );
});
