/**
 * The body of a notice. The kind looked for: a text of an agent that makes a notice larger than its receiver takes, so
 * that nobody is told. Found: `error.code`, the tool's name, the permission's options, the name of a provider, and the
 * sum of all limits where JSON escapes every letter.
 */
import { describe, expect, test } from "bun:test";
import { readEvent } from "../../../src/receiver/event.ts";
import { BODY_MAX_BYTES, LAST_MESSAGE_MAX, webhookBody, type Notice } from "../../../src/webhook/payload.ts";

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
      asOf: "2026-02-18T09:59:00.000Z",
      node: "build-1",
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
      ...["error", "turnId", "turns", "name", "node", "asOf", "permission", "metadata"],
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

describe("a notice always fits its receiver", () => {
  const huge = (unit: string) => unit.repeat(1_000_000);
  const turn = {
    id: "t".repeat(16),
    outcome: "failed",
    startedAt: "2026-02-18T09:00:00.000Z",
    endedAt: "x".repeat(24),
  };
  const ask = { id: "p1", kind: "tool", tool: "Bash", title: "t", options: ["allow"] };
  const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, n) => [`k${n}`, "m".repeat(240)]));
  const cases = new Map<string, Partial<Notice>>([
    ["a message", { lastMessage: huge("\u0001") }],
    ["an error's message", { error: { code: "X", message: huge("\u0001") } }],
    ["an error's code", { error: { code: huge("c"), message: "m" } }],
    ["a tool's name", { permission: { ...ask, tool: huge("b") } }],
    ["a title", { permission: { ...ask, title: huge("🎉") } }],
    ["options", { permission: { ...ask, options: Array(9999).fill("o".repeat(999)) } }],
    ["a provider's name", { provider: huge("p") }],
    ["turns", { turns: Array.from({ length: 99_999 }, () => turn) }],
    [
      "all at once",
      {
        lastMessage: huge("\u0001"),
        error: { code: huge("\u0001"), message: huge("\u0001") },
        permission: { ...ask, tool: huge("\u0001"), title: huge("\u0001"), options: Array(99).fill(huge("\u0001")) },
        turns: Array.from({ length: 300 }, () => turn),
        metadata,
      },
    ],
  ]);
  // Only the names are given to the runner: it writes down all that it is given.
  test.each([...cases.keys()])("whatever the size of %s", (what) => {
    const body = webhookBody({ ...notice, ...cases.get(what) });
    expect(Buffer.byteLength(body)).toBeLessThanOrEqual(BODY_MAX_BYTES);
    expect(readEvent(JSON.parse(body)).ok).toBe(true);
  });
});
