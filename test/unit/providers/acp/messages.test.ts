/** What an ACP agent says in a turn: chunks become whole messages, tool calls are told once. */
import { describe, expect, test } from "bun:test";
import type { ProviderFact } from "../../../../src/providers/contract.ts";
import { ready } from "./drive.ts";

const parts = (facts: readonly ProviderFact[]) =>
  facts.flatMap((fact) => (fact.type === "part" ? [{ key: fact.key, ...fact.part }] : []));

describe("messages", () => {
  test("are put together from chunks without ids", () => {
    const driven = ready();
    driven.prompt();
    driven.text("Let ");
    driven.text("me");
    expect(parts(driven.ends({ stopReason: "end_turn" }))).toEqual([{ key: "m1", type: "text", text: "Let me" }]);
  });

  test("go out as deltas while they grow, under the key of the message", () => {
    const driven = ready();
    driven.prompt();
    driven.text("a");
    expect(driven.text("b")).toEqual([{ type: "delta", key: "m1", text: "b" }]);
  });

  test("end where the messageId changes", () => {
    const driven = ready();
    driven.prompt();
    driven.text("one", "x");
    expect(driven.text("two", "y")).toEqual([
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "one" } },
      { type: "message_done", key: "m1" },
      { type: "delta", key: "m2", text: "two" },
    ]);
    expect(parts(driven.ends({ stopReason: "end_turn" }))).toEqual([{ key: "m2", type: "text", text: "two" }]);
  });

  test("hold the thoughts that led to them, also where thoughts have ids of their own", () => {
    const driven = ready();
    driven.prompt();
    const thought = (text: string) =>
      driven.update({ sessionUpdate: "agent_thought_chunk", messageId: "part-9", content: { type: "text", text } });
    expect(
      parts([
        ...thought("hm"),
        ...thought("m"),
        ...driven.text("one", "x"),
        ...thought("then"),
        ...driven.text("two", "y"),
        ...driven.ends({ stopReason: "end_turn" }),
      ]),
    ).toEqual([
      { key: "m1", type: "thinking", text: "hmm" },
      { key: "m1", type: "text", text: "one" },
      { key: "m2", type: "thinking", text: "then" },
      { key: "m2", type: "text", text: "two" },
    ]);
  });

  test("end at a tool call, so that the last one is what was said after the last tool", () => {
    const driven = ready();
    driven.prompt();
    const facts = [
      ...driven.text("Let me look."),
      ...driven.update({
        sessionUpdate: "tool_call",
        toolCallId: "t1",
        title: "ls",
        kind: "execute",
        status: "in_progress",
        rawInput: { command: "ls" },
      }),
      ...driven.update({
        sessionUpdate: "tool_call_update",
        toolCallId: "t1",
        status: "completed",
        content: [{ type: "content", content: { type: "text", text: "a.txt" } }],
      }),
      ...driven.text("One file."),
      ...driven.ends({ stopReason: "end_turn" }),
    ];
    expect(parts(facts)).toEqual([
      { key: "m1", type: "text", text: "Let me look." },
      { key: "m2", type: "tool_use", id: "t1", name: "execute", input: { command: "ls" } },
      { key: "m3", type: "tool_result", id: "t1", text: "a.txt", isError: false },
      { key: "m4", type: "text", text: "One file." },
    ]);
    expect(facts.filter((fact) => fact.type === "message_done").length).toBe(4);
  });

  test("of another session are not the agent's", () => {
    const driven = ready();
    driven.prompt();
    expect(
      driven.update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "x" } }, "other"),
    ).toEqual([{ type: "unknown_frame", kind: "update of another session" }]);
  });

  test("that a dying process left unfinished are kept as far as they went", () => {
    const driven = ready();
    driven.prompt();
    driven.text("half of");
    expect(parts(driven.exit())).toEqual([{ key: "m1", type: "text", text: "half of" }]);
  });

  test("that come after the end are kept, not mixed into the next turn's", () => {
    const driven = ready();
    driven.prompt();
    driven.ends({ stopReason: "end_turn" });
    driven.text("late");
    expect(driven.prompt()).toEqual([
      { type: "part", key: "m1", role: "assistant", part: { type: "text", text: "late" }, late: true },
      { type: "message_done", key: "m1" },
    ]);
  });

  test("name what has no text", () => {
    const driven = ready();
    driven.prompt();
    driven.update({
      sessionUpdate: "agent_message_chunk",
      content: { type: "image", mimeType: "image/png", data: "AAAA" },
    });
    expect(parts(driven.ends({ stopReason: "end_turn" }))).toMatchObject([{ text: "[image image/png]" }]);
  });
});

describe("a tool call", () => {
  type Update = Record<string, unknown>;
  const text = (value: string) => [{ type: "content", content: { type: "text", text: value } }];
  const cases: readonly [string, readonly Update[], readonly Record<string, unknown>[]][] = [
    [
      "that is pending first, is announced with the input that comes later",
      [
        { sessionUpdate: "tool_call", title: "bash", kind: "execute", status: "pending", rawInput: {} },
        {
          sessionUpdate: "tool_call_update",
          status: "in_progress",
          title: "echo hi",
          rawInput: { command: "echo hi" },
        },
        {
          sessionUpdate: "tool_call_update",
          status: "in_progress",
          rawInput: { command: "echo hi" },
          content: text("h"),
        },
        { sessionUpdate: "tool_call_update", status: "completed", content: text("hi\n") },
        { sessionUpdate: "tool_call_update", status: "completed", content: text("hi\n") },
      ],
      [
        { type: "tool_use", name: "execute", input: { command: "echo hi" } },
        { type: "tool_result", text: "hi\n", isError: false },
      ],
    ],
    [
      "that is first seen in progress, without any input, is described by its title",
      [
        {
          sessionUpdate: "tool_call",
          title: "echo hi",
          kind: "execute",
          status: "in_progress",
          content: text("say hi"),
        },
        { sessionUpdate: "tool_call_update", status: "completed", title: "echo hi", content: [] },
      ],
      [
        { type: "tool_use", input: { title: "echo hi", description: "say hi" } },
        { type: "tool_result", text: "" },
      ],
    ],
    [
      "that is first seen when it is done (after a permission), is still one use and one result",
      [
        {
          sessionUpdate: "tool_call_update",
          status: "completed",
          title: "touch x",
          kind: "execute",
          content: text("made"),
        },
      ],
      [
        { type: "tool_use", name: "execute" },
        { type: "tool_result", text: "made" },
      ],
    ],
    [
      "that failed, says so",
      [
        {
          sessionUpdate: "tool_call",
          name: "read_file",
          title: "read",
          status: "in_progress",
          rawInput: { path: "/x" },
        },
        { sessionUpdate: "tool_call_update", status: "failed", rawOutput: { error: "no such file" } },
      ],
      [
        { type: "tool_use", name: "read_file", input: { path: "/x" } },
        { type: "tool_result", text: "no such file", isError: true },
      ],
    ],
    [
      "whose result is a diff, names the file",
      [
        {
          sessionUpdate: "tool_call",
          title: "edit",
          kind: "edit",
          status: "completed",
          content: [{ type: "diff", path: "/a.txt", oldText: "1", newText: "2" }],
        },
      ],
      [{ type: "tool_use" }, { type: "tool_result", text: "changed /a.txt" }],
    ],
  ];
  test.each(cases)("%s", (_what, updates, expected) => {
    const driven = ready();
    driven.prompt();
    const facts = updates.flatMap((update) => driven.update({ toolCallId: "t1", ...update }));
    const told = parts([...facts, ...driven.ends({ stopReason: "end_turn" })]);
    expect(told.length).toBe(expected.length);
    expect(told).toMatchObject([...expected]);
  });

  test("with an id of an earlier turn is another call", () => {
    const driven = ready();
    const call = { sessionUpdate: "tool_call", toolCallId: "t1", title: "ls", status: "completed" };
    for (const _turn of [1, 2]) {
      driven.prompt();
      expect(parts([...driven.update(call), ...driven.ends({ stopReason: "end_turn" })])).toMatchObject([
        { type: "tool_use" },
        { type: "tool_result" },
      ]);
    }
  });

  test("that never ran is told when the turn is over", () => {
    const driven = ready();
    driven.prompt();
    driven.update({
      sessionUpdate: "tool_call",
      toolCallId: "t1",
      title: "rm",
      kind: "delete",
      status: "pending",
      rawInput: { path: "/x" },
    });
    expect(parts(driven.ends({ stopReason: "cancelled" }))).toMatchObject([
      { type: "tool_use", name: "delete", input: { path: "/x" } },
    ]);
  });
});
