/** When a turn of an ACP agent begins and ends, and what an interrupt does to it. */
import { describe, expect, test } from "bun:test";
import type { ProviderFact } from "../../../../src/providers/contract.ts";
import { drive, ready, SESSION } from "./drive.ts";

const parts = (facts: readonly ProviderFact[]) =>
  facts.flatMap((fact) => (fact.type === "part" ? [{ key: fact.key, ...fact.part }] : []));
const ended = (facts: readonly ProviderFact[]) => facts.at(-1);

describe("an input", () => {
  test("is one session/prompt with an id of ours", () => {
    const driven = ready();
    driven.prompt("grüße 🎉");
    expect(driven.sent()).toEqual([
      {
        jsonrpc: "2.0",
        id: 3,
        method: "session/prompt",
        params: { sessionId: SESSION, prompt: [{ type: "text", text: "grüße 🎉" }] },
      },
    ]);
  });

  test("is not accepted by what an agent says about itself, only by work or the answer", () => {
    const driven = ready();
    driven.prompt();
    const gossip = [
      "available_commands_update",
      "config_option_update",
      "current_mode_update",
      "session_info_update",
      "usage_update",
      "user_message_chunk",
    ];
    expect(gossip.flatMap((sessionUpdate) => driven.update({ sessionUpdate }))).toEqual([]);
    expect(driven.ends({ stopReason: "end_turn" })).toEqual([
      { type: "session", id: SESSION },
      { type: "input_accepted", key: "k1" },
      { type: "turn_started" },
      { type: "turn_ended", outcome: "completed" },
    ]);
  });

  test("that begins with a slash cannot be sent verbatim, and that is said", () => {
    expect(ready().prompt("/help", true)).toMatchObject([{ type: "note", code: "raw_not_supported" }]);
    expect(ready().prompt("/help", false)).toEqual([]);
  });
});

describe("the end of a turn", () => {
  test.each([
    ["end_turn", { type: "turn_ended", outcome: "completed" }],
    ["cancelled", { type: "turn_ended", outcome: "interrupted" }],
    ["max_tokens", { outcome: "failed", error: { code: "max_tokens" } }],
    ["max_turn_requests", { outcome: "failed", error: { code: "max_turn_requests" } }],
    ["refusal", { outcome: "failed", error: { code: "refusal" } }],
    ["something_new", { outcome: "failed", error: { code: "something_new" } }],
  ])("by stop reason %s", (stopReason, fact) => {
    const driven = ready();
    driven.prompt();
    expect(ended(driven.ends({ stopReason }))).toMatchObject(fact);
  });

  test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      "the agent's own name for it",
      { code: -32603, message: "Internal error: bad key", data: { errorName: "APIError" } },
      { code: "APIError", message: "Internal error: bad key" },
    ],
    [
      "a model service's JSON as message",
      { code: 401, message: '{"error":{"code":401,"message":"bad key"}}' },
      { code: "401", message: "bad key" },
    ],
    [
      "its reason in data",
      { code: -32603, message: "Internal error", data: "disk full" },
      { code: "-32603", message: "Internal error: disk full" },
    ],
    ["braces that are no JSON", { code: 1, message: "{oops" }, { code: "1", message: "{oops" }],
  ])("by an error with %s", (_what, error, expected) => {
    const driven = ready();
    driven.prompt();
    driven.text("so far");
    const facts = driven.fails(error);
    expect(parts(facts)).toMatchObject([{ text: "so far" }]);
    expect(ended(facts)).toMatchObject({ type: "turn_ended", outcome: "failed", error: expected });
  });

  test("by a login that ran out says how to mend it", () => {
    const driven = ready();
    driven.prompt();
    expect(ended(driven.fails({ code: -32000, message: "Authentication required" }))).toMatchObject({
      outcome: "failed",
      error: { code: "AUTH_REQUIRED", message: expect.stringContaining("start some-agent once in a terminal") },
    });
  });

  test("is told once: a repeated answer is nothing", () => {
    const driven = ready();
    driven.prompt();
    driven.ends({ stopReason: "end_turn" });
    expect(driven.says({ id: 3, result: { stopReason: "end_turn" } })).toEqual([
      { type: "unknown_frame", kind: "answer to nothing" },
    ]);
  });

  test("is never an answer to another request, nor a request of the agent with the same id", () => {
    const driven = ready();
    driven.prompt();
    driven.sent();
    driven.says({ id: 2, result: { stopReason: "end_turn" } });
    driven.says({ id: 3, method: "fs/write_text_file", params: {} });
    expect(driven.state.prompt).not.toBeNull();
    expect(driven.sent()).toEqual([
      { jsonrpc: "2.0", id: 3, error: { code: -32601, message: "this client does not support fs/write_text_file" } },
    ]);
  });

  test("adds up the figures of the turns; the cost is the session's", () => {
    const driven = ready();
    driven.prompt();
    driven.update({ sessionUpdate: "usage_update", used: 5, size: 100, cost: { amount: 0.5, currency: "USD" } });
    driven.ends({ stopReason: "end_turn", usage: { inputTokens: 10, outputTokens: 2, cachedReadTokens: 4 } });
    driven.prompt();
    const facts = driven.ends({
      stopReason: "end_turn",
      _meta: { quota: { token_count: { input_tokens: 7, output_tokens: 1 } } },
    });
    expect(facts).toContainEqual({
      type: "usage",
      usage: { costUsd: 0.5, inputTokens: 17, outputTokens: 3, cacheReadTokens: 4 },
    });
  });

  test("adds up the figures of its model calls where the agent tells them, and not those of the turn as well", () => {
    const driven = ready();
    driven.prompt();
    const call = (usage: object) => ({
      sessionUpdate: "agent_message_chunk",
      content: { type: "text", text: "" },
      _meta: { usage },
    });
    driven.update(call({ inputTokens: 100, outputTokens: 5, cachedReadTokens: 60 }));
    const facts = [
      ...driven.update(call({ inputTokens: 10, outputTokens: 2 })),
      ...driven.ends({ stopReason: "end_turn", usage: { inputTokens: 110, outputTokens: 7 } }),
    ];
    expect(facts.filter(({ type }) => type === "usage")).toEqual([
      { type: "usage", usage: { inputTokens: 50, outputTokens: 7, cacheReadTokens: 60 } },
    ]);
    expect(facts.some(({ type }) => type === "part")).toBe(false);
  });
});

describe("an interrupt", () => {
  test("is a notification, and only the answer ends the turn", () => {
    const driven = ready();
    driven.prompt();
    driven.text("a");
    driven.sent();
    expect(driven.interrupt()).toEqual([]);
    expect(driven.sent()).toEqual([{ jsonrpc: "2.0", method: "session/cancel", params: { sessionId: SESSION } }]);
    expect(ended(driven.ends({ stopReason: "cancelled" }))).toEqual({ type: "turn_ended", outcome: "interrupted" });
  });

  test.each(["end_turn", "max_tokens"])("answered with %s is an interrupted turn all the same", (stopReason) => {
    const driven = ready();
    driven.prompt();
    driven.interrupt();
    expect(ended(driven.ends({ stopReason }))).toEqual({ type: "turn_ended", outcome: "interrupted" });
  });

  test("answered with an error is an interrupted turn all the same", () => {
    const driven = ready();
    driven.prompt();
    driven.interrupt();
    expect(ended(driven.fails({ code: -32800, message: "Request cancelled" }))).toEqual({
      type: "turn_ended",
      outcome: "interrupted",
    });
  });

  test("does not stick to the next turn", () => {
    const driven = ready();
    driven.prompt();
    driven.interrupt();
    driven.ends({ stopReason: "cancelled" });
    driven.prompt();
    expect(ended(driven.ends({ stopReason: "end_turn" }))).toEqual({ type: "turn_ended", outcome: "completed" });
  });

  test("without a turn sends nothing", () => {
    const driven = ready();
    expect(driven.interrupt()).toEqual([]);
    expect(driven.sent()).toEqual([]);
  });

  test("is sent again by a daemon that was restarted while it waited for the end", () => {
    const driven = ready();
    driven.prompt();
    driven.interrupt();
    driven.sent();
    driven.adopt({ interrupting: true });
    expect(driven.sent()).toMatchObject([{ method: "session/cancel" }]);
  });
});

describe("what nobody knows", () => {
  test("is counted and never fatal", () => {
    const driven = ready();
    driven.prompt();
    expect(driven.update({ sessionUpdate: "novelty" })).toEqual([{ type: "unknown_frame", kind: "update novelty" }]);
    expect(driven.raw("Debugger listening")).toEqual([{ type: "unknown_frame", kind: "not a JSON object" }]);
    expect(driven.says({ method: "agent/thing" })).toEqual([
      { type: "unknown_frame", kind: "notification agent/thing" },
    ]);
    expect(driven.says({ id: null, error: { code: -32700, message: "Parse error" } })).toEqual([
      { type: "note", level: "warn", code: "protocol_error", message: "Parse error" },
    ]);
    expect(driven.update({})).toEqual([{ type: "unknown_frame", kind: "update " }]);
    expect(driven.says({ method: "session/update" })).toEqual([{ type: "unknown_frame", kind: "update " }]);
  });

  test("as a request is refused at once, also during the handshake", () => {
    const driven = drive();
    driven.sent();
    driven.says({ id: 0, method: "terminal/create", params: {} });
    expect(driven.sent()).toMatchObject([{ id: 0, error: { code: -32601 } }]);
  });
});
