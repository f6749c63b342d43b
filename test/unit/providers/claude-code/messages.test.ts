import { describe, expect, test } from "bun:test";
import { S, block, canUse, initialized, kinds, ready, says, session, toolResult, toolUse, words } from "./lines.ts";

describe("messages", () => {
  const start = (id: string) => ({
    type: "stream_event",
    event: { type: "message_start", message: { id } },
    parent_tool_use_id: null,
    session_id: S,
  });
  const delta = (text: string) => ({
    type: "stream_event",
    event: { type: "content_block_delta", delta: { type: "text_delta", text } },
    parent_tool_use_id: null,
  });
  const stop = { type: "stream_event", event: { type: "message_stop" }, parent_tool_use_id: null };

  test("all text blocks of one message share its key, whitespace intact", () => {
    const facts = ready().feed(start("m1"), delta("A\n"), words("m1", "A\n"), words("m1", "\n B"), stop);
    expect(facts).toEqual([
      { type: "session", id: S },
      { type: "delta", key: "m1", text: "A\n" },
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "A\n" } },
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "\n B" } },
      { type: "message_done", key: "m1" },
    ]);
  });
  test("a streamed attempt that is cut and repeated leaves no message", () => {
    const facts = ready().feed(start("dead"), delta("half"), stop, start("m2"), words("m2", "whole"), stop);
    expect(
      facts.filter((fact) => fact.type === "part" || fact.type === "message_done").map((fact) => fact.key),
    ).toEqual(["m2", "m2"]);
  });
  test("a message whose tool answers while it still streams is done at its stop, not before", () => {
    const facts = ready().feed(start("m1"), toolUse("m1", "c1"), toolResult("c1"), toolUse("m1", "c2"), stop);
    expect(facts.filter((fact) => fact.type === "message_done").map((fact) => fact.key)).toEqual(["r-c1", "m1"]);
  });
  test("without streaming a tool result or the next message ends it", () => {
    const facts = ready().feed(toolUse("m1", "c1"), toolResult("c1"), words("m2", "a"), words("m3", "b"));
    expect(facts.filter((fact) => fact.type === "message_done").map((fact) => fact.key)).toEqual(["m1", "r-c1", "m2"]);
  });
  test("a tool result of blocks becomes text", () => {
    const content = [
      { type: "text", text: "one" },
      { type: "image", source: {} },
    ];
    expect(ready().feed(toolResult("c1", content))).toContainEqual({
      type: "part",
      key: "r-c1",
      role: "tool",
      part: { type: "tool_result", id: "c1", text: "one\n[image]", isError: false },
    });
  });
  test("what the program says to the model in the user's name is a system message", () => {
    const line = {
      type: "user",
      message: { content: [{ type: "text", text: "[Request interrupted by user]" }] },
      parent_tool_use_id: null,
      uuid: "n1",
    };
    expect(ready().feed(line)).toContainEqual({
      type: "part",
      key: "n1",
      role: "system",
      part: { type: "text", text: "[Request interrupted by user]" },
    });
    expect(
      ready()
        .feed({ ...line, isReplay: true })
        .filter((fact) => fact.type === "part"),
    ).toEqual([]);
  });
  test("the answer of a local command is the agent's, though its model is synthetic", () => {
    const line = block("c1", { type: "text", text: "Total cost: 0" });
    expect(ready().feed(line)).toContainEqual({
      type: "part",
      key: "c1",
      role: "assistant",
      part: { type: "text", text: "Total cost: 0" },
    });
  });
});

describe("permissions", () => {
  test("a request becomes a question with its narrowest always, for this session only", () => {
    const it = ready();
    const [asked] = it.feed(says("requires_action"), canUse("r1")).filter((fact) => fact.type === "permission");
    expect(asked).toMatchObject({
      id: "r1",
      kind: "tool",
      tool: "Bash",
      title: "Bash: touch x",
      options: ["allow", "allow_always", "deny"],
    });
    it.answer({ id: "r1", kind: "tool", decision: "allow_always", data: asked?.data });
    expect(it.lines).toEqual([
      {
        type: "control_response",
        response: {
          subtype: "success",
          request_id: "r1",
          response: {
            behavior: "allow",
            updatedInput: { command: "touch x" },
            updatedPermissions: [
              {
                type: "addRules",
                rules: [{ toolName: "Bash", ruleContent: "touch x *" }],
                behavior: "allow",
                destination: "session",
              },
            ],
          },
        },
      },
    ]);
    expect(it.feed(says("running")).at(-1)).toEqual({ type: "permission_closed", id: "r1" });
  });
  test("the same request, allowed for good, is answered at once, in a new process too, though the program asks again", () => {
    const again = { ...canUse("r2"), request: { ...canUse("r2").request, description: "other words" } };
    const allowed = [{ response: { request_id: "r2", response: { behavior: "allow" } } }];
    const it = ready();
    const [asked] = it.feed(canUse("r1")).filter((fact) => fact.type === "permission");
    it.answer({ id: "r1", kind: "tool", decision: "allow_always", data: asked?.data });
    it.lines.length = 0;
    expect(it.feed(again)).toMatchObject([{ type: "note", code: "grant_applied" }]);
    expect(it.lines).toMatchObject(allowed);
    expect(kinds(it.feed(canUse("r3", { input: { command: "touch y" } })))).toEqual(["permission"]);

    const next = ready({ grants: [asked?.data] });
    expect(kinds(next.feed(again))).toEqual(["note"]);
    expect(next.lines).toMatchObject(allowed);
  });
  test("a mode that answers everything is never an always", () => {
    const suggestions = [
      { type: "setMode", mode: "bypassPermissions", destination: "session" },
      { type: "addRules", behavior: "deny", rules: [] },
    ];
    const facts = ready().feed(canUse("r1", { permission_suggestions: suggestions }));
    expect(facts).toContainEqual(expect.objectContaining({ type: "permission", options: ["allow", "deny"] }));
  });
  test("a denial carries its reason", () => {
    const it = ready();
    it.feed(canUse("r1"));
    it.answer({ id: "r1", kind: "tool", decision: "deny", message: "not that file", data: {} });
    expect(it.lines).toMatchObject([{ response: { response: { behavior: "deny", message: "not that file" } } }]);
  });
  test.each([
    ["its text", { "Which color?": "Blue" }, { "Which color?": "Blue" }],
    ["its header", { Color: "Blue" }, { "Which color?": "Blue" }],
    ["its number, several labels", { "1": ["Blue", "Red"] }, { "Which color?": "Blue, Red" }],
  ])("a question is answered by %s", (_name, answers, expected) => {
    const it = ready();
    const questions = [{ question: "Which color?", header: "Color", options: [{ label: "Red" }, { label: "Blue" }] }];
    const [asked] = it
      .feed(canUse("q1", { tool_name: "AskUserQuestion", input: { questions } }))
      .filter((fact) => fact.type === "permission");
    expect(asked).toMatchObject({
      kind: "question",
      title: "Which color?",
      detail: { questions },
      options: ["allow", "deny"],
    });
    it.answer({ id: "q1", kind: "question", decision: "allow", answers, data: asked?.data });
    expect(it.lines).toMatchObject([
      { response: { response: { behavior: "allow", updatedInput: { questions, answers: expected } } } },
    ]);
  });
  test("a plan is shown with the text that only the tool call had", () => {
    const it = ready();
    const call = block("m1", { type: "tool_use", id: "call-p1", name: "ExitPlanMode", input: { plan: "1. do it" } });
    const facts = it.feed(call, canUse("p1", { tool_name: "ExitPlanMode", input: {}, tool_use_id: "call-p1" }));
    expect(facts).toContainEqual(
      expect.objectContaining({
        type: "permission",
        kind: "plan",
        title: "Plan: 1. do it",
        detail: { plan: "1. do it" },
      }),
    );
  });
  test("a withdrawn request is closed, and so is one whose tool has its result", () => {
    const it = ready();
    it.feed(canUse("r1"), canUse("r2"));
    expect(it.feed({ type: "control_cancel_request", request_id: "r1" })).toEqual([
      { type: "permission_closed", id: "r1" },
    ]);
    expect(it.feed(toolResult("call-r2"))).toContainEqual({ type: "permission_closed", id: "r2" });
  });
  test("grants of an earlier process are given to the new one as flag settings", () => {
    const grant = [
      {
        type: "addRules",
        rules: [{ toolName: "Bash", ruleContent: "touch x *" }, { toolName: "WebFetch" }],
        behavior: "allow",
        destination: "session",
      },
    ];
    const it = session({
      grants: [
        { input: {}, grant },
        { input: {}, grant },
      ],
    });
    expect(it.lines[1]).toMatchObject({
      request: {
        subtype: "apply_flag_settings",
        settings: { permissions: { allow: ["Bash(touch x *)", "WebFetch"], additionalDirectories: [] } },
      },
    });
    const refusal = { type: "control_response", response: { subtype: "error", request_id: "ah-2", error: "no" } };
    expect(it.feed(initialized(), refusal).at(-1)).toMatchObject({ type: "note", code: "grants_dropped" });
  });
  test("a grant for edits is the mode for edits", () => {
    const it = session({ grants: [{ grant: [{ type: "setMode", mode: "acceptEdits", destination: "session" }] }] });
    expect(it.lines[1]).toMatchObject({ request: { subtype: "set_permission_mode", mode: "acceptEdits" } });
  });
  test("requests of other kinds are answered, so that the program does not wait for ever", () => {
    const it = ready();
    expect(it.feed({ type: "control_request", request_id: "h1", request: { subtype: "hook_callback" } })).toEqual([
      { type: "unknown_frame", kind: "control_request/hook_callback" },
    ]);
    expect(it.lines).toMatchObject([{ type: "control_response", response: { subtype: "error", request_id: "h1" } }]);
  });
});
