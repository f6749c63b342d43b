/** What of OpenClaw's answers is about one wake, about its set-up, or not OpenClaw's at all. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "../../../../src/lib/clock.ts";
import type { HarnessEvent } from "../../../../src/receiver/event.ts";
import { classifyRun } from "../../../../src/receiver/sinks/openclaw-cli.ts";
import { createOpenclawSink } from "../../../../src/receiver/sinks/openclaw.ts";
import { startFakeHook, type FakeHook } from "../../../fakes/openclaw-hook.ts";
import { delivery, never } from "./sink-helpers.ts";

let hook: FakeHook;
beforeEach(() => {
  hook = startFakeHook();
});
afterEach(() => hook.stop());

const send = (sessionKey: string | null = null, change: Partial<HarnessEvent> = {}) =>
  createOpenclawSink(
    { hook: { url: hook.url, token: hook.token }, cli: null, mode: "now", sessionKey },
    systemClock,
  ).send([delivery(change)], never);

describe("an answer that is not OpenClaw's", () => {
  for (const status of [200, 400, 401, 403, 404, 413])
    test(`a page with ${status} is tried again`, async () => {
      hook.script.push({ status, body: "<html>sign in</html>", headers: { "Content-Type": "text/html" } });
      expect((await send()).outcome).toMatchObject({ type: "retry", reason: expect.stringContaining("page") });
    });

  test("a 403 or 413 in other words than OpenClaw's kills no wake", async () => {
    hook.script.push({ status: 403, body: "denied" }, { status: 413, body: "too big for me" });
    expect((await send()).outcome.type).toBe("retry");
    expect((await send()).outcome.type).toBe("retry");
  });

  test("a 405 is a wrong address: the sink stops and says which key", async () => {
    hook.script.push({ status: 405, body: "Method Not Allowed" });
    expect((await send()).outcome).toMatchObject({
      type: "stopped",
      reason: expect.stringContaining("openclaw.hookUrl"),
    });
  });
});

describe("a session that OpenClaw refuses", () => {
  test("and that the agent's metadata names: the news goes to the session of all others", async () => {
    expect((await send(null, { metadata: { sessionKey: "agent:gone:main" } })).outcome.type).toBe("delivered");
    expect(hook.wakes.map((wake) => wake.sessionKey)).toEqual([null]);
  });

  test("and that is configured: no wake is lost, the sink stops and says which key", async () => {
    expect((await send("agent:gone:main")).outcome).toMatchObject({
      type: "stopped",
      reason: expect.stringContaining("mend openclaw.sessionKey"),
    });
  });

  test("over the command is the same refusal", () => {
    const stdout = JSON.stringify({ ok: false, error: { message: "cron job agent is unavailable: ghost" } });
    expect(classifyRun({ type: "exited", code: 1, stdout, stderr: "" })).toMatchObject({
      type: "refused",
      session: true,
    });
  });
});
