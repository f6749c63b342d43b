/**
 * What a person reads of an ACP agent is exact and whole: its words, what it asks for, how to log in.
 * Looked at: `claude-agent-acp`, `codex-acp`, Kimi, Qwen Code, Copilot. Found besides what is told of them: a message
 * without an id in front of one that has it, a detail without the input that an earlier update had told, a grant for a
 * folder among those for the session.
 */
import { describe, expect, test } from "bun:test";
import type { ProviderFact } from "../../../../src/providers/contract.ts";
import { drive, type Driven, initialized, ready } from "./drive.ts";

const END = { stopReason: "end_turn" };
const texts = (facts: readonly ProviderFact[]) =>
  facts.flatMap((fact) => (fact.type === "part" && fact.part.type === "text" ? [fact.part.text] : []));

function prompted(): Driven {
  const driven = ready();
  driven.prompt();
  driven.sent();
  return driven;
}

describe("messages", () => {
  test.each<[string, readonly (readonly [string, string?])[], readonly string[]]>([
    [
      "a warning without an id before the answer",
      [["Warning: slow\n\n"], ["hello ", "x"], ["world", "x"]],
      ["Warning: slow\n\n", "hello world"],
    ],
    ["a warning in the middle of it", [["hello ", "x"], ["Warning!"], ["world", "x"]], ["hello ", "Warning!", "world"]],
    ["a warning behind it", [["hello", "x"], ["Warning!"]], ["hello", "Warning!"]],
    ["no ids at all", [["hello "], ["world"]], ["hello world"]],
    [
      "another id",
      [
        ["one", "x"],
        ["two", "y"],
      ],
      ["one", "two"],
    ],
  ])("%s is a message of its own where the id says so", (_what, chunks, expected) => {
    const driven = prompted();
    const facts = chunks.flatMap(([text, id]) => [...driven.text(text, id)]);
    expect(texts([...facts, ...driven.ends(END)])).toEqual([...expected]);
  });
});

interface Asked {
  readonly toolCall?: Record<string, unknown>;
  readonly options?: readonly Record<string, unknown>[];
}

const ONCE = { optionId: "once", kind: "allow_once", name: "Allow" };
const NO = { optionId: "no", kind: "reject_once", name: "No" };

function asks(driven: Driven, { toolCall = {}, options = [ONCE, NO] }: Asked) {
  const facts = driven.says({
    id: 7,
    method: "session/request_permission",
    params: { sessionId: "ses-1", toolCall: { toolCallId: "t1", ...toolCall }, options },
  });
  const found = facts.find((fact) => fact.type === "permission");
  if (found === undefined) throw new Error(JSON.stringify(facts));
  return found;
}

describe("a question", () => {
  test("shows the command, wherever the agent has put it", () => {
    expect(asks(prompted(), { toolCall: { title: "Bash", rawInput: { command: "rm -rf x" } } }).title).toBe(
      "Bash: rm -rf x",
    );
    const content = [{ type: "content", content: { type: "text", text: "rm -rf y" } }];
    expect(asks(prompted(), { toolCall: { title: "Shell", content } })).toMatchObject({
      title: "Shell: rm -rf y",
      detail: { content },
    });
    expect(asks(prompted(), { toolCall: { title: "rm -rf z", rawInput: { command: "rm -rf z" } } }).title).toBe(
      "rm -rf z",
    );
  });

  test("shows the input that an update before it had told", () => {
    const driven = prompted();
    const rawInput = { command: "rm -rf x" };
    driven.update({ sessionUpdate: "tool_call", toolCallId: "t1", title: "Bash", status: "pending", rawInput });
    expect(asks(driven, { toolCall: { title: "Bash" } })).toMatchObject({
      title: "Bash: rm -rf x",
      detail: { rawInput },
    });
  });

  test("gives its input to the call in the record, where no update tells it", () => {
    const driven = prompted();
    asks(driven, { toolCall: { title: "Bash", kind: "execute", rawInput: { command: "rm -rf x" } } });
    const facts = driven.update({ sessionUpdate: "tool_call_update", toolCallId: "t1", status: "completed" });
    expect(facts.find((fact) => fact.type === "part")).toMatchObject({
      part: { type: "tool_use", name: "execute", input: { command: "rm -rf x" } },
    });
  });
});

describe("a grant", () => {
  const grant = (optionId: string, name = optionId) => ({ optionId, kind: "allow_always", name });

  test.each([
    "project",
    "user",
    "workspace",
    "global",
    "save",
    "future",
    "permanent",
    "folder",
    "Always allow in this directory",
    "user_settings",
    "Yes, and don't ask again for npm run * commands",
    "Yes, and don’t ask again for example.com",
  ])("for %s is never chosen", (word) => {
    const driven = prompted();
    const asked = asks(driven, { options: [grant(`proceed_always_${word}`), ONCE, NO] });
    expect(asked.options).toEqual(["allow", "deny"]);
    expect(driven.answer(asked.id, "allow_always", asked.data)).toMatchObject([
      { type: "note", code: "grant_not_offered" },
    ]);
    expect(driven.sent()).toMatchObject([{ result: { outcome: { optionId: "once" } } }]);
  });

  test.each([
    ["allow-with-updates", "Yes, allow all edits during this session"],
    ["allow_for_session", "Yes, and don't ask again for these files"],
    ["allow_for_session", "Yes, and don't ask again for this command in this session"],
  ])("that ends with the session is offered: %s, %s", (optionId, name) => {
    expect(asks(prompted(), { options: [grant(optionId, name), ONCE, NO] }).options).toContain("allow_always");
  });

  test("for the session is chosen, though a wider one is offered first", () => {
    const driven = prompted();
    const options = [
      grant("proceed_always_project"),
      grant("proceed_always_user"),
      grant("proceed_always", "Allow for this session"),
      ONCE,
      NO,
    ];
    const asked = asks(driven, { options });
    expect(asked.options).toEqual(["allow", "allow_always", "deny"]);
    expect(driven.answer(asked.id, "allow_always", asked.data)).toEqual([]);
    expect(driven.sent()).toMatchObject([{ result: { outcome: { optionId: "proceed_always" } } }]);
  });
});

describe("what a tool put out", () => {
  test.each<[string, Record<string, unknown>, string]>([
    ["in an extension for terminals", { _meta: { terminal_output: { terminal_id: "1", data: "a.txt\n" } } }, "a.txt\n"],
    ["in an output of the agent's own shape", { rawOutput: { aggregated_output: "a.txt\n", exit_code: 0 } }, "a.txt\n"],
    ["in its content", { content: [{ type: "content", content: { type: "text", text: "a.txt" } }] }, "a.txt"],
  ])("is found %s", (_where, told, expected) => {
    const driven = prompted();
    const call = { toolCallId: "t1", title: "ls", kind: "execute" };
    const facts = [
      ...driven.update({ sessionUpdate: "tool_call", ...call, status: "in_progress" }),
      ...driven.update({ sessionUpdate: "tool_call_update", ...call, ...told, status: "in_progress" }),
      ...driven.update({
        sessionUpdate: "tool_call_update",
        ...call,
        status: "completed",
        ...("rawOutput" in told ? told : {}),
      }),
    ];
    expect(facts).toContainEqual({
      type: "part",
      key: "m2",
      role: "tool",
      part: { type: "tool_result", id: "t1", text: expected, isError: false },
    });
  });
});

describe("how to log in", () => {
  const refusal = (message: string) => ({ id: 2, error: { code: -32000, message } });
  const failed = (authMethods: readonly object[], message = "Authentication required") => {
    const driven = drive({ command: ["copilot", "--acp"] });
    driven.says(initialized({}, { authMethods }));
    const [fact] = driven.says(refusal(message));
    return fact?.type === "start_failed" ? fact.message : "";
  };

  test("is said in the agent's own words where it has some", () => {
    const said = failed([{ id: "login", name: "Log in", description: "Run `copilot login` in a terminal" }]);
    expect(said).toContain("(it offers: Log in: Run `copilot login` in a terminal)");
    expect(said).not.toContain("start copilot --acp once");
  });

  test("is advice of ours only where it has none", () => {
    expect(failed([{ id: "login", name: "Log in" }])).toContain(
      "start copilot --acp once in a terminal as this user and log in",
    );
  });

  test.each(["API Error: 401 invalid x-api-key", "authentication_error: bad key", "Unauthorized"])(
    "is not said where the model behind it refused a key: %s",
    (message) => {
      const driven = prompted();
      const facts = [
        ...driven.says({ id: driven.state.prompt?.id, error: { code: -32000, message } }),
        ...driven.silence(150),
      ];
      const end = facts.at(-1);
      const said = end?.type === "turn_ended" ? (end.error?.message ?? "") : "";
      expect(said).toContain("The model service behind Some Agent refused its key or login");
      expect(said).not.toContain("once in a terminal");
    },
  );
});
