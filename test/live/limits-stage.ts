/**
 * Real programs at the end of their account, behind the compiled daemon: what is parked, who is told, and what the
 * model is sent when it goes on. Waits of the daemon's own are a hundredth of what they are (`AH_TEST_PACE`).
 */
import { afterAll, afterEach, beforeAll, expect } from "bun:test";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import type { Hook } from "../support/hook.ts";
import { startHook } from "../support/hook.ts";
import { PATIENCE_MS } from "./patience.ts";
import type { ChatStep, ChatStub } from "./stub-chat.ts";

export interface LimitsStage {
  readonly box: () => Box;
  /** An agent that may do all, with answers of the model for its first input. */
  make(...steps: readonly ChatStep[]): Promise<LimitedAgent>;
}

export interface LimitedAgent {
  readonly path: string;
  reaches(status: string): Promise<Json>;
  /** Waits no longer. */
  skip(): Promise<void>;
  /** What its receiver was told, each notice once, when there are so many. */
  told(count: number): Promise<string[]>;
}

export function limitsStage(
  provider: string,
  settings: Record<string, unknown>,
  prepare: (box: Box) => void = () => undefined,
): LimitsStage {
  let box: Box;
  let hook: Hook;
  let made: string[] = [];
  beforeAll(async () => {
    hook = await startHook();
    box = await makeBox(
      { webhook: { url: hook.url() }, providers: { [provider]: settings } },
      { AH_TEST_PACE: "0.01" },
    );
    prepare(box);
    await (await box.start()).post("/projects", { name: "p", cwd: box.cwd });
  });
  // The next one is not to find the account at its limit.
  afterEach(async () => {
    for (const path of made) await box.api().call("DELETE", path);
    made = [];
    await eventually("nobody to wait", async () => {
      const accounts = [...((await box.api().get("/accounts"))["accounts"] ?? [])];
      for (const { name, limits } of accounts)
        if ([...(limits ?? [])].length > 0)
          await box.api().call("POST", `/accounts/${encodeURIComponent(String(name))}/retry`);
      return accounts.every(({ limits }) => [...(limits ?? [])].every((each) => String(each["class"]) !== "limit"));
    });
  });
  afterAll(async () => {
    await box.close();
    await hook.down();
  });
  return {
    box: () => box,
    async make(...steps) {
      const task = `MODEL ${JSON.stringify(steps)}`;
      const answer = await box.api().post("/projects/p/agents", { provider, task, permissions: "allow" });
      const id = String(answer["agent"]?.["id"]);
      const path = `/projects/p/agents/${id}`;
      made.push(path);
      const seen = (): Map<string, string> =>
        new Map(hook.of(id).map((each) => [each.id, String(each.body["event"])] as const));
      return {
        path,
        reaches: (status) =>
          eventually(
            `the agent to be ${status}`,
            async () => {
              const agent = (await box.api().get(path))["agent"] as Json;
              return String(agent["status"]) === status && agent;
            },
            PATIENCE_MS,
          ),
        // It is limited from the moment at which it is taken out of its program's own wait.
        skip: async () =>
          void (await eventually(
            "it to wait here",
            async () => (await box.api().call("POST", `${path}/limit/skip`)).status < 300,
            PATIENCE_MS,
          )),
        async told(count) {
          await eventually(`${count} notices`, () => seen().size >= count);
          return [...seen().values()];
        },
      };
    },
  };
}

/** The turn that waited is one, was told of once, and its model was sent all that was said and done before. */
export async function wentOnWhole({ box }: LimitsStage, agent: LimitedAgent, stub: ChatStub): Promise<void> {
  await agent.reaches("idle");
  expect(await agent.told(3)).toEqual(["agent_limited", "agent_resumed", "agent_completed"]);
  const { turns } = await box().api().get(`${agent.path}/turns`);
  expect([...(turns ?? [])].map((turn) => String(turn["outcome"]))).toEqual(["completed"]);
  const { inputs } = await box().api().get(`${agent.path}/inputs`);
  expect([...(inputs ?? [])].map((each) => `${each["origin"]} ${each["state"]}`)).toEqual([
    "user ended",
    "limit ended",
  ]);
  const sent = JSON.stringify(stub.requests.at(-1)?.body);
  expect(sent).toContain("MODEL [");
  expect(sent).toContain("so far");
  expect(stub.requests.at(-1)?.text).toBe("continue");
}
