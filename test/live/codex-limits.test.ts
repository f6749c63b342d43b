// file-timeout: 900 s
/** The real Codex against a stub that answers as its service does for an account that cannot work on. */
import { expect, test } from "bun:test";
import { end, home, model, real, start, stub, ways } from "./codex-live.ts";
import { lastText } from "./codex-pipe.ts";
import type { ModelStep } from "./stub-responses.ts";

const inFiveHours = (): number => Math.floor(Date.now() / 1000) + 18_000;
const used = (resetsAt: number): ModelStep => ({
  status: 429,
  times: 1,
  error: { type: "usage_limit_reached", plan_type: "plus", resets_at: resetsAt, resets_in_seconds: 18_000 },
  headers: {
    "x-codex-primary-used-percent": "100",
    "x-codex-primary-window-minutes": "300",
    "x-codex-primary-reset-at": String(resetsAt),
    "x-codex-secondary-used-percent": "40",
    "x-codex-secondary-window-minutes": "10080",
    "x-codex-secondary-reset-at": String(resetsAt + 200_000),
  },
});

real("the real Codex at the end of its account", () => {
  test("its 5-hour limit, with the exact reset; told to continue, it goes on with the conversation whole", async () => {
    const resetsAt = inFiveHours();
    const pipe = await start(home({ permissions: "allow" }));
    const facts = await pipe.turn(model({ run: "echo so far" }, used(resetsAt)));
    expect(end(facts)).toMatchObject({
      outcome: "failed",
      limit: { class: "limit", scope: "five_hour", resetsAt: resetsAt * 1000 },
    });
    expect(facts).toContainEqual(expect.objectContaining({ type: "allowance" }));
    const after = await pipe.turn("continue");
    expect(end(after)?.outcome).toBe("completed");
    expect(lastText(after)).toBe("echo: continue");
    const conversation = JSON.stringify(stub.requests.at(-1)?.body);
    expect(conversation).toContain("so far");
  });

  const quota = { type: "insufficient_quota", code: "insufficient_quota" };
  test.each([
    ["no quota, which has the limit's own code", 429, quota, ways.tellsQuota ? "billing" : undefined],
    ["another plan is wanted", 429, { type: "usage_not_included" }, "billing"],
    ["it has to be paid", 402, {}, "billing"],
    ["it has to be logged in to", 401, {}, "auth"],
  ] as const)("%s", async (_what, status, error, kind) => {
    const pipe = await start();
    const ended = end(await pipe.turn(model({ status, error, times: 20 })));
    expect([ended?.outcome, ended?.limit?.class]).toEqual(["failed", kind]);
  });

  test("a burst that is refused is no limit", async () => {
    const pipe = await start();
    const ended = end(await pipe.turn(model({ status: 429, times: 20 })));
    expect(ended?.outcome).toBe("failed");
    expect(ended?.limit).toBeUndefined();
  });
});
