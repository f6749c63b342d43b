/** An account that cannot work on: the turn waits and goes on as the same turn, or a person is told what to mend. */
import { expect, test } from "bun:test";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Agent, Case } from "./suite.ts";

const HOUR_MS = 3_600_000;

export function limitCases({ under, start, daemon }: Case): void {
  const { can } = under;

  const limitOf = async (agent: Agent): Promise<Json> => (await agent.view())["limit"] as Json;
  const skip = (agent: Agent) => daemon().api().post(`${agent.path}/limit/skip`);
  const inputs = async (agent: Agent): Promise<string[]> => {
    const all = (await daemon().api().get(`${agent.path}/inputs`))["inputs"] as Json;
    return [...all].map((each) => `${each["origin"]} ${each["state"]}`);
  };

  /** It goes on with the model's next answer, as the turn that it was. */
  const goesOn = async (agent: Agent): Promise<void> => {
    await skip(agent);
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: continue");
    const ended = await agent.events("turn_ended");
    expect(ended).toHaveLength(1);
    expect(ended[0]?.["data"]?.["turn"]).toMatchObject({ id: `${agent.id}-1`, outcome: "completed" });
    expect([...(ended[0]?.["data"]?.["turn"]?.["parked"] as Json)]).toHaveLength(1);
    expect(await inputs(agent)).toEqual(["user ended", "limit ended"]);
    const words = (await agent.messages()).filter((each) => String(each["role"]) === "user");
    expect(words).toHaveLength(1);
  };

  test.if(can.limits)("at its limit: the turn waits, and goes on as the same turn", async () => {
    const resetsAt = Math.ceil((Date.now() + HOUR_MS) / 1000) * 1000;
    const agent = await start([{ say: "so far" }, { fail: "usage_limit", message: "used up", resetsAt }]);
    await agent.reaches("limited");
    const limit = await limitOf(agent);
    expect(limit).toMatchObject({ class: "limit", attempts: 0, guessed: !can.tellsReset });
    if (can.tellsReset) expect(String(limit["resetsAt"])).toBe(new Date(resetsAt).toISOString());
    expect(await agent.events("turn_ended")).toEqual([]);
    await goesOn(agent);
    expect(await limitOf(agent)).toBeUndefined();
  });

  test.if(can.limits)("over a death of its program it waits on", async () => {
    const agent = await start([{ fail: "usage_limit", message: "used up", resetsAt: Date.now() + HOUR_MS }]);
    await agent.reaches("limited");
    const debug = await daemon().api().get(`${agent.path}/debug`);
    process.kill(Number(debug["process"]?.["pid"]), "SIGKILL");
    await eventually("the exit to be seen", async () => String((await agent.view())["process"]) === "parked");
    expect(String((await agent.view())["status"])).toBe("limited");
    await goesOn(agent);
  });

  test.if(can.limits)("over a restart of the daemon it waits on", async () => {
    const agent = await start([{ fail: "usage_limit", message: "used up", resetsAt: Date.now() + HOUR_MS }]);
    await agent.reaches("limited");
    await daemon().restart();
    expect(await limitOf(agent)).toMatchObject({ class: "limit" });
    await goesOn(agent);
  });

  test.if(can.limits)("a burst of requests that was refused is no limit", async () => {
    const agent = await start([{ fail: "burst", message: "slow down" }]);
    const failed = await agent.reaches("error", "limited");
    expect(String(failed["status"])).toBe("error");
    expect(String(failed["turn"]?.["error"]?.["code"])).not.toBe("USAGE_LIMIT");
  });

  test.if(can.waitsForLimit)("one that waits by itself is taken out of it, and the turn goes on", async () => {
    const agent = await start([{ waitsUntil: Date.now() + HOUR_MS, message: "5 hour usage limit reached" }]);
    await eventually("the turn to be laid down", async () => {
      const inputs = (await daemon().api().get(`${agent.path}/inputs`))["inputs"];
      return String(inputs?.[0]?.["state"]) === "ended";
    });
    expect(String((await agent.view())["status"])).toBe("limited");
    expect(await limitOf(agent)).toMatchObject({ class: "limit", guessed: false });
    await goesOn(agent);
  });

  test.if(can.unpaid).each([
    ["billing", "BILLING"],
    ["auth", "AUTH_REQUIRED"],
  ])("%s: an error of that name, the queue is held, and the next input tries again", async (code, called) => {
    const agent = await start([{ fail: code, message: "a person has to look" }]);
    const failed = await agent.reaches("error", "limited");
    expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed", error: { code: called } } });
    await agent.send("again");
    await agent.reaches("idle");
    expect((await agent.said()).at(-1)).toBe("echo: again");
  });
}
