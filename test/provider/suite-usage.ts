/** What is used: counted answer by answer while the turn runs, and once, whatever becomes of the process. */
import { expect, test } from "bun:test";
import { eventually } from "../support/api.ts";
import type { Json } from "../support/api.ts";
import type { Agent, Case } from "./suite.ts";

const figure = (usage: Json | undefined): number => Number(usage?.["outputTokens"] ?? 0);

export function usageCases({ under, start, gate, daemon }: Case): void {
  const { can } = under;

  const turns = async (agent: Agent) => [...((await daemon().api().get(`${agent.path}/turns`))["turns"] as Json)];
  /** By turn, in the agent's life, and in the sums that outlive it. */
  const used = async (agent: Agent) => {
    const { usage } = (await daemon().api().get("/usage?by=agent")) as Record<string, Json>;
    return {
      turns: (await turns(agent)).map((turn) => figure(turn["usage"])),
      life: figure((await agent.view())["usage"]),
      sum: figure([...(usage as Json)].find((row) => String(row["key"]) === agent.id)),
    };
  };

  const counted = (agent: Agent) =>
    eventually("the first answer to count", async () => figure((await agent.view())["usage"]) > 0 || undefined);

  test.if(can.metered && !can.oneshot)(
    "an answer counts in the middle of its turn, before the turn is over",
    async () => {
      const door = gate();
      const agent = await start([{ say: "one" }, { gate: door.path }, { say: "two" }]);
      await counted(agent);
      expect(String((await agent.view())["status"])).toBe("processing");
      expect((await used(agent)).sum).toBeGreaterThan(0);
      door.open();
      await agent.reaches("idle");
      const { turns: ended, life, sum } = await used(agent);
      expect([life, sum]).toEqual([ended[0] ?? 0, ended[0] ?? 0]);
    },
  );

  test.if(can.metered && !can.oneshot)(
    "two answers count twice as much as one, also over a stop and a resume",
    async () => {
      const agent = await start([{ say: "one" }, { say: "two" }]);
      await agent.reaches("idle");
      await daemon().api().post(`${agent.path}/stop`);
      await agent.send("again");
      await agent.reaches("idle");
      const { turns: ended, life, sum } = await used(agent);
      expect(ended).toEqual([2 * (ended[1] ?? 0), ended[1] ?? 0]);
      expect(ended[1]).toBeGreaterThan(0);
      expect([life, sum]).toEqual([3 * (ended[1] ?? 0), 3 * (ended[1] ?? 0)]);
    },
  );

  test.if(can.metered && !can.oneshot)(
    "what a killed process used is kept, marked, and not told again by the next",
    async () => {
      const door = gate();
      const agent = await start([{ say: "one" }, { gate: door.path }, { crash: true }]);
      await counted(agent); // a helper tells it, which dies with its program
      door.open();
      await agent.reaches("exited");
      await agent.send("again");
      await agent.reaches("idle");
      const { turns: ended, life, sum } = await used(agent);
      expect((await turns(agent))[0]?.["usage"]?.["estimated"] as unknown).toBe(true);
      expect((await turns(agent))[1]?.["usage"]?.["estimated"] as unknown).toBeUndefined();
      expect(ended).toEqual([ended[1] ?? 0, ended[1] ?? 0]);
      expect([life, sum]).toEqual([2 * (ended[1] ?? 0), 2 * (ended[1] ?? 0)]);
    },
  );
}
