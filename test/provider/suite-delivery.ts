/** An input whose program dies before it says that it has it; and what the program tells of its costs. */
import { expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import type { Agent, Case } from "./suite.ts";

export function deliveryCases({ under, start, daemon }: Case): void {
  const { can } = under;

  const lastInput = async (agent: Agent): Promise<string> => {
    const { inputs } = await daemon().api().get(`${agent.path}/inputs`);
    return String([...(inputs ?? [])].at(-1)?.["state"]);
  };

  /** The program is held, given an input that it cannot read any more, and killed. */
  async function killedWithUnreadInput(): Promise<Agent> {
    const agent = await start("first");
    await agent.reaches("idle");
    const debug = await daemon().api().get(`${agent.path}/debug`);
    const pid = Number(debug["process"]?.["pid"]);
    process.kill(pid, "SIGSTOP");
    await agent.send("second");
    await eventually("the input to be written", async () => (await lastInput(agent)) === "written");
    process.kill(pid, "SIGKILL");
    return agent;
  }

  test.if(!can.oneshot && can.redelivers)(
    "an input that nobody confirmed before the program was killed is run once, by the next process",
    async () => {
      const agent = await killedWithUnreadInput();
      const turn = await agent.turnEnds(2);
      expect(String(turn["outcome"])).toBe("completed");
      expect(await agent.said()).toEqual(["echo: first", "echo: second"]);
      expect(await lastInput(agent)).toBe("ended");
    },
  );

  test.if(!can.oneshot && !can.redelivers)(
    "an input that nobody confirmed before the program was killed becomes unknown, and is not sent again",
    async () => {
      const agent = await killedWithUnreadInput();
      await agent.reaches("exited");
      expect(await lastInput(agent)).toBe("unknown");
      await agent.send("third");
      await agent.reaches("idle");
      expect(await agent.said()).toEqual(["echo: first", "echo: third"]);
    },
  );

  test.if(can.tokens)("the tokens that were used are told", async () => {
    const agent = await start("count");
    const done = await agent.reaches("idle");
    expect(Number(done["usage"]?.["inputTokens"])).toBeGreaterThan(0);
    expect(Number(done["usage"]?.["outputTokens"])).toBeGreaterThan(0);
  });

  test.if(can.cost)("the cost is told", async () => {
    const agent = await start("count");
    const done = await agent.reaches("idle");
    expect(Number(done["usage"]?.["costUsd"])).toBeGreaterThan(0);
  });
}
