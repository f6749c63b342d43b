// file-timeout: 900 s
/** The real Pi against a stub that answers as services do for an account that cannot work on. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { describeReal } from "./install.ts";
import { limitsStage, wentOnWhole } from "./limits-stage.ts";
import { writePiHome } from "./pi-home.ts";
import { installPi } from "./pi.install.ts";
import type { ChatStep } from "./stub-chat.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installPi(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const work: ChatStep = { call: [{ name: "bash", args: { command: "echo so far" } }] };
const used = { type: "usage_limit_reached", code: "usage_limit_reached" };

describeReal("Pi", installed)("the real Pi at the end of its account", () => {
  const stage = limitsStage(
    "pi",
    {
      command: "command" in installed ? installed.command : "pi",
      model: "stub/stub-1",
      env: { STUB_API_KEY: "stub-key" },
    },
    (box) => writePiHome(join(box.home, ".pi/agent"), stub.url),
  );

  test("a limit whose reset its words hold: parked until then, told once, and gone on from with all it did", async () => {
    const resetsAt = Math.floor(Date.now() / 1000) + 18_000;
    const agent = await stage.make(work, { status: 429, error: { ...used, resets_at: resetsAt }, times: "always" });
    const { limit } = await agent.reaches("limited");
    expect(limit).toMatchObject({ guessed: false, resetsAt: new Date(resetsAt * 1000).toISOString() } as never);
    await agent.skip();
    await wentOnWhole(stage, agent, stub);
  });

  test("without one it is tried again by itself, and goes on when it is over", async () => {
    const agent = await stage.make(work, { status: 429, error: used, times: "always" });
    expect((await agent.reaches("limited"))["limit"]).toMatchObject({ guessed: true } as never);
    await wentOnWhole(stage, agent, stub);
  });

  test("a burst that is refused is its own to repeat: nobody waits, nobody is told of a limit", async () => {
    const agent = await stage.make({ status: 429, times: 1, say: "there" });
    await agent.reaches("idle");
    expect(await agent.told(1)).toEqual(["agent_completed"]);
  });

  test.each([
    ["no quota, which is a 429 as well", 429, { type: "insufficient_quota", code: "insufficient_quota" }, "BILLING"],
    ["a payment is asked for", 402, {}, "BILLING"],
    ["a wrong key", 401, {}, "AUTH_REQUIRED"],
  ] as const)("%s: a person has to do something, and is told so", async (_what, status, error, code) => {
    const agent = await stage.make({ status, error, times: "always" });
    const { turn } = await agent.reaches("error");
    expect(String(turn?.["error"]?.["code"])).toBe(code);
    expect(await agent.told(1)).toEqual(["agent_error"]);
  });
});
