import { describe, expect, test } from "bun:test";
import { piCodec } from "../../../../src/providers/pi/codec.ts";
import { turnError } from "../../../../src/providers/pi/run.ts";
import { agentEnd, assistant, ended, handshake, launchContext, readyTalk, response, settled, start, talk, toolEnd, toolStart, turnEnd, user } from "./helpers.ts";

const completed = { type: "turn_ended", outcome: "completed" } as const;
const interrupted = { type: "turn_ended", outcome: "interrupted" } as const;

describe("how Pi is launched", () => {
  test("the same command line begins and resumes a conversation", () => {
    const { argv } = piCodec.launch(launchContext());
    expect(argv).toEqual([
      "/usr/bin/pi", "--mode", "rpc", "--session-dir", "/state/agents/a3f2b1c0/pi/sessions", "--session-id", "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c",
      "--no-approve", "--model", "anthropic/opus", "-e", "/state/agents/a3f2b1c0/pi/permissions.mjs",
    ]);
    expect(piCodec.launch(launchContext({ session: "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c" })).argv).toEqual(argv);
  });

  test("a trusted project is approved, allow loads no extension, no model gives no switch", () => {
    const { argv, files } = piCodec.launch(launchContext({ trusted: true, permissions: "allow", model: null, args: ["--thinking", "high"] }));
    expect(argv).toEqual([
      "/usr/bin/pi", "--thinking", "high", "--mode", "rpc", "--session-dir", "/state/agents/a3f2b1c0/pi/sessions", "--session-id",
      "4a1f0c1e-7a52-4f0e-9d7c-1f0f6f1a2b3c", "--approve",
    ]);
    expect(files).toEqual([]);
  });

  test("a system prompt goes by file, so that a text that names a file is not read as that file", () => {
    const { argv, files } = piCodec.launch(launchContext({ systemPrompt: "/etc/passwd", permissions: "allow" }));
    expect(argv.slice(-2)).toEqual(["--append-system-prompt", "/state/agents/a3f2b1c0/pi/system-prompt.md"]);
    expect(files).toEqual([{ path: "pi/system-prompt.md", content: "/etc/passwd" }]);
  });

  test("calls home are off unless the environment says otherwise", () => {
    expect(piCodec.launch(launchContext()).env).toEqual({ PI_OFFLINE: "1", PI_TELEMETRY: "0", PI_SKIP_VERSION_CHECK: "1" });
    expect(piCodec.launch(launchContext({ env: { PI_OFFLINE: "0" } })).env).not.toHaveProperty("PI_OFFLINE");
  });
});

describe("the handshake", () => {
  const begin = (launch = {}) => talk(piCodec.start({ launch: launchContext(launch), nowMs: 0, unconfirmed: [], grants: [] }));

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
    const it = begin().frames(response("clear_queue", "handshake-clear_queue", { error: "Unknown command: clear_queue" }, false), handshake[0], handshake[2]);
    expect(it.facts).toEqual([{ type: "start_failed", code: "VERSION_UNSUPPORTED", message: expect.stringContaining("older than 0.84.4") }]);
  });

  test("says which model Pi took when none was given", () => {
    expect(begin({ model: null }).frames(...handshake).facts).toContainEqual({ type: "note", level: "info", code: "model_not_set", message: expect.stringContaining("anthropic/opus") });
  });

  test("totals go on from what the conversation has cost", () => {
    const stats = response("get_session_stats", "handshake-get_session_stats", { tokens: { input: 100, output: 20, cacheRead: 3, cacheWrite: 4 }, cost: 0.5 });
    const it = begin().frames(handshake[0], handshake[1], stats).frames(assistant("hi", { usage: { input: 10, output: 2, cacheRead: 0, cacheWrite: 0, cost: { total: 0.25 } } }));
    expect(it.facts.filter(({ type }) => type === "usage").at(-1)).toEqual({
      type: "usage", usage: { inputTokens: 110, outputTokens: 22, cacheReadTokens: 3, cacheWriteTokens: 4, costUsd: 0.75 },
    });
  });
});

describe("the end of a turn", () => {
  const asked = () => readyTalk().prompt("do it").frames(response("prompt", "k1"), ...start, user("do it"));

  test("a prompt is accepted by its own message, told once, and ends with agent_settled", () => {
    const it = asked().frames(assistant("done"), turnEnd, agentEnd);
    expect(it.facts).toEqual([
      { type: "turn_started" },
      { type: "input_accepted", key: "k1" },
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "done" } },
      { type: "message_done", key: "m1" },
    ]);
    expect(it.frames(settled).facts.at(-1)).toEqual(completed);
    expect(ended(it.frames(settled).facts)).toHaveLength(1);
  });

  test.each([
    ["stop", { stopReason: "stop" }, "completed"],
    ["cut at the token limit", { stopReason: "length" }, "completed"],
    ["an error", { stopReason: "error", errorMessage: "boom" }, "failed"],
    ["an abort that the message tells", { stopReason: "aborted" }, "interrupted"],
  ])("%s", (_name, more, outcome) => {
    expect(ended(asked().frames(assistant("x", more), agentEnd, settled).facts)[0]).toMatchObject({ outcome });
  });

  test("agent_end before a retry is no end, and an error that is mended is no error", () => {
    const it = asked().frames(assistant("", { stopReason: "error", errorMessage: "529: {}" }), turnEnd, { ...agentEnd, willRetry: true });
    it.frames({ type: "auto_retry_start", attempt: 1, maxAttempts: 3, delayMs: 1, errorMessage: "529: {}" });
    expect(it.facts.at(-1)).toEqual({ type: "retrying", attempt: 1, reason: "529: {}", status: 529 });
    it.frames(...start, { type: "auto_retry_end", success: true, attempt: 1 }, assistant("ok"), turnEnd, agentEnd, settled);
    expect(ended(it.facts)).toEqual([completed]);
    expect(it.facts.filter(({ type }) => type === "retry_over")).toHaveLength(1);
  });

  test("an overflow that is compacted and run again is one turn, although its agent_end said that nothing follows", () => {
    const it = asked().frames(assistant("", { stopReason: "error", errorMessage: "400: too long" }), turnEnd, agentEnd);
    it.frames({ type: "compaction_start", reason: "overflow" }, { type: "compaction_end", reason: "overflow", result: {}, willRetry: true });
    expect(ended(it.facts)).toEqual([]);
    expect(ended(it.frames(...start, assistant("ok"), agentEnd, settled).facts)).toEqual([completed]);
  });

  test("an agent_settled of a lost prompt, right after agent_start, is ignored", () => {
    const it = readyTalk().prompt("do it").frames(response("prompt", "k1"), { type: "agent_start" }, settled, { type: "turn_start" }, user("do it"));
    expect(ended(it.facts)).toEqual([]);
    expect(ended(it.frames(assistant("ok"), agentEnd, settled).facts)).toEqual([completed]);
  });

  test("a lost agent_end does not leave the turn open: the end of its last step is enough", () => {
    expect(ended(asked().frames(assistant("ok"), turnEnd, settled).facts)).toEqual([completed]);
  });

  test("messages that others queued run in the same turn and are shown as user messages", () => {
    const it = asked().frames(assistant("one"), turnEnd, user("from an extension"), assistant("two"), turnEnd, agentEnd, settled);
    expect(it.facts).toContainEqual({ type: "part", key: "m2", role: "user", part: { type: "text", text: "from an extension" } });
    expect(ended(it.facts)).toEqual([completed]);
  });

  test("a run that begins by itself is a turn, and a prompt sent into it waits in Pi's queue", () => {
    const it = readyTalk().frames(...start);
    expect(it.facts).toEqual([{ type: "turn_started" }]);
    it.prompt("later").frames(response("prompt", "k1"));
    expect(it.facts.at(-1)).toEqual({ type: "input_accepted", key: "k1" });
    it.take();
    expect(it.frames(user("later"), assistant("ok"), agentEnd, settled).facts.filter(({ type }) => type === "part")).toHaveLength(1);
  });

  test("a refused prompt fails its turn with Pi's own words", () => {
    const it = readyTalk().prompt("x").frames(response("prompt", "k1", { error: "No API key found for stub." }, false));
    expect(it.facts).toEqual([{ type: "turn_ended", outcome: "failed", error: { code: "provider_error", message: "No API key found for stub." } }]);
  });

  test("a prompt that a command handled ends at once, whether Pi says so or has to be asked", () => {
    const said = readyTalk().prompt("/mcp").frames(response("prompt", "k1", { disposition: "handled" }));
    expect(said.facts).toEqual([{ type: "input_accepted", key: "k1" }, { type: "turn_started" }, completed]);
    const old = readyTalk().prompt("/mcp").frames(response("prompt", "k1"));
    const question = old.take().lines.at(-1);
    expect(question).toMatchObject({ type: "get_state" });
    old.frames(response("get_state", String(question?.["id"]), { isStreaming: false, isCompacting: false }));
    expect(old.facts).toEqual(said.facts);
  });

  test("the same question is harmless when the run was only slow to begin", () => {
    const it = readyTalk().prompt("x").frames(response("prompt", "k1"));
    const id = String(it.take().lines.at(-1)?.["id"]);
    expect(it.frames(response("get_state", id, { isStreaming: true, isCompacting: false })).facts).toEqual([]);
    it.frames(...start, user("x"), assistant("ok"), agentEnd, settled);
    expect(ended(it.frames(response("get_state", id, { isStreaming: false, isCompacting: false })).facts)).toEqual([completed]);
  });
});

describe("an interrupt", () => {
  const abortLines = ["clear_queue", "abort"];

  test("clears the queue first, and waits for agent_start: before it an abort does nothing", () => {
    const it = readyTalk().prompt("x").do((state) => piCodec.interrupt(state, 0));
    expect(it.lines.map(({ type }) => type)).toEqual(["prompt"]);
    expect(it.frames(response("prompt", "k1", { disposition: "started" }), ...start).lines.map(({ type }) => type)).toEqual(["prompt", ...abortLines]);
    expect(ended(it.frames(assistant("w", { stopReason: "aborted" }), agentEnd, settled).facts)).toEqual([interrupted]);
  });

  test("an old Pi ends an aborted tool with an error and does not say that it was aborted: we know", () => {
    const error = assistant("", { stopReason: "error", errorMessage: "This operation was aborted" });
    const it = readyTalk().frames(...start).do((state) => piCodec.interrupt(state, 0)).frames(error, agentEnd, settled);
    expect(ended(it.facts)).toEqual([interrupted]);
    const unasked = readyTalk().frames(...start, error, agentEnd, settled);
    expect(ended(unasked.facts)[0]).toMatchObject({ outcome: "failed" });
  });

  test("comes too late for a turn that had its answer", () => {
    const it = readyTalk().frames(...start, assistant("done"), turnEnd).do((state) => piCodec.interrupt(state, 0)).frames(agentEnd, settled);
    expect(ended(it.facts)).toEqual([completed]);
  });

  test("is told by newer versions whatever the last message says", () => {
    const it = readyTalk().frames(...start, assistant("", { stopReason: "error" }), agentEnd, { type: "agent_settled", aborted: true });
    expect(ended(it.facts)).toEqual([interrupted]);
  });

  test("does nothing when nothing runs", () => {
    expect(readyTalk().do((state) => piCodec.interrupt(state, 0)).lines).toEqual([]);
  });
});

describe("a new daemon on the same process", () => {
  const adopt = { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false };
  const asking = () => readyTalk().frames(...start, toolStart("c1"), { type: "extension_ui_request", id: "d1", method: "confirm", title: "Sure?", message: "really" });

  test("says answers again, closes what is no longer open, repeats an interrupt", () => {
    const it = asking();
    it.take();
    const answer = { id: "d1", decision: "allow", kind: "question", data: { method: "confirm" } } as const;
    it.do((state) => piCodec.adopt(state, { ...adopt, unsettled: [answer], open: ["d1", "gone"], interrupting: true }));
    expect(it.lines).toEqual([
      { type: "extension_ui_response", id: "d1", confirmed: true }, { id: "clear", type: "clear_queue" }, { id: "abort", type: "abort" },
    ]);
    expect(it.facts).toEqual([{ type: "permission_closed", id: "gone" }]);
  });

  test("asks again whether a prompt was handled, and leaves the rest of it alone", () => {
    const prompted = readyTalk().prompt("x");
    expect(prompted.take().lines).toHaveLength(1);
    expect(prompted.do((state) => piCodec.adopt(state, adopt)).lines).toEqual([]);
    prompted.frames(response("prompt", "k1"));
    prompted.take();
    expect(prompted.do((state) => piCodec.adopt(state, adopt)).lines).toEqual([{ id: "handled?k1", type: "get_state" }]);
  });
});

describe("what is said", () => {
  test("thinking, text and tools of one message share a key, results have their own", () => {
    const content = [{ type: "thinking", thinking: "hm" }, { type: "text", text: "Let me look." }, { type: "toolCall", id: "c1", name: "bash", arguments: { command: "ls" } }];
    const it = readyTalk().frames(...start, { type: "message_start", message: { role: "assistant" } });
    it.frames({ type: "message_update", assistantMessageEvent: { type: "text_delta", contentIndex: 1, delta: "Let" } });
    it.frames({ type: "message_end", message: { role: "assistant", content, stopReason: "toolUse" } }, toolStart("c1"), toolEnd("c1"));
    it.frames({ type: "message_end", message: { role: "toolResult", toolCallId: "c1", content: [{ type: "text", text: "a" }, { type: "image", data: "…" }], isError: true } });
    expect(it.take().facts.slice(1)).toEqual([
      { type: "delta", key: "m1", text: "Let" },
      { type: "part", key: "m1", role: "assistant", part: { type: "thinking", text: "hm" } },
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "Let me look." } },
      { type: "part", key: "m1", role: "assistant", part: { type: "tool_use", id: "c1", name: "bash", input: { command: "ls" } } },
      { type: "message_done", key: "m1" },
      { type: "part", key: "m2", role: "tool", part: { type: "tool_result", id: "c1", text: "a[image]", isError: true } },
      { type: "message_done", key: "m2" },
    ]);
  });

  test("Pi's system prompt and empty messages are no messages", () => {
    const it = readyTalk().frames(...start, { type: "message_end", message: { role: "system", content: "long" } }, assistant(""));
    expect(it.facts).toEqual([{ type: "turn_started" }]);
  });

  test("garbage, unknown kinds and a torn line change nothing but are told", () => {
    const it = readyTalk();
    it.do((state) => piCodec.frame(state, { raw: "%%%", json: undefined }, 0));
    it.frames(null, [], { type: "novelty" }, { type: "response", command: "parse", success: false, error: "Failed to parse" });
    expect(it.facts).toEqual([
      { type: "unknown_frame", kind: "not a JSON object" }, { type: "unknown_frame", kind: "not a JSON object" }, { type: "unknown_frame", kind: "not a JSON object" },
      { type: "unknown_frame", kind: "novelty" }, { type: "note", level: "warn", code: "torn_line", message: "Failed to parse" },
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
