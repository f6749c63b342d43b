/** Turns and what is said in them. */
import type { Case } from "./suite.ts";
import { expect, test } from "bun:test";
import { longText } from "../fakes/script.ts";
import { eventually } from "../support/api.ts";

export function conversationCases({ under, start, gate, daemon }: Case): void {
  const { can } = under;

  test("a simple turn: starting or processing at once, idle at the end, the exact text", async () => {
    const agent = await start([{ say: "hello  world\n" }]);
    const done = await agent.reaches("idle");
    expect(String(done["turn"]?.["outcome"])).toBe("completed");
    expect(await agent.said()).toEqual(["hello  world\n"]);
    expect(String((await daemon().api().get(`${agent.path}/messages/last`))["message"]?.["text"])).toBe(
      "hello  world\n",
    );
  });

  test("a second turn goes on with the conversation, and waiting right after the 202 never sees the old answer", async () => {
    const agent = await start("first");
    await agent.reaches("idle");
    const sent = await agent.send("second");
    expect(String(sent["turn"]?.["id"])).toBe(`${agent.id}-2`);
    await agent.reaches("idle");
    expect(await agent.said()).toEqual(["echo: first", "echo: second"]);
    const inputs = await agent.messages();
    expect(inputs.filter((each) => String(each["role"]) === "user").map((each) => String(each["text"]))).toEqual([
      "first",
      "second",
    ]);
  });

  test.if(can.blocks)("text in several blocks is one message", async () => {
    const agent = await start([{ say: ["one ", "two"], chunks: 3 }]);
    await agent.reaches("idle");
    expect(await agent.said()).toEqual(["one two"]);
  });

  test.if(can.tools)("a tool call and a failed tool are parts of the record, the last text is the answer", async () => {
    const agent = await start([
      { say: "looking" },
      { tool: "Bash", input: { command: "ls" }, result: "a.txt" },
      { tool: "Bash", input: { command: "nope" }, result: "not found", fail: true },
      { say: "found a.txt" },
    ]);
    await agent.reaches("idle");
    const said = await agent.said();
    expect(said.at(-1)).toBe("found a.txt");
    const parts = (await agent.messages()).flatMap((each) => [...(each["parts"] ?? [])]);
    expect(parts.filter((part) => String(part["type"]) === "tool_use")).toHaveLength(2);
    const results = parts.filter((part) => String(part["type"]) === "tool_result");
    expect(results.map((part) => [String(part["text"]).trim(), Boolean(part["isError"])])).toEqual([
      ["a.txt", false],
      ["not found", true],
    ]);
  });

  test("input while busy is queued and runs right after, without idle in between", async () => {
    const door = gate();
    const agent = await start([{ gate: door.path }, { say: "first done" }]);
    await agent.reaches("processing");
    await agent.send([{ say: "second done" }]);
    expect(Number((await agent.view())["queuedInputs"])).toBe(1);
    door.open();
    const second = await agent.turnEnds(2);
    expect(`${second["outcome"]} ${JSON.stringify(second["error"])}`).toBe("completed undefined");
    expect(await agent.said()).toEqual(["first done", "second done"]);
    const changes = await agent.events("agent_status");
    expect(changes.filter((each) => String(each["data"]?.["to"]) === "idle")).toHaveLength(1);
  });

  test("an empty final message is a completed turn", async () => {
    const agent = await start([{ empty: true }]);
    const done = await agent.reaches("idle", "error");
    expect(String(done["turn"]?.["outcome"])).toBe("completed");
    expect((await agent.said()).filter((text) => text.trim() !== "")).toEqual([]);
  });

  test("a message of 10 MB arrives whole", async () => {
    const bytes = 10 * 1024 * 1024;
    const agent = await start([{ long: bytes }]);
    await agent.reaches("idle");
    const [text = ""] = await agent.said();
    expect(text.length).toBe(bytes);
    expect(text === longText(bytes)).toBe(true);
  }, 60_000);

  test("200 KB of unicode goes in and comes back", async () => {
    const text = 'näïve 😀 中文 "quotes"\ttabs\r\n\u2028 '.repeat(5000);
    const agent = await start(text);
    await agent.reaches("idle");
    const [said = ""] = await agent.said();
    expect(said === `echo: ${text}`).toBe(true);
  });

  test.if(can.subagents)(
    "a sub-agent that ends after its parent's last text never makes the agent idle too early",
    async () => {
      const door = gate();
      const agent = await start([{ subagent: [{ say: "child speaking" }], gate: door.path }, { say: "parent done" }]);
      await eventually("the parent's last text", async () => (await agent.said()).includes("parent done"));
      expect(["processing", "idle"]).toContain(String((await agent.view())["status"]));
      door.open();
      await agent.reaches("idle");
      expect((await agent.said()).includes("child speaking")).toBe(false);
      expect(await agent.events("turn_ended")).toHaveLength(1);
    },
  );

  test.if(can.ownTurns)("a turn that starts by itself is followed and has the origin agent", async () => {
    const door = gate();
    const agent = await start([{ say: "started it" }, { background: [{ say: "it is ready" }], gate: door.path }]);
    await agent.reaches("idle");
    door.open();
    const turn = await agent.turnEnds(2);
    expect(String(turn["origin"])).toBe("agent");
    expect(await agent.said()).toEqual(["started it", "it is ready"]);
  });
}
