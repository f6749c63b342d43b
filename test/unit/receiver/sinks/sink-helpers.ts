/** What the tests of both sinks send. */
import type { HarnessEvent } from "../../../../src/receiver/event.ts";
import type { Delivery } from "../../../../src/receiver/sink.ts";

const event: HarnessEvent = {
  ...{
    event: "agent_completed",
    project: "lumen",
    agentId: "a3f2b1c0",
    provider: "codex",
    status: "idle",
    lastMessage: "All tests pass.",
  },
  ...{
    timestampMs: Date.UTC(2026, 1, 18),
    name: null,
    node: null,
    error: null,
    question: null,
    verify: null,
    result: null,
    account: null,
    changes: null,
    budget: null,
    durationMs: null,
    metadata: {},
    truncated: false,
  },
};
export const delivery = (change: Partial<HarnessEvent> = {}, id = "1a2b3c4d5e"): Delivery => ({
  seq: 1,
  id,
  event: { ...event, ...change },
});
export const never = new AbortController().signal;
