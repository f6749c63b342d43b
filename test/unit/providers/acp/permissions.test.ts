import { describe, expect, test } from "bun:test";
import { acpCodec } from "../../../../src/providers/acp/codec.ts";
import type { ProviderFact } from "../../../../src/providers/contract.ts";
import { type Driven, ready, SESSION } from "./drive.ts";

const ALL = [
  { optionId: "z9", kind: "reject_always", name: "Never" },
  { optionId: "allow_me_not", kind: "reject_once", name: "No" },
  { optionId: "saved", kind: "allow_always", name: "Allow in all future sessions" },
  { optionId: "server", kind: "allow_always", name: "Allow all server tools for this session" },
  { optionId: "tool", kind: "allow_always", name: "Allow tool for this session" },
  { optionId: "q3", kind: "allow_once", name: "Once" },
];

function asks(
  driven: Driven,
  {
    id = 0,
    options = ALL,
    toolCallId = "t1",
    session = SESSION,
  }: {
    id?: number | string;
    options?: unknown;
    toolCallId?: string;
    session?: string;
  } = {},
) {
  return driven.says({
    id,
    method: "session/request_permission",
    params: {
      sessionId: session,
      toolCall: {
        toolCallId,
        title: "rm -rf build",
        kind: "execute",
        status: "pending",
        rawInput: { command: "rm -rf build" },
      },
      options,
    },
  });
}

function prompted(permissions: "ask" | "allow" | "deny" = "ask"): Driven {
  const driven = ready({ permissions });
  driven.prompt();
  driven.sent();
  return driven;
}

function permission(facts: readonly ProviderFact[]): Extract<ProviderFact, { type: "permission" }> {
  const found = facts.find((fact) => fact.type === "permission");
  if (found === undefined) throw new Error(`no permission in ${JSON.stringify(facts)}`);
  return found;
}

const selected = (id: number | string, optionId: string) => ({
  jsonrpc: "2.0",
  id,
  result: { outcome: { outcome: "selected", optionId } },
});
const cancelled = (id: number | string) => ({ jsonrpc: "2.0", id, result: { outcome: { outcome: "cancelled" } } });

describe("a question", () => {
  test("shows what would be done; the agent's id 0 is an id", () => {
    expect(permission(asks(prompted()))).toEqual({
      type: "permission",
      id: "1:0",
      kind: "tool",
      tool: "execute",
      title: "rm -rf build",
      detail: { title: "rm -rf build", kind: "execute", rawInput: { command: "rm -rf build" } },
      options: ["allow", "allow_always", "deny"],
      data: { rpc: 0, options: ALL },
    });
  });

  test("comes after the text that leads to it, and proves that the agent has the input", () => {
    const driven = prompted();
    driven.text("I must clean up.");
    const facts = asks(driven);
    expect(facts.map((fact) => fact.type)).toEqual(["part", "message_done", "permission"]);
    expect(asks(prompted()).map((fact) => fact.type)).toEqual([
      "session",
      "input_accepted",
      "turn_started",
      "permission",
    ]);
  });

  test("of a sub-agent's session counts and says whose it is", () => {
    expect(permission(asks(prompted(), { session: "child" })).subagent).toBe("child");
  });

  test("with an id that the agent used before is another question", () => {
    const driven = prompted();
    const ids = [permission(asks(driven)).id, permission(asks(driven)).id];
    expect(new Set(ids).size).toBe(2);
  });

  test.each<[string, unknown, readonly string[]]>([
    ["only a refusal", [ALL[1]], ["deny"]],
    ["no option at all", [], ["deny"]],
    ["a grant that would be saved", [ALL[1], ALL[2]], ["deny"]],
    ["a grant for the session", [ALL[4]], ["allow_always", "deny"]],
  ])("with %s offers no more than that", (_what, options, expected) => {
    expect(permission(asks(prompted(), { options })).options).toEqual([...expected] as never);
  });
});

describe("an answer", () => {
  test.each([
    ["allow", selected(0, "q3")],
    ["allow_always", selected(0, "tool")],
    ["deny", selected(0, "allow_me_not")],
  ] as const)("%s picks the option of that kind, whatever its id", (decision, line) => {
    const driven = prompted();
    const { id, data } = permission(asks(driven));
    driven.answer(id, decision, data);
    expect(driven.sent()).toEqual([line]);
  });

  test("deny falls back to reject_always, then to cancelled", () => {
    for (const [options, line] of [
      [[ALL[0], ALL[5]], selected("r", "z9")],
      [[ALL[5]], cancelled("r")],
    ] as const) {
      const driven = prompted();
      const { id, data } = permission(asks(driven, { id: "r", options }));
      driven.answer(id, "deny", data);
      expect(driven.sent()).toEqual([line]);
    }
    const driven = prompted("allow");
    const { id, data } = permission(asks(driven, { id: "r", options: [ALL[4]] }));
    driven.answer(id, "deny", data);
    expect(driven.sent()).toEqual([cancelled("r")]); // whatever the mode: never the grant that is all there is
  });

  test("is seen when its tool moves on, not when another one does", () => {
    const driven = prompted();
    const { id, data } = permission(asks(driven));
    expect(driven.answer(id, "allow", data)).toEqual([]);
    expect(
      driven
        .update({ sessionUpdate: "tool_call_update", toolCallId: "other", status: "completed" })
        .some((fact) => fact.type === "permission_closed"),
    ).toBe(false);
    expect(driven.update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "completed" })).toContainEqual({
      type: "permission_closed",
      id,
    });
  });

  test("is seen when the agent talks on", () => {
    const driven = prompted();
    const { id, data } = permission(asks(driven));
    driven.answer(id, "deny", data);
    expect(driven.text("then not")[0]).toEqual({ type: "permission_closed", id });
  });

  test("that nobody gave is not taken from the agent talking on", () => {
    const driven = prompted();
    asks(driven);
    expect(driven.text("waiting")).toEqual([{ type: "delta", key: "m1", text: "waiting" }]);
  });

  test("that was not seen to arrive is sent again after a restart; a settled one is not", () => {
    const driven = prompted();
    const { id, data } = permission(asks(driven));
    driven.answer(id, "allow", data);
    driven.sent();
    const unsettled = [{ id, decision: "allow", kind: "tool", data } as const];
    driven.adopt({ unsettled });
    expect(driven.sent()).toEqual([selected(0, "q3")]);
    driven.text("on");
    driven.adopt({ unsettled });
    expect(driven.sent()).toEqual([]);
  });

  test("of two open questions settles its own only", () => {
    const driven = prompted();
    const first = permission(asks(driven, { id: 0, toolCallId: "a" }));
    const second = permission(asks(driven, { id: 1, toolCallId: "b" }));
    driven.answer(second.id, "allow", second.data);
    expect(driven.sent()).toEqual([selected(1, "q3")]);
    expect(Object.keys(driven.state.asks)).toEqual([first.id, second.id]);
    expect(driven.update({ sessionUpdate: "tool_call_update", toolCallId: "b", status: "completed" })).toContainEqual({
      type: "permission_closed",
      id: second.id,
    });
    expect(Object.keys(driven.state.asks)).toEqual([first.id]);
  });
});

describe("open questions", () => {
  test("are all answered cancelled after session/cancel, or the agent would never take another prompt", () => {
    const driven = prompted();
    const ids = [permission(asks(driven, { id: 0 })).id, permission(asks(driven, { id: "b" })).id];
    expect(driven.interrupt()).toEqual(ids.map((id) => ({ type: "permission_closed", id })));
    expect(driven.sent()).toEqual([
      { jsonrpc: "2.0", method: "session/cancel", params: { sessionId: SESSION } },
      cancelled(0),
      cancelled("b"),
    ]);
  });

  test("that come while the turn is being cancelled are answered cancelled at once", () => {
    const driven = prompted();
    driven.interrupt();
    driven.sent();
    expect(asks(driven, { id: 5 }).some((fact) => fact.type === "permission")).toBe(false);
    expect(driven.sent()).toEqual([cancelled(5)]);
  });

  test("are closed with their turn", () => {
    const driven = prompted();
    const { id } = permission(asks(driven));
    const facts = driven.ends({ stopReason: "end_turn" });
    expect(facts.filter(({ type }) => type === "permission_closed" || type === "turn_ended")).toEqual([
      { type: "permission_closed", id },
      { type: "turn_ended", outcome: "completed" },
    ]);
  });

  test("that the agent takes back are closed, and it gets its answer", () => {
    const driven = prompted();
    const { id } = permission(asks(driven, { id: 4 }));
    expect(driven.says({ method: "$/cancel_request", params: { requestId: 4 } })).toEqual([
      { type: "permission_closed", id },
    ]);
    expect(driven.sent()).toEqual([cancelled(4)]);
    expect(driven.says({ method: "$/cancel_request", params: { requestId: 4 } })).toEqual([]);
  });

  test("are cancelled on the way out, too", () => {
    const driven = prompted();
    asks(driven);
    const { lines, graceMs } = acpCodec.farewell(driven.state);
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { jsonrpc: "2.0", method: "session/cancel", params: { sessionId: SESSION } },
      cancelled(0),
    ]);
    expect(graceMs).toBeGreaterThan(0);
    expect(acpCodec.farewell(ready().state)).toEqual({ lines: [], graceMs: 0 });
  });
});

describe("permissions", () => {
  test.each(["ask", "allow", "deny"] as const)('"%s" is asked all the same: the answer is not the codec\'s', (mode) => {
    const driven = prompted(mode);
    expect(permission(asks(driven)).options).toEqual(["allow", "allow_always", "deny"]);
    expect(driven.sent()).toEqual([]);
  });

  test('"allow" takes what holds once, and a grant for the session where there is nothing smaller, never a saved one', () => {
    for (const [options, line] of [
      [ALL, selected(0, "q3")],
      [[ALL[1], ALL[2], ALL[4]], selected(0, "tool")],
      [[ALL[1], ALL[2]], cancelled(0)],
    ] as const) {
      const driven = prompted("allow");
      const { id, data } = permission(asks(driven, { options }));
      const facts = driven.answer(id, "allow", data);
      expect(driven.sent()).toEqual([line]);
      expect(facts.map((fact) => fact.type === "note" && fact.code)).toEqual(
        "optionId" in line.result.outcome ? [] : ["allow_not_offered"],
      );
    }
  });

  test("a person who allows once never grants more", () => {
    const driven = prompted("ask");
    const { id, data } = permission(asks(driven, { options: [ALL[1], ALL[4]] }));
    driven.answer(id, "allow", data);
    expect(driven.sent()).toEqual([cancelled(0)]);
  });
});
