/** How Pi is started, shakes hands, speaks, and is taken over by a new daemon. */
import { describe, expect, test } from "bun:test";
import { piCodec } from "../../../../src/providers/pi/codec.ts";
import { turnError } from "../../../../src/providers/pi/run.ts";
import {
  assistant,
  handshake,
  launchContext,
  readyTalk,
  response,
  start,
  talk,
  toolEnd,
  toolStart,
} from "./helpers.ts";

describe("how Pi is launched", () => {
  test("the same command line begins and resumes a conversation", () => {
    const { argv } = piCodec.launch(launchContext());
    expect(argv).toEqual([
      "/usr/bin/pi",
      "--mode",
      "rpc",
      "--session-dir",
      "/state/agents/a3f2b1c0/pi/sessions",
      "--session-id",
      "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c",
      "--no-approve",
      "--model",
      "anthropic/opus",
      "-e",
      "/state/agents/a3f2b1c0/pi/permissions.mjs",
    ]);
    expect(piCodec.launch(launchContext({ session: "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c" })).argv).toEqual(argv);
  });

  test("a trusted project is approved, allow loads no extension, no model gives no switch", () => {
    const { argv, files } = piCodec.launch(
      launchContext({ trusted: true, permissions: "allow", model: null, args: ["--thinking", "high"] }),
    );
    expect(argv).toEqual([
      "/usr/bin/pi",
      "--thinking",
      "high",
      "--mode",
      "rpc",
      "--session-dir",
      "/state/agents/a3f2b1c0/pi/sessions",
      "--session-id",
      "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c",
      "--approve",
    ]);
    expect(files).toEqual([]);
  });

  test("a system prompt goes by file, so that a text that names a file is not read as that file", () => {
    const { argv, files } = piCodec.launch(launchContext({ systemPrompt: "/etc/passwd", permissions: "allow" }));
    expect(argv.slice(-2)).toEqual(["--append-system-prompt", "/state/agents/a3f2b1c0/pi/system-prompt.md"]);
    expect(files).toEqual([{ path: "pi/system-prompt.md", content: "/etc/passwd" }]);
  });

  test("calls home are off unless the environment says otherwise", () => {
    expect(piCodec.launch(launchContext()).env).toEqual({
      PI_OFFLINE: "1",
      PI_TELEMETRY: "0",
      PI_SKIP_VERSION_CHECK: "1",
    });
    expect(piCodec.launch(launchContext({ env: { PI_OFFLINE: "0" } })).env).not.toHaveProperty("PI_OFFLINE");
  });
});

describe("the handshake", () => {
  const begin = (launch = {}) =>
    talk(piCodec.start({ launch: launchContext(launch), nowMs: 0, unconfirmed: [], grants: [] }));

  test("is over when all three questions are answered, in any order", () => {
    const it = begin();
    expect(it.lines.map(({ type }) => type)).toEqual(["get_state", "clear_queue", "get_session_stats"]);
    const [state, queue, stats] = handshake;
    it.frames(stats, queue);
    expect(it.facts).toEqual([]);
    it.frames(state);
    expect(it.facts).toEqual([{ type: "session", id: "s1" }, { type: "ready" }]);
  });

  test("a Pi that does not know clear_queue is too old", () => {
    const it = begin().frames(
      response("clear_queue", "handshake-clear_queue", { error: "Unknown command: clear_queue" }, false),
      handshake[0],
      handshake[2],
    );
    expect(it.facts).toEqual([
      { type: "start_failed", code: "VERSION_UNSUPPORTED", message: expect.stringContaining("older than 0.84.4") },
    ]);
  });

  test("says which model Pi took when none was given", () => {
    expect(begin({ model: null }).frames(...handshake).facts).toContainEqual({
      type: "note",
      level: "info",
      code: "model_not_set",
      message: expect.stringContaining("anthropic/opus"),
    });
  });

  test("totals go on from what the conversation has cost", () => {
    const stats = response("get_session_stats", "handshake-get_session_stats", {
      tokens: { input: 100, output: 20, cacheRead: 3, cacheWrite: 4 },
      cost: 0.5,
    });
    const it = begin()
      .frames(handshake[0], handshake[1], stats)
      .frames(assistant("hi", { usage: { input: 10, output: 2, cacheRead: 0, cacheWrite: 0, cost: { total: 0.25 } } }));
    expect(it.facts.filter(({ type }) => type === "usage").at(-1)).toEqual({
      type: "usage",
      usage: { inputTokens: 110, outputTokens: 22, cacheReadTokens: 3, cacheWriteTokens: 4, costUsd: 0.75 },
    });
  });
});

describe("a new daemon on the same process", () => {
  const adopt = { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false };
  const asking = () =>
    readyTalk().frames(...start, toolStart("c1"), {
      type: "extension_ui_request",
      id: "d1",
      method: "confirm",
      title: "Sure?",
      message: "really",
    });

  test("says answers again, closes what is no longer open, repeats an interrupt", () => {
    const it = asking();
    it.take();
    const answer = { id: "d1", decision: "allow", kind: "question", data: { method: "confirm" } } as const;
    it.do((state) => piCodec.adopt(state, { ...adopt, unsettled: [answer], open: ["d1", "gone"], interrupting: true }));
    expect(it.lines).toEqual([
      { type: "extension_ui_response", id: "d1", confirmed: true },
      { id: "clear", type: "clear_queue" },
      { id: "abort", type: "abort" },
    ]);
    expect(it.facts).toEqual([{ type: "permission_closed", id: "gone" }]);
  });

  test("asks again whether a prompt was handled, and leaves the rest of it alone", () => {
    const prompted = readyTalk().prompt("x");
    expect(prompted.take().lines).toHaveLength(1);
    expect(prompted.do((state) => piCodec.adopt(state, adopt)).lines).toEqual([]);
    prompted.frames(response("prompt", "k1"));
    prompted.take();
    expect(prompted.do((state) => piCodec.adopt(state, adopt)).lines).toEqual([
      { id: "handled?k1", type: "get_state" },
    ]);
  });
});

describe("what is said", () => {
  test("thinking, text and tools of one message share a key, results have their own", () => {
    const content = [
      { type: "thinking", thinking: "hm" },
      { type: "text", text: "Let me look." },
      { type: "toolCall", id: "c1", name: "bash", arguments: { command: "ls" } },
    ];
    const it = readyTalk().frames(...start, { type: "message_start", message: { role: "assistant" } });
    it.frames({ type: "message_update", assistantMessageEvent: { type: "text_delta", contentIndex: 1, delta: "Let" } });
    it.frames(
      { type: "message_end", message: { role: "assistant", content, stopReason: "toolUse" } },
      toolStart("c1"),
      toolEnd("c1"),
    );
    it.frames({
      type: "message_end",
      message: {
        role: "toolResult",
        toolCallId: "c1",
        content: [
          { type: "text", text: "a" },
          { type: "image", data: "…" },
        ],
        isError: true,
      },
    });
    expect(it.take().facts.slice(1)).toEqual([
      { type: "delta", key: "m1", text: "Let" },
      { type: "part", key: "m1", role: "assistant", part: { type: "thinking", text: "hm" } },
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "Let me look." } },
      {
        type: "part",
        key: "m1",
        role: "assistant",
        part: { type: "tool_use", id: "c1", name: "bash", input: { command: "ls" } },
      },
      { type: "message_done", key: "m1" },
      {
        type: "part",
        key: "m2",
        role: "tool",
        part: { type: "tool_result", id: "c1", text: "a[image]", isError: true },
      },
      { type: "message_done", key: "m2" },
    ]);
  });

  test("Pi's system prompt and empty messages are no messages", () => {
    const it = readyTalk().frames(
      ...start,
      { type: "message_end", message: { role: "system", content: "long" } },
      assistant(""),
    );
    expect(it.facts).toEqual([{ type: "turn_started" }]);
  });

  test("garbage, unknown kinds and a torn line change nothing but are told", () => {
    const it = readyTalk();
    it.do((state) => piCodec.frame(state, { raw: "%%%", json: undefined }, 0));
    it.frames(
      null,
      [],
      { type: "novelty" },
      { type: "response", command: "parse", success: false, error: "Failed to parse" },
      { type: "response", command: "parse", success: false, error: "Failed to parse again" },
    );
    expect(it.facts).toEqual([
      { type: "unknown_frame", kind: "not a JSON object" },
      { type: "unknown_frame", kind: "not a JSON object" },
      { type: "unknown_frame", kind: "not a JSON object" },
      { type: "unknown_frame", kind: "novelty" },
      { type: "note", level: "warn", code: "torn_line", message: "Failed to parse" },
      { type: "unknown_frame", kind: "no JSON" }, // one is told, a flood is counted
    ]);
  });

  test.each([
    ['401: {"message":"no","type":"authentication_error"}', "authentication_error"],
    ['401 {"type":"error","error":{"type":"authentication_error","message":"no"}}', "authentication_error"],
    ["429: slow down", "http_429"],
    ["Connection error.", "provider_error"],
    ["500: {broken", "http_500"],
  ])("the error %s has the code %s", (message, code) => {
    expect(turnError(message)).toEqual({ code, message });
  });

  test("a raw input that begins with a slash is kept from being expanded, others go out as they are", () => {
    const sent = (text: string, raw: boolean) => readyTalk().prompt(text, { raw }).lines[0]?.["message"];
    expect(sent("/help me", true)).toBe(" /help me");
    expect(sent("/help me", false)).toBe("/help me");
    expect(sent("a\u2028b", true)).toBe("a\u2028b");
  });
});
