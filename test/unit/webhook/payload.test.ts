import { describe, expect, test } from "bun:test";
import { LAST_MESSAGE_MAX, webhookBody, type Notice } from "../../../src/webhook/payload.ts";

const notice: Notice = {
  event: "agent_completed",
  project: "lumen-fix-123",
  agentId: "a3f2b1c0",
  provider: "claude-code",
  status: "idle",
  lastMessage: "All tests pass.",
  timestampMs: Date.UTC(2026, 1, 18, 10),
};

describe("webhook body", () => {
  test("has exactly the seven keys in the documented order when nothing else is known", () => {
    expect(webhookBody(notice)).toBe(
      '{"event":"agent_completed","project":"lumen-fix-123","agentId":"a3f2b1c0","provider":"claude-code","status":"idle","lastMessage":"All tests pass.","timestamp":"2026-02-18T10:00:00.000Z"}',
    );
  });

  test("keeps lastMessage as null when the agent said nothing", () => {
    expect(webhookBody({ ...notice, lastMessage: null })).toContain('"lastMessage":null,"timestamp"');
  });

  test("adds the optional keys after the seven, whatever the order they were given in", () => {
    const body = webhookBody({
      metadata: { discordThreadId: "1" },
      permission: { id: "p1", kind: "tool", tool: "Bash", title: "rm -rf build", options: ["allow", "deny"] },
      name: "fix",
      turns: [
        { id: "t1", outcome: "failed", startedAt: "2026-02-18T09:00:00.000Z", endedAt: "2026-02-18T10:00:00.000Z" },
      ],
      turnId: "t1",
      error: { code: "rate_limit", message: "slow down" },
      ...notice,
      event: "agent_error",
      status: "error",
    });
    expect(Object.keys(JSON.parse(body))).toEqual([
      ...["event", "project", "agentId", "provider", "status", "lastMessage", "timestamp"],
      ...["error", "turnId", "turns", "name", "permission", "metadata"],
    ]);
  });

  test("leaves a message of the full length alone and marks a longer one", () => {
    const exact = JSON.parse(webhookBody({ ...notice, lastMessage: "x".repeat(LAST_MESSAGE_MAX) }));
    expect(exact.lastMessage).toHaveLength(LAST_MESSAGE_MAX);
    expect(exact).not.toHaveProperty("truncated");
    const longer = JSON.parse(webhookBody({ ...notice, lastMessage: "x".repeat(LAST_MESSAGE_MAX + 1) }));
    expect(longer.lastMessage).toHaveLength(LAST_MESSAGE_MAX);
    expect(longer.truncated).toBe(true);
  });

  test("never cuts a surrogate pair in half", () => {
    const { lastMessage } = JSON.parse(webhookBody({ ...notice, lastMessage: `x${"🎉".repeat(LAST_MESSAGE_MAX)}` }));
    expect(lastMessage).toHaveLength(LAST_MESSAGE_MAX - 1);
    expect(lastMessage.isWellFormed()).toBe(true);
  });
});
