// file-timeout: 900 s
/** The real Claude Code against a stub that answers as the API does for an account that cannot work on. */
import { expect, test } from "bun:test";
import { bash, live, model, real } from "./claude-live.ts";
import type { ModelStep } from "./stub-anthropic.ts";

real("the real Claude Code at the end of its account", () => {
  const { stub, run } = live();
  /** Only a session that is signed in to a subscription knows limits. */
  const SIGNED_IN = { ANTHROPIC_API_KEY: "", CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-not-a-real-token" };
  const ends = async (env: Record<string, string>, ...steps: ModelStep[]) => {
    const loop = await run({}, {}, { CLAUDE_CODE_MAX_RETRIES: "1", ...env });
    loop.prompt(model(...steps));
    return { loop, end: await loop.fact("turn_ended", 1) };
  };
  const used = (resetsAt: number): ModelStep => ({
    status: 429,
    times: 1,
    error: "rate_limit_error",
    headers: {
      "anthropic-ratelimit-unified-status": "rejected",
      "anthropic-ratelimit-unified-reset": String(resetsAt),
      "anthropic-ratelimit-unified-representative-claim": "five_hour",
      "anthropic-ratelimit-unified-5h-status": "rejected",
      "anthropic-ratelimit-unified-5h-utilization": "1",
      "anthropic-ratelimit-unified-5h-reset": String(resetsAt),
      "retry-after": "18000",
    },
    text: "after the reset",
  });
  const inFiveHours = (): number => Math.floor(Date.now() / 1000) + 18_000;

  test("its 5-hour limit, with the exact reset; told to continue, it goes on with the conversation whole", async () => {
    const resetsAt = inFiveHours();
    const { loop, end } = await ends(SIGNED_IN, bash("true"), used(resetsAt));
    expect(end).toMatchObject({
      outcome: "failed",
      limit: { class: "limit", scope: "five_hour", resetsAt: resetsAt * 1000 },
    });
    expect((await loop.fact("allowance")).windows).toContainEqual(
      expect.objectContaining({ scope: "five_hour", usedPercent: 100 }),
    );
    const before = stub.requests.length;
    loop.prompt("continue");
    expect((await loop.fact("turn_ended", 2)).outcome).toBe("completed");
    const { conversation } = stub.requests[before] ?? { conversation: "" };
    // What it had done is there, the error is not.
    expect(conversation).toContain("tool_result");
    expect(conversation).toContain("continue");
    expect(conversation).not.toContain("5-hour limit");
  });

  test("a burst that is refused is no limit", async () => {
    const { end } = await ends(SIGNED_IN, { status: 429, error: "rate_limit_error" });
    expect(end.outcome).toBe("failed");
    expect(end.limit).toBeUndefined();
  });

  test.each([
    [
      "a low balance",
      400,
      "invalid_request_error",
      "Your credit balance is too low to access the Anthropic API.",
      "billing",
    ],
    ["a declined card", 402, "billing_error", "Your payment method was declined.", "billing"],
    ["a wrong key", 401, "authentication_error", "invalid x-api-key", "auth"],
  ] as const)("%s", async (_what, status, error, message, kind) => {
    const { end } = await ends({}, { status, error, message });
    expect(end).toMatchObject({ outcome: "failed", limit: { class: kind } });
  });
});
