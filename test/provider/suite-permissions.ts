/** Waiting for people: what is asked, what is answered, and that an answer counts once. */
import { expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import type { Agent, Case } from "./suite.ts";

const ask = { ask: "Bash", input: { command: "touch made.txt" }, result: "made" };

async function asked(agent: Agent): Promise<string> {
  await agent.reaches("waiting_input");
  const [first] = await agent.permissions("pending");
  return String(first?.["id"]);
}

export function permissionCases({ under, start, daemon }: Case): void {
  const { can } = under;

  test.if(can.permissions)("permission allowed: the agent waits, the tool runs, the turn completes", async () => {
    const agent = await start([ask, { say: "after" }]);
    const id = await asked(agent);
    const [permission] = await agent.permissions();
    expect(String(permission?.["kind"])).toBe("tool");
    expect(String(permission?.["title"])).toContain("touch made.txt");
    expect(Number((await agent.view())["pendingPermissions"])).toBe(1);
    expect((await agent.answer(id, { decision: "allow" })).status).toBe(200);
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("after");
    expect((await agent.permissions()).map((each) => String(each["state"]))).toEqual(["allowed"]);
  });

  test.if(can.permissions)("permission denied: the tool does not run, the turn ends without an error", async () => {
    const agent = await start([ask, { say: "went on" }]);
    const id = await asked(agent);
    await agent.answer(id, { decision: "deny", message: "not today" });
    const done = await agent.reaches("idle", "error");
    expect(String(done["status"])).toBe("idle");
    expect((await agent.permissions()).map((each) => String(each["state"]))).toEqual(["denied"]);
  });

  test.if(can.permissions)("answered twice: the same answer is fine, another one is a conflict", async () => {
    const agent = await start([ask, { say: "after" }]);
    const id = await asked(agent);
    expect((await agent.answer(id, { decision: "allow" })).status).toBe(200);
    expect((await agent.answer(id, { decision: "allow" })).status).toBe(200);
    const other = await agent.answer(id, { decision: "deny" });
    expect([other.status, String(other.body["error"])]).toEqual([409, "PERMISSION_SETTLED"]);
    await agent.reaches("idle");
  });

  test.if(can.permissions && can.withdraws)("a permission that the program takes back is withdrawn", async () => {
    const agent = await start([{ withdraw: ask }, { say: "never mind" }]);
    await agent.reaches("idle");
    expect((await agent.permissions()).map((each) => String(each["state"]))).toEqual(["withdrawn"]);
    expect((await agent.said()).at(-1)).toBe("never mind");
  });

  test.if(can.permissions)(
    "an open permission survives a restart of the daemon and is answered by the next one",
    async () => {
      const agent = await start([ask, { say: "after" }]);
      const id = await asked(agent);
      await daemon().restart();
      expect(String((await agent.view())["status"])).toBe("waiting_input");
      expect((await agent.answer(id, { decision: "allow" })).status).toBe(200);
      await agent.reaches("idle");
      expect((await agent.said()).at(-1)).toBe("after");
      expect(await agent.events("permission_requested")).toHaveLength(1);
    },
  );

  test.if(can.permissions)("two permissions, both answered, each once", async () => {
    const agent = await start([
      {
        ask2: [
          { ask: "Bash", input: { command: "touch one" }, result: "1" },
          { ask: "Bash", input: { command: "touch two" }, result: "2" },
        ],
      },
      { say: "both" },
    ]);
    const first = await asked(agent);
    // The second may be a line that is read a moment later.
    if (can.parallelAsks)
      await eventually("both to be open", async () => (await agent.permissions("pending")).length === 2);
    await agent.answer(first, { decision: "allow" });
    if (can.parallelAsks) expect(String((await agent.view())["status"])).toBe("waiting_input");
    const second = await asked(agent);
    expect(second).not.toBe(first);
    await agent.answer(second, { decision: "deny", message: "only one" });
    await agent.reaches("idle");
    expect((await agent.permissions()).map((each) => String(each["state"]))).toEqual(["allowed", "denied"]);
  });

  test.if(can.questions)("a question to the person gets its answer", async () => {
    const agent = await start([{ question: "Which colour?", options: ["Red", "Blue"] }]);
    const id = await asked(agent);
    const [permission] = await agent.permissions();
    expect(String(permission?.["kind"])).toBe("question");
    expect(JSON.stringify(permission?.["detail"])).toContain("Which colour?");
    const empty = await agent.answer(id, { decision: "allow" });
    expect(empty.status).toBe(400);
    expect((await agent.answer(id, { decision: "allow", answers: { "Which colour?": "Blue" } })).status).toBe(200);
    await agent.reaches("idle");
    expect(JSON.stringify(await agent.messages())).toContain("Blue");
  });

  test.if(can.permissions)('permissions "deny" never waits and never runs the tool', async () => {
    const agent = await start([ask, { say: "went on" }], { permissions: "deny" });
    const done = await agent.reaches("idle", "waiting_input");
    expect(String(done["status"])).toBe("idle");
    const all = await agent.permissions();
    expect(all.map((each) => [String(each["state"]), String(each["settledBy"])])).toEqual([["denied", "policy"]]);
  });

  test.if(can.permissions)('permissions "allow" never waits', async () => {
    const agent = await start([ask, { say: "went on" }], { permissions: "allow" });
    const done = await agent.reaches("idle", "waiting_input", "error", "exited");
    expect(String(done["status"])).toBe("idle");
    expect((await agent.said()).at(-1)).toBe("went on");
  });

  test.if(can.permissions && can.allowAlways)("allow_always is one answer for the agent's life", async () => {
    const agent = await start([ask, { say: "after" }]);
    const id = await asked(agent);
    expect((await agent.answer(id, { decision: "allow_always" })).status).toBe(200);
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("after");
  });
}
