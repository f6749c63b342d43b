import { describe, expect, test } from "bun:test";
import { MARK } from "../../../../src/providers/pi/extension.ts";
import { piCodec } from "../../../../src/providers/pi/codec.ts";
import type { Answer } from "../../../../src/words/said.ts";
import { agentEnd, readyTalk, settled, start, toolEnd, toolStart, turnEnd } from "./helpers.ts";

const gate = (id: string, call: string, command = "rm -rf build") => ({
  type: "extension_ui_request",
  id,
  method: "select",
  options: ["allow", "allow_always", "deny"],
  title:
    MARK +
    JSON.stringify({
      ask: "tool",
      call,
      tool: "bash",
      input: { command },
      grant: `command:bash:${command}`,
      scope: "this very command",
    }),
});
const askUser = (id: string, call: string, options: readonly string[] | undefined) => ({
  type: "extension_ui_request",
  id,
  method: options === undefined ? "input" : "select",
  title: MARK + JSON.stringify({ ask: "question", call, question: "Which?" }),
  options,
});
const closed = (id: string) => ({ type: "permission_closed", id }) as const;
const isClosed = ({ type }: { type: string }) => type === "permission_closed";
const answer = (id: string, more: Partial<Answer> = {}): Answer => ({
  id,
  decision: "allow",
  kind: "tool",
  data: { method: "select", grant: "command:bash:rm -rf build" },
  ...more,
});

describe("a tool of our extension", () => {
  const asking = (launch = {}, grants: readonly unknown[] = []) =>
    readyTalk(launch, grants).frames(...start, toolStart("c1"), gate("d1", "c1"));

  test("is a permission with the whole request", () => {
    expect(asking().facts.at(-1)).toEqual({
      type: "permission",
      id: "d1",
      kind: "tool",
      tool: "bash",
      title: "bash: rm -rf build",
      options: ["allow", "allow_always", "deny"],
      detail: { input: { command: "rm -rf build" }, allowAlways: "this very command" },
      data: { method: "select", grant: "command:bash:rm -rf build" },
    });
  });

  test.each([
    ["allow", { decision: "allow" }, { value: "allow" }],
    ["allow_always", { decision: "allow_always" }, { value: "allow_always" }],
    ["deny", { decision: "deny" }, { value: "deny" }],
    ["deny with a reason", { decision: "deny", message: "not now" }, { value: "deny: not now" }],
  ] as const)("is answered: %s", (_name, given, value) => {
    expect(asking().do((state) => piCodec.answer(state, answer("d1", given), 0)).lines).toEqual([
      { type: "extension_ui_response", id: "d1", ...value },
    ]);
  });

  test("is settled by the next frame of the run, not by news about the screen or the queue", () => {
    const it = asking().do((state) => piCodec.answer(state, answer("d1"), 0));
    it.frames(
      { type: "response", id: "x", command: "get_state", success: true },
      { type: "queue_update" },
      { type: "extension_ui_request", id: "n", method: "notify", message: "hi" },
    );
    expect(it.facts.filter(isClosed)).toEqual([]);
    expect(it.frames({ type: "tool_execution_update", toolCallId: "c1" }).facts.filter(isClosed)).toEqual([
      closed("d1"),
    ]);
    expect(it.frames(toolEnd("c1"), turnEnd, agentEnd, settled).facts.filter(isClosed)).toHaveLength(1);
  });

  test.each([
    ["closed when its call ends", true, toolEnd("c1")],
    ["open while another call of the batch goes on", false, { type: "tool_execution_update", toolCallId: "c0" }],
    ["open when another call of the batch ends", false, toolEnd("c0")],
    [
      "closed when the next answer of the model begins",
      true,
      { type: "message_start", message: { role: "assistant" } },
    ],
    ["closed when the run ends", true, agentEnd],
  ])("unanswered, is %s", (_name, gone, frame) => {
    expect(asking().frames(frame).facts.some(isClosed)).toBe(gone);
  });

  test("granted for the agent's life is answered by us in a new process", () => {
    const data = { method: "select", grant: "command:bash:rm -rf build" };
    const it = asking({}, [data, "rubbish", null]);
    expect(it.facts.some(({ type }) => type === "permission")).toBe(false);
    expect(it.lines).toEqual([{ type: "extension_ui_response", id: "d1", value: "allow_always" }]);
    it.take();
    it.do((state) => piCodec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false }));
    expect(it.lines).toEqual([{ type: "extension_ui_response", id: "d1", value: "allow_always" }]);
    expect(it.frames(toolEnd("c1"), gate("d2", "c2", "rm -rf /")).facts.at(-1)).toMatchObject({
      type: "permission",
      id: "d2",
    });
    expect(asking({ permissions: "deny" }, [data]).facts.at(-1)).toMatchObject({ type: "permission" });
  });
});

describe("questions", () => {
  const asking = (options?: readonly string[]) =>
    readyTalk().frames(...start, toolStart("c1"), askUser("d1", "c1", options));
  const answered = (given: Partial<Answer>, options?: readonly string[]) => {
    const it = asking(options);
    const fact = it.facts.at(-1);
    if (fact?.type !== "permission") throw new Error("no question");
    return it.do((state) => piCodec.answer(state, answer("d1", { kind: "question", data: fact.data, ...given }), 0))
      .lines[0];
  };

  test("of the model are shown with their options", () => {
    expect(asking(["Red", "Blue"]).facts.at(-1)).toEqual({
      type: "permission",
      id: "d1",
      kind: "question",
      tool: "ask_user",
      title: "Which?",
      options: ["allow", "deny"],
      detail: {
        questions: [{ question: "Which?", options: [{ label: "Red" }, { label: "Blue" }], multiSelect: false }],
      },
      data: { method: "select", question: "Which?" },
    });
  });

  test.each([
    ["by the question", { answers: { "Which?": "Blue" } }, { value: "Blue" }],
    ["by any key", { answers: { q1: ["Red", "Blue"] } }, { value: "Red, Blue" }],
    ["in the message", { message: "neither" }, { value: "neither" }],
    ["not at all: nothing is made up", {}, { cancelled: true }],
    ["by refusing", { decision: "deny" }, { cancelled: true }],
  ] as const)("are answered %s", (_name, given, value) => {
    expect(answered(given, ["Red", "Blue"])).toEqual({ type: "extension_ui_response", id: "d1", ...value });
  });

  test("of other extensions are questions, too; a title that only looks like ours is shown as it is", () => {
    const it = readyTalk().frames(...start, {
      type: "extension_ui_request",
      id: "d1",
      method: "confirm",
      title: `${MARK}nonsense`,
      message: "All is lost.",
    });
    expect(it.facts.at(-1)).toMatchObject({
      kind: "question",
      tool: "confirm",
      title: `${MARK}nonsense`,
      detail: { message: "All is lost." },
    });
    const yes = { id: "d1", decision: "allow", kind: "question", data: { method: "confirm" } } as const;
    expect(it.do((state) => piCodec.answer(state, yes, 0)).lines).toEqual([
      { type: "extension_ui_response", id: "d1", confirmed: true },
    ]);
    const no = { ...yes, decision: "deny" } as const;
    expect(it.do((state) => piCodec.answer(state, no, 0)).lines.slice(-1)).toEqual([
      { type: "extension_ui_response", id: "d1", cancelled: true },
    ]);
  });

  test("of others, withdrawn by their timeout, are closed when the only running tool ends", () => {
    const it = readyTalk().frames(...start, toolStart("c1"), {
      type: "extension_ui_request",
      id: "d1",
      method: "confirm",
      title: "Sure?",
      timeout: 700,
    });
    expect(it.frames(toolEnd("c1")).facts.at(-1)).toEqual(closed("d1"));
  });
});
