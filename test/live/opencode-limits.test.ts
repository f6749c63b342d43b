// file-timeout: 900 s
/** The real OpenCode against a stub that answers as services do for an account that cannot work on. */
import { afterAll, expect, test } from "bun:test";
import { describeReal } from "./install.ts";
import { limitsStage, wentOnWhole } from "./limits-stage.ts";
import { stubConfig } from "./opencode-drive.ts";
import { installOpenCode } from "./opencode.install.ts";
import type { ChatStep } from "./stub-chat.ts";
import { startChatStub } from "./stub-chat.ts";

const installed = await installOpenCode(process.env);
const stub = startChatStub();
afterAll(() => stub.stop());

const HOUR = 3_600_000;
const work: ChatStep = { call: [{ name: "bash", args: { command: "echo so far", description: "a test" } }] };

describeReal("OpenCode", installed)("the real OpenCode at the end of its account", () => {
  const stage = limitsStage("opencode", {
    command: "path" in installed ? installed.path : "opencode",
    model: "stub/stub-1",
    env: stubConfig(stub.url),
  });

  test("a limit that it would wait out by itself is taken out of it, told once, and gone on from with all it did", async () => {
    const before = Date.now();
    const agent = await stage.make(work, { status: 429, headers: { "retry-after": "3600" }, times: "always" });
    const { limit } = await agent.reaches("limited");
    expect(limit).toMatchObject({ guessed: false, attempts: 0 } as never);
    const resetsAt = Date.parse(String(limit?.["resetsAt"]));
    expect(Math.abs(resetsAt - before - HOUR)).toBeLessThan(5 * 60_000);
    await agent.skip();
    await wentOnWhole(stage, agent, stub);
  });

  test("a burst that is refused is its own to repeat: nobody waits, nobody is told of a limit", async () => {
    const agent = await stage.make({ status: 429, times: 1, say: "there" });
    await agent.reaches("idle");
    expect(await agent.told(1)).toEqual(["agent_completed"]);
  });

  test.each([
    ["no money, which is a 401 as well", 401, { type: "CreditsError" }, "BILLING"],
    ["a payment is asked for", 402, {}, "BILLING"],
    ["a wrong key", 401, {}, "AUTH_REQUIRED"],
  ] as const)("%s: a person has to do something, and is told so", async (_what, status, error, code) => {
    const agent = await stage.make({ status, error, times: "always" });
    const { turn } = await agent.reaches("error");
    expect(String(turn?.["error"]?.["code"])).toBe(code);
    expect(await agent.told(1)).toEqual(["agent_error"]);
  });
});
