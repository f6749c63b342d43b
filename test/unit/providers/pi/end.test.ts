/** When a turn of Pi is over, and what an interrupt does to it. */
import { describe, expect, test } from "bun:test";
import { piCodec } from "../../../../src/providers/pi/codec.ts";
import { agentEnd, assistant, ended, readyTalk, response, settled, start, turnEnd, user } from "./helpers.ts";

const completed = { type: "turn_ended", outcome: "completed" } as const;
const interrupted = { type: "turn_ended", outcome: "interrupted" } as const;

describe("the end of a turn", () => {
  const asked = () =>
    readyTalk()
      .prompt("do it")
      .frames(response("prompt", "k1"), ...start, user("do it"));

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
    const it = asked().frames(assistant("", { stopReason: "error", errorMessage: "529: {}" }), turnEnd, {
      ...agentEnd,
      willRetry: true,
    });
    it.frames({ type: "auto_retry_start", attempt: 1, maxAttempts: 3, delayMs: 1, errorMessage: "529: {}" });
    expect(it.facts.at(-1)).toEqual({ type: "retrying", attempt: 1, reason: "529: {}", status: 529 });
    it.frames(
      ...start,
      { type: "auto_retry_end", success: true, attempt: 1 },
      assistant("ok"),
      turnEnd,
      agentEnd,
      settled,
    );
    expect(ended(it.facts)).toEqual([completed]);
    expect(it.facts.filter(({ type }) => type === "retry_over")).toHaveLength(1);
  });

  test("an overflow that is compacted and run again is one turn, although its agent_end said that nothing follows", () => {
    const it = asked().frames(assistant("", { stopReason: "error", errorMessage: "400: too long" }), turnEnd, agentEnd);
    it.frames(
      { type: "compaction_start", reason: "overflow" },
      { type: "compaction_end", reason: "overflow", result: {}, willRetry: true },
    );
    expect(ended(it.facts)).toEqual([]);
    expect(ended(it.frames(...start, assistant("ok"), agentEnd, settled).facts)).toEqual([completed]);
  });

  test("an agent_settled of a lost prompt, right after agent_start, is ignored", () => {
    const it = readyTalk()
      .prompt("do it")
      .frames(response("prompt", "k1"), { type: "agent_start" }, settled, { type: "turn_start" }, user("do it"));
    expect(ended(it.facts)).toEqual([]);
    expect(ended(it.frames(assistant("ok"), agentEnd, settled).facts)).toEqual([completed]);
  });

  test("a lost agent_end does not leave the turn open: the end of its last step is enough", () => {
    expect(ended(asked().frames(assistant("ok"), turnEnd, settled).facts)).toEqual([completed]);
  });

  test("messages that others queued run in the same turn and are shown as user messages", () => {
    const it = asked().frames(
      assistant("one"),
      turnEnd,
      user("from an extension"),
      assistant("two"),
      turnEnd,
      agentEnd,
      settled,
    );
    expect(it.facts).toContainEqual({
      type: "part",
      key: "m2",
      role: "user",
      part: { type: "text", text: "from an extension" },
    });
    expect(ended(it.facts)).toEqual([completed]);
  });

  test("a run that begins by itself is a turn, and a prompt sent into it waits in Pi's queue", () => {
    const it = readyTalk().frames(...start);
    expect(it.facts).toEqual([{ type: "turn_started" }]);
    it.prompt("later").frames(response("prompt", "k1"));
    expect(it.facts.at(-1)).toEqual({ type: "input_accepted", key: "k1" });
    it.take();
    expect(
      it.frames(user("later"), assistant("ok"), agentEnd, settled).facts.filter(({ type }) => type === "part"),
    ).toHaveLength(1);
  });

  test("a refused prompt fails its turn with Pi's own words", () => {
    const it = readyTalk()
      .prompt("x")
      .frames(response("prompt", "k1", { error: "No API key found for stub." }, false));
    expect(it.facts).toEqual([
      {
        type: "turn_ended",
        outcome: "failed",
        error: { code: "provider_error", message: "No API key found for stub." },
        limit: { class: "auth", scope: "auth", resetsAt: null, message: "No API key found for stub." },
      },
    ]);
  });

  test("an answer to a prompt of an earlier turn that comes late ends nothing of this one", () => {
    const it = readyTalk().prompt("x");
    expect(it.frames(response("prompt", "k0", { disposition: "handled" })).facts).toEqual([]);
    expect(it.frames(response("prompt", "k0", { error: "of the one before" }, false)).facts).toEqual([]);
  });

  test("a prompt that a command handled ends at once, whether Pi says so or has to be asked", () => {
    const said = readyTalk()
      .prompt("/mcp")
      .frames(response("prompt", "k1", { disposition: "handled" }));
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
    expect(ended(it.frames(response("get_state", id, { isStreaming: false, isCompacting: false })).facts)).toEqual([
      completed,
    ]);
  });
});

describe("an interrupt", () => {
  const abortLines = ["clear_queue", "abort"];

  test("clears the queue first, and waits for agent_start: before it an abort does nothing", () => {
    const it = readyTalk()
      .prompt("x")
      .do((state) => piCodec.interrupt(state, 0));
    expect(it.lines.map(({ type }) => type)).toEqual(["prompt"]);
    expect(
      it.frames(response("prompt", "k1", { disposition: "started" }), ...start).lines.map(({ type }) => type),
    ).toEqual(["prompt", ...abortLines]);
    expect(ended(it.frames(assistant("w", { stopReason: "aborted" }), agentEnd, settled).facts)).toEqual([interrupted]);
  });

  test("an old Pi ends an aborted tool with an error and does not say that it was aborted: we know", () => {
    const error = assistant("", { stopReason: "error", errorMessage: "This operation was aborted" });
    const it = readyTalk()
      .frames(...start)
      .do((state) => piCodec.interrupt(state, 0))
      .frames(error, agentEnd, settled);
    expect(ended(it.facts)).toEqual([interrupted]);
    const unasked = readyTalk().frames(...start, error, agentEnd, settled);
    expect(ended(unasked.facts)[0]).toMatchObject({ outcome: "failed" });
  });

  test("comes too late for a turn that had its answer", () => {
    const it = readyTalk()
      .frames(...start, assistant("done"), turnEnd)
      .do((state) => piCodec.interrupt(state, 0))
      .frames(agentEnd, settled);
    expect(ended(it.facts)).toEqual([completed]);
  });

  test("is told by newer versions whatever the last message says", () => {
    const it = readyTalk().frames(...start, assistant("", { stopReason: "error" }), agentEnd, {
      type: "agent_settled",
      aborted: true,
    });
    expect(ended(it.facts)).toEqual([interrupted]);
  });

  test("does nothing when nothing runs", () => {
    expect(readyTalk().do((state) => piCodec.interrupt(state, 0)).lines).toEqual([]);
  });
});
