/** When an OpenCode turn is over, and how, from what the server has stored. */
import { describe, expect, test } from "bun:test";
import { isIdOf, messageIdAfter, messageIdOf } from "../../../src/bridge/message-id.ts";
import type { Question, Verdict } from "../../../src/bridge/verdict.ts";
import { judge } from "../../../src/bridge/verdict.ts";
import type { MessageInfo, WireMessage } from "../../../src/bridge/wire.ts";
import { readEvent, readMessages, readStatuses } from "../../../src/bridge/wire.ts";

const ANCHOR = "msg_000000000010";

function answer(changes: Partial<MessageInfo> = {}): WireMessage {
  const info: MessageInfo = {
    id: "msg_000000000020",
    session: "ses_1",
    role: "assistant",
    answers: ANCHOR,
    completed: true,
    finish: "stop",
    error: null,
    ...changes,
  };
  return { info, parts: [] };
}

const base: Question = {
  status: { type: "idle" },
  messages: [],
  anchor: ANCHOR,
  error: null,
  interrupting: false,
  refused: false,
  orphan: false,
  waitedMs: 0,
};
const failed = { code: "APIError", message: "no", aborted: false };

describe("the verdict on a turn", () => {
  const rows: readonly [name: string, question: Partial<Question>, verdict: Verdict][] = [
    ["a complete answer", { messages: [answer()] }, { over: true, outcome: "completed", error: null }],
    [
      "an answer made after the clock was set back: its id is below that of what it answers",
      { messages: [answer({ id: "msg_000000000005" })] },
      { over: true, outcome: "completed", error: null },
    ],
    [
      "an answer to an earlier input is none to this one",
      { messages: [answer({ id: "msg_000000000005", answers: "msg_000000000004" })], waitedMs: 1000 },
      { over: false, why: "incomplete" },
    ],
    [
      "a complete answer while the session works on",
      { messages: [answer()], status: { type: "busy" } },
      { over: false, why: "busy" },
    ],
    ["a retry is work", { status: { type: "retry", attempt: 3, message: "overloaded" } }, { over: false, why: "busy" }],
    [
      "the first idle of a failure: the message has no end yet",
      { messages: [answer({ completed: false, finish: "" })] },
      { over: false, why: "incomplete" },
    ],
    [
      "its second idle",
      { messages: [answer({ finish: "", error: failed })] },
      { over: true, outcome: "failed", error: { code: "APIError", message: "no" } },
    ],
    [
      "an abort",
      { messages: [answer({ finish: "", error: { ...failed, aborted: true } })] },
      { over: true, outcome: "interrupted", error: null },
    ],
    [
      "an interrupt that came after the last word",
      { messages: [answer()], interrupting: true },
      { over: true, outcome: "completed", error: null },
    ],
    [
      "an interrupt that refused a sub-agent's question, and the parent's last words before the abort reached it",
      { messages: [answer()], interrupting: true, refused: true },
      { over: true, outcome: "interrupted", error: null },
    ],
    [
      "an abort during a retry leaves neither reason nor error",
      { messages: [answer({ finish: "" })] },
      { over: true, outcome: "interrupted", error: null },
    ],
    [
      "a refused tool ends a turn without an error",
      { messages: [answer({ finish: "tool-calls" })] },
      { over: true, outcome: "completed", error: null },
    ],
    [
      "the last of several steps counts",
      { messages: [answer({ finish: "tool-calls" }), answer({ id: "msg_000000000030", finish: "", error: failed })] },
      { over: true, outcome: "failed", error: { code: "APIError", message: "no" } },
    ],
    [
      "answers from before the input do not count",
      { messages: [answer({ id: "msg_000000000005", answers: "msg_000000000001" })] },
      { over: false, why: "incomplete" },
    ],
    [
      "no such model: an error and never an answer, at once",
      { error: { code: "UnknownError", message: "Model not found" } },
      { over: false, why: "incomplete" },
    ],
    [
      "no such model, a little later",
      { error: { code: "UnknownError", message: "Model not found" }, waitedMs: 1000 },
      { over: true, outcome: "failed", error: { code: "UnknownError", message: "Model not found" } },
    ],
    [
      "interrupted before there was an answer",
      { interrupting: true, waitedMs: 1000 },
      { over: true, outcome: "interrupted", error: null },
    ],
    ["idle without an answer: wait", { waitedMs: 10_000 }, { over: false, why: "incomplete" }],
  ];
  test.each(rows)("%s", (_name, question, verdict) => expect(judge({ ...base, ...question })).toEqual(verdict));

  test("what a dead server began is lost, unless it had been completed", () => {
    expect(judge({ ...base, orphan: true, messages: [answer({ completed: false })] })).toMatchObject({
      over: true,
      outcome: "lost",
    });
    expect(judge({ ...base, orphan: true })).toMatchObject({ over: true, outcome: "lost" });
    expect(judge({ ...base, orphan: true, messages: [answer()] })).toMatchObject({ over: true, outcome: "completed" });
    // Died between two steps: the one that calls tools is complete, the answer was never begun. Was told as completed.
    const step = answer({ finish: "tool-calls" });
    expect(judge({ ...base, orphan: true, messages: [step] })).toMatchObject({ over: true, outcome: "lost" });
    expect(judge({ ...base, messages: [step] })).toMatchObject({ over: true, outcome: "completed" });
  });

  test("idle for ever without an answer is a failure that says so", () => {
    expect(judge({ ...base, waitedMs: 60_000 })).toMatchObject({
      over: true,
      outcome: "failed",
      error: { code: "NO_ANSWER" },
    });
    expect(judge({ ...base, waitedMs: 60_000, messages: [answer({ completed: false })] })).toMatchObject({
      error: { code: "INCOMPLETE" },
    });
  });
});

describe("message ids", () => {
  const at = Date.UTC(2026, 10, 22);

  test("the same input always has the same id, in OpenCode's shape, and later ones are greater", () => {
    const id = messageIdOf("key", at);
    expect(id).toMatch(/^msg_[0-9a-f]{12}[0-9A-Za-z]{14}$/);
    expect(messageIdOf("key", at)).toBe(id);
    expect(messageIdOf("other", at + 1) > id).toBe(true);
    // From a capture: made by OpenCode itself at this moment.
    expect(messageIdOf("key", 1795341719002).slice(0, 16)).toBe("msg_202b495da000");
  });

  test("with a clock put back, the id goes behind the newest message and is still recognised", () => {
    const newest = "msg_202b495e6001CbuRP1gTNqX5t6";
    const id = messageIdAfter(newest, "key");
    expect([id > newest, isIdOf(id, "key"), isIdOf(id, "other")]).toEqual([true, true, false]);
  });
});

describe("the server's events", () => {
  const rows: readonly [json: unknown, type: string][] = [
    [{ type: "session.status", properties: { sessionID: "s", status: { type: "idle" } } }, "status"],
    [{ type: "session.idle", properties: { sessionID: "s" } }, "silent"],
    [{ type: "server.heartbeat", properties: {} }, "silent"],
    [{ type: "permission.replied", properties: { sessionID: "s", requestID: "per_1", reply: "once" } }, "settled"],
    [{ type: "question.rejected", properties: { sessionID: "s", requestID: "que_1" } }, "settled"],
    [{ type: "message.updated", properties: {} }, "unknown"],
    [{ type: "brand.new", properties: {} }, "unknown"],
    ["text", "unknown"],
    [null, "unknown"],
  ];
  test.each(rows)("%j", (json, type) => expect(readEvent(json, 0).type).toBe(type as never));

  test("a next try is told with how far away it is: by the daemon's clock it may be days", () => {
    const status = { type: "retry", attempt: 1, message: "overloaded", next: 1_700_000_002_000 };
    const read = readEvent({ type: "session.status", properties: { sessionID: "s", status } }, 1_700_000_000_000);
    expect(read).toMatchObject({ status: { next: 1_700_000_002_000, inMs: 2000 } });
    expect(readStatuses({ s: status }, 1_700_000_000_000).get("s")).toMatchObject({ inMs: 2000 });
  });

  test("an error keeps its first line and its HTTP status", () => {
    const error = {
      name: "UnknownError",
      data: { message: "Model not found: a/b\n    at prompt (chunk.js:1:1)", statusCode: 400 },
    };
    expect(readEvent({ type: "session.error", properties: { sessionID: "s", error } }, 0)).toEqual({
      type: "error",
      session: "s",
      error: { code: "UnknownError", message: "Model not found: a/b (HTTP 400)", aborted: false },
    });
  });

  test("a list that is none, and messages without an id, are nothing", () => {
    expect([readMessages("<html>"), readMessages([{ info: {} }, 7])]).toEqual([[], []]);
  });
});
