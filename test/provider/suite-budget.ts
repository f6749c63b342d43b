/** Budgets with each program: what it tells ends its turn after one answer too many, what it does not is refused. */
import { expect, test } from "bun:test";
import type { Json } from "../support/api.ts";
import type { Case } from "./suite.ts";

const code = (view: Json): string => String(view["turn"]?.["error"]?.["code"] ?? "");

export function budgetCases({ under, start, gate, daemon }: Case): void {
  const { can } = under;
  const say = (n: number, path: string) => [
    ...Array.from({ length: n }, (_, i) => ({ say: `answer ${i}` })),
    { gate: path },
    { say: "never" },
  ];

  test.if(can.metered)("a budget of tokens ends the turn at the answer that spends it", async () => {
    const agent = await start(say(2, gate().path), { budget: { tokens: 1 } });
    const view = await agent.reaches("error");
    expect([code(view), String(view["turn"]?.["outcome"])]).toEqual(["BUDGET_EXCEEDED", "failed"]);
    expect((await agent.said()).join("|")).not.toContain("never");
    expect((await agent.events("agent_budget")).length).toBe(1);
    const refused = await daemon().api().call("POST", `${agent.path}/input`, { text: "more" });
    expect([refused.status, String(refused.body["error"])]).toEqual([409, "BUDGET_EXCEEDED"]);
    for (const way of ["resume", "inputs/release"])
      expect((await daemon().api().call("POST", `${agent.path}/${way}`)).status).toBe(409);
    await daemon()
      .api()
      .call("PATCH", agent.path, { budget: { tokens: 1_000_000 } });
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
  });

  test.if(can.metered && can.cost)("a budget of dollars ends the turn at the answer that spends it", async () => {
    const agent = await start(say(3, gate().path), { budget: { costUsd: 0.0001 } });
    const view = await agent.reaches("error");
    expect(code(view)).toBe("BUDGET_EXCEEDED");
    expect((await agent.said()).join("|")).not.toContain("never");
  });

  test("a budget of what the program does not tell is refused, with what it does", async () => {
    for (const [key, told] of [
      ["tokens", can.metered],
      ["costUsd", can.metered && can.cost],
    ] as const) {
      if (told) continue;
      const { status, body } = await daemon()
        .api()
        .call("POST", "/projects/p/agents", { provider: under.name, budget: { [key]: 1 } });
      expect([key, status, String(body["error"])]).toEqual([key, 422, "BUDGET_NOT_METERED"]);
      expect(String(body["message"])).toContain("turns");
    }
  });

  test("a budget of turns lets no further one begin", async () => {
    const agent = await start("one", { budget: { turns: 1 } });
    await agent.reaches("idle");
    const { status } = await daemon().api().call("POST", `${agent.path}/input`, { text: "two" });
    expect(status).toBe(409);
  });

  test("a budget of time interrupts the turn", async () => {
    const agent = await start([{ say: "begun" }, { gate: gate().path }], { budget: { wallMs: 1500 } });
    const view = await agent.reaches("error");
    expect(code(view)).toBe("BUDGET_EXCEEDED");
  });
}
