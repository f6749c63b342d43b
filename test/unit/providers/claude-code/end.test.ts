/** When a turn of Claude Code is over, and what an interrupt does to it. */
import { describe, expect, test } from "bun:test";
import { S, U1, U2, aborted, context, ends, kinds, lifecycle, ready, says, success, words } from "./lines.ts";

describe("the end of a turn", () => {
  test("a plain turn ends at idle, not at its result", () => {
    const it = ready();
    it.prompt(U1);
    expect(it.lines).toEqual([
      { type: "user", message: { role: "user", content: "hi" }, parent_tool_use_id: null, uuid: U1 },
    ]);
    expect(kinds(it.feed(says("running"), lifecycle("queued"), lifecycle("started")))).toContain("input_accepted");
    expect(ends(it.feed(words("m1", "x"), success(), lifecycle("completed")))).toEqual([]);
    expect(it.feed(says("idle"))).toEqual([{ type: "turn_ended", outcome: "completed" }]);
  });
  test("an old idle does not answer an input that is still in the pipe", () => {
    const it = ready();
    it.prompt(U1);
    expect(it.feed(says("idle"))).toEqual([]);
    it.feed(says("running"), lifecycle("queued"), lifecycle("started"), success());
    expect(ends(it.feed(says("idle")))).toEqual([]);
    expect(ends(it.feed(lifecycle("completed")))).toEqual([{ type: "turn_ended", outcome: "completed" }]);
  });
  test("a background sub-agent makes two results and one end", () => {
    const it = ready();
    it.prompt(U1);
    it.feed(says("running"), lifecycle("queued"), lifecycle("started"));
    const first = it.feed(
      { type: "system", subtype: "background_tasks_changed", tasks: [{ task_id: "t" }] },
      words("m1", "first"),
      success(),
      lifecycle("completed"),
      words("s1", "sub", { parent_tool_use_id: "call", agent_id: "agent1" }),
      { type: "system", subtype: "background_tasks_changed", tasks: [] },
      { type: "system", subtype: "init" },
      words("m2", "second"),
      success({ origin: { kind: "task-notification" } }),
    );
    expect(ends(first)).toEqual([]);
    expect(first).toContainEqual({
      type: "part",
      key: "s1",
      role: "assistant",
      part: { type: "text", text: "sub" },
      subagent: "agent1",
    });
    expect(first.filter((fact) => fact.type === "background")).toEqual([
      { type: "background", tasks: 1 },
      { type: "background", tasks: 0 },
    ]);
    expect(it.feed(says("idle"), says("idle")).filter((fact) => fact.type !== "message_done")).toEqual([
      { type: "turn_ended", outcome: "completed" },
    ]);
  });
  test("an API failure that calls itself success fails with its code, and its text is no word of the agent", () => {
    const it = ready();
    it.prompt(U1);
    const facts = it.feed(
      says("running"),
      lifecycle("queued"),
      lifecycle("started"),
      {
        type: "system",
        subtype: "api_retry",
        attempt: 1,
        max_retries: 2,
        error_status: 401,
        error: "authentication_failed",
        session_id: S,
      },
      words("e1", "Invalid API key", { error: "authentication_failed", is_api_error_message: true }),
      success({ is_error: true, terminal_reason: "api_error", api_error_status: 401, result: "Invalid API key" }),
      lifecycle("completed"),
      says("idle"),
    );
    expect(facts).toContainEqual({ type: "retrying", attempt: 1, reason: "authentication_failed", status: 401 });
    expect(facts).toContainEqual({
      type: "part",
      key: "e1",
      role: "system",
      part: { type: "text", text: "Invalid API key" },
    });
    expect(facts.filter((fact) => fact.type === "retry_over")).toHaveLength(1);
    expect(facts.at(-1)).toEqual({
      type: "turn_ended",
      outcome: "failed",
      error: { code: "authentication_failed", message: "Invalid API key" },
      limit: { class: "auth", scope: "auth", resetsAt: null, message: "Invalid API key" },
    });
  });
  test("the turn limit is a failure of its own", () => {
    const it = ready();
    const result = {
      type: "result",
      subtype: "error_max_turns",
      is_error: true,
      terminal_reason: "max_turns",
      errors: ["Reached maximum number of turns (2)"],
    };
    expect(it.feed(says("running"), result, says("idle")).at(-1)).toEqual({
      type: "turn_ended",
      outcome: "failed",
      error: { code: "max_turns", message: "Reached maximum number of turns (2)" },
    });
  });
  test("a failure does not stain the next turn", () => {
    const it = ready();
    it.feed(
      says("running"),
      words("e1", "bad", { error: "rate_limit" }),
      success({ is_error: true, terminal_reason: "api_error" }),
      says("idle"),
    );
    expect(it.feed(says("running"), success(), says("idle")).at(-1)).toEqual({
      type: "turn_ended",
      outcome: "completed",
    });
  });
  test("a turn that nobody asked for is a turn", () => {
    const it = ready();
    const facts = it.feed(says("running"), words("m1", "the build is done"), success(), says("idle"));
    expect(kinds(facts)).toEqual(["turn_started", "session", "part", "message_done", "turn_ended"]);
  });
  test("an input that ran in an earlier process is accepted and its turn is lost", () => {
    const it = ready({ launch: { ...context, session: S } });
    it.prompt(U1);
    expect(it.feed(lifecycle("completed"), says("idle"))).toEqual([
      { type: "input_accepted", key: U1 },
      { type: "turn_ended", outcome: "lost", error: { code: "TURN_LOST", message: expect.any(String) } },
    ]);
  });
  test("a duplicate of an ended input makes an idle that ends nothing, also when the next input waits", () => {
    const it = ready();
    it.prompt(U1);
    it.feed(
      says("running"),
      lifecycle("queued"),
      lifecycle("started"),
      success(),
      lifecycle("completed"),
      says("idle"),
    );
    it.prompt(U2);
    expect(it.feed(says("idle"))).toEqual([]);
    expect(
      ends(
        it.feed(
          says("running"),
          lifecycle("queued", U2),
          lifecycle("started", U2),
          success(),
          lifecycle("completed", U2),
          says("idle"),
        ),
      ),
    ).toHaveLength(1);
  });
});

describe("interrupt", () => {
  test("ends the turn as interrupted although the result says error", () => {
    const it = ready();
    it.prompt(U1);
    it.feed(says("running"), lifecycle("queued"), lifecycle("started"));
    it.lines.length = 0;
    it.interrupt();
    expect(it.lines).toEqual([
      { type: "control_request", request_id: "ah-2", request: { subtype: "interrupt", cancel_queued: true } },
    ]);
    const reply = {
      type: "control_response",
      response: { subtype: "success", request_id: "ah-2", response: { still_queued: [], cancelled: [] } },
    };
    expect(it.feed(reply, aborted, lifecycle("cancelled"), says("idle"))).toEqual([
      { type: "turn_ended", outcome: "interrupted" },
    ]);
  });
  test("an input that the interrupt found in the queue is interrupted when it starts", () => {
    const it = ready();
    it.prompt(U1);
    it.interrupt();
    it.lines.length = 0;
    it.feed(lifecycle("queued"), {
      type: "control_response",
      response: { subtype: "success", request_id: "ah-2", response: { still_queued: [U1] } },
    });
    expect(it.lines).toEqual([]);
    it.feed(lifecycle("started"));
    expect(it.lines).toMatchObject([{ request: { subtype: "interrupt" } }]);
  });
  test("an input cancelled before the model saw it ends interrupted, without any result", () => {
    const it = ready();
    it.prompt(U1);
    it.interrupt();
    expect(it.feed(lifecycle("queued"), lifecycle("cancelled"), says("idle")).at(-1)).toEqual({
      type: "turn_ended",
      outcome: "interrupted",
    });
  });
  test("a stop while only a sub-agent still worked is an interrupt, though the last result was a success", () => {
    const it = ready();
    it.feed(says("running"), { type: "system", subtype: "background_tasks_changed", tasks: [{}] }, success());
    it.interrupt();
    expect(it.feed({ type: "system", subtype: "background_tasks_changed", tasks: [] }, says("idle")).at(-1)).toEqual({
      type: "turn_ended",
      outcome: "interrupted",
    });
  });
  test("one that came too late leaves the turn completed", () => {
    const it = ready();
    it.feed(says("running"), success());
    it.interrupt();
    expect(it.feed(says("idle")).at(-1)).toEqual({ type: "turn_ended", outcome: "completed" });
  });
});
