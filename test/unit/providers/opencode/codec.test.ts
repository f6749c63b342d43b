/** The pure parts of the OpenCode provider: what starts, what is asked, what each line means. */
import { describe, expect, test } from "bun:test";
import { answerCommand, permissionFact, questionFact } from "../../../../src/providers/opencode/asks.ts";
import { permissionRules } from "../../../../src/providers/opencode/launch.ts";
import type { BridgeCommand, BridgeLine } from "../../../../src/providers/opencode/lines.ts";
import { readBridgeCommand, readBridgeLine } from "../../../../src/providers/opencode/lines.ts";
import { opencodeCodec } from "../../../../src/providers/opencode/codec.ts";
import type { LaunchContext } from "../../../../src/providers/contract.ts";

function context(changes: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: ["/bin/opencode"],
    args: [],
    agentId: "a3f2b1c0",
    agentUuid: "u",
    session: null,
    cwd: "/project",
    agentDir: "/state/a",
    model: null,
    permissions: "ask",
    systemPrompt: null,
    trusted: false,
    env: {},
    isRoot: false,
    self: ["/bin/agent-harness"],
    ...changes,
  };
}

describe("starting OpenCode", () => {
  test("the child is our own bridge, with the server's command line behind it", () => {
    const { argv } = opencodeCodec.launch(context({ args: ["--log-level", "DEBUG"] }));
    expect(argv).toEqual([
      "/bin/agent-harness",
      "bridge",
      "opencode",
      "--",
      "/bin/opencode",
      "serve",
      "--hostname",
      "127.0.0.1",
      "--port",
      "0",
      "--log-level",
      "DEBUG",
    ]);
  });

  test("an untrusted project loads nothing of its own, whatever the user's inline settings are", () => {
    const { env } = opencodeCodec.launch(
      context({ env: { OPENCODE_CONFIG_CONTENT: '{"model":"a/b","lsp":{"x":{}}}' } }),
    );
    expect([env["OPENCODE_DISABLE_PROJECT_CONFIG"], env["OPENCODE_DISABLE_EXTERNAL_SKILLS"]]).toEqual(["1", "1"]);
    expect(JSON.parse(env["OPENCODE_CONFIG_CONTENT"] ?? "")).toEqual({ model: "a/b", lsp: false, formatter: false });
    expect(() => opencodeCodec.launch(context({ env: { OPENCODE_CONFIG_CONTENT: "{// comment\n}" } }))).toThrow(
      "no JSON object",
    );
  });

  test("a trusted project loads what it brings", () => {
    const { env } = opencodeCodec.launch(context({ trusted: true }));
    expect([env["OPENCODE_DISABLE_PROJECT_CONFIG"], env["OPENCODE_CONFIG_CONTENT"]]).toEqual([undefined, undefined]);
  });

  test("the question tool is for agents that have somebody to ask", () => {
    const tools = (["ask", "allow", "deny"] as const).map(
      (permissions) => opencodeCodec.launch(context({ permissions })).env["OPENCODE_ENABLE_QUESTION_TOOL"],
    );
    expect(tools).toEqual(["1", undefined, undefined]);
  });

  test("a model without its provider is refused before anything is started", () => {
    expect(() => opencodeCodec.launch(context({ model: "gpt-5" }))).toThrow('wants "provider/model"');
  });

  test("conversation, model, system prompt and rules come as the first line, not in argv", () => {
    const { lines } = opencodeCodec.start({
      launch: context({ session: "ses_1", model: "a/b/c", systemPrompt: "be kind" }),
      nowMs: 0,
      unconfirmed: [],
      grants: [],
    });
    const start = readBridgeCommand(JSON.parse(lines[0] ?? ""));
    expect(start).toMatchObject({
      cmd: "start",
      session: "ses_1",
      model: "a/b/c",
      system: "be kind",
      directory: "/project",
      title: "agent-harness a3f2b1c0",
    });
  });
});

describe("permission rules", () => {
  const ask = permissionRules(context(), []);
  const rows: readonly [permission: string, action: unknown][] = [
    ["bash", "ask"],
    ["edit", "ask"],
    ["webfetch", "ask"],
    ["external_directory", "ask"],
    ["*", "ask"],
    ["grep", "allow"],
    ["task", "allow"],
    ["question", "allow"],
    ["read", { "*": "allow", "*.env": "ask", "*.env.*": "ask", "*.env.example": "allow" }],
  ];
  test.each(rows)("ask: %s", (permission, action) => expect(ask[permission]).toEqual(action as string));

  test("the rule for everything else comes first, so that all others win", () => expect(Object.keys(ask)[0]).toBe("*"));

  test("the user's own rules survive where ours say nothing, and cannot weaken ours", () => {
    const given = permissionRules(context({ env: { OPENCODE_PERMISSION: '{"mytool":"deny","bash":"allow"}' } }), []);
    expect([given["mytool"], given["bash"]]).toEqual(["deny", "ask"]);
  });

  test("allow adds no rule that asks; deny asks like ask, because the daemon refuses", () => {
    expect(permissionRules(context({ permissions: "allow" }), [])).toEqual({ question: "deny" });
    expect(permissionRules(context({ permissions: "deny" }), [])).toEqual({ ...ask, question: "deny" });
  });

  test("what was allowed for good becomes rules; what is no grant is passed over", () => {
    const grants = [
      { permission: "bash", always: ["git status *"] },
      { permission: "bash", always: ["ls *"] },
      "nonsense",
      { permission: "read", always: ["a.env"] },
    ];
    const rules = permissionRules(context(), grants);
    expect(rules["bash"]).toEqual({ "*": "ask", "git status *": "allow", "ls *": "allow" });
    expect(rules["read"]).toMatchObject({ "*.env": "ask", "a.env": "allow" });
    expect(permissionRules(context({ permissions: "deny" }), grants)["bash"]).toBe("ask");
  });

  // The kernel starts no program with a variable of more than 128 KiB: one grant too long, and it would never start.
  test("grants never outgrow the variable that carries them: the newest are kept, what is dropped is said", () => {
    const long = { permission: "bash", always: ["x".repeat(200_000)] };
    const many = Array.from({ length: 1000 }, (_, n) => ({ permission: "bash", always: [`${"é".repeat(100)}${n}`] }));
    const rules = permissionRules(context(), [long, ...many, long]);
    expect(Buffer.byteLength(JSON.stringify(rules))).toBeLessThan(100_000);
    expect(rules["bash"]).toMatchObject({ [many.at(-1)?.always[0] ?? ""]: "allow" });
    const notes = (grants: readonly unknown[], permissions: "ask" | "allow" = "ask") =>
      opencodeCodec.start({ launch: context({ permissions }), nowMs: 0, unconfirmed: [], grants }).facts;
    expect(notes([many[0], long])).toEqual([
      {
        ...{ type: "note", level: "info", code: "grants_dropped" },
        message: expect.stringContaining("1 of what was always allowed is too long"),
      },
    ]);
    expect([notes([many[0]]), notes([long], "allow"), notes([{ permission: "read", always: [] }])]).toEqual([
      [],
      [],
      [],
    ]);
  });
});

describe("asking", () => {
  const asked = {
    id: "per_1",
    permission: "bash",
    patterns: ["rm -rf x"],
    metadata: { command: "rm -rf\n x" },
    always: ["rm *"],
    child: null,
  };

  test("a permission in one line, with everything behind it", () => {
    expect(permissionFact(asked)).toMatchObject({
      id: "per_1",
      kind: "tool",
      tool: "bash",
      title: "bash: rm -rf x",
      options: ["allow", "allow_always", "deny"],
    });
    expect(permissionFact({ ...asked, always: [], child: "ses_2" })).toMatchObject({
      options: ["allow", "deny"],
      subagent: "ses_2",
    });
    // What could not be given to its next process is not offered.
    expect(permissionFact({ ...asked, always: ["x".repeat(200_000)] }).options).toEqual(["allow", "deny"]);
  });

  const answer = { id: "per_1", kind: "tool", data: permissionFact(asked).data } as const;
  const rows: readonly [
    name: string,
    decision: "allow" | "allow_always" | "deny",
    message: string | undefined,
    sent: Partial<BridgeCommand>,
  ][] = [
    ["allow is once", "allow", undefined, { reply: "once", message: null }],
    ["allow always", "allow_always", undefined, { reply: "always", message: null }],
    [
      "a refusal always has words: without them the turn would end",
      "deny",
      undefined,
      { reply: "reject", message: "The user refused this." },
    ],
    ["a refusal in the user's words", "deny", "no", { reply: "reject", message: "no" }],
  ];
  test.each(rows)("%s", (_name, decision, message, sent) => {
    expect(answerCommand({ ...answer, decision, ...(message === undefined ? {} : { message }) })).toMatchObject(sent);
  });

  test("answers go back in the order of the questions, by text, header or number", () => {
    const questions = ["One?", "Two?", "Three?"].map((question, at) => ({
      question,
      header: `h${at}`,
      options: [],
      multiple: false,
    }));
    const { data } = questionFact("que_1", questions, null);
    const given = { "Two?": ["a", "b"], h0: "x", "2": "free text" };
    expect(answerCommand({ id: "que_1", kind: "question", decision: "allow", data, answers: given })).toEqual({
      cmd: "question",
      id: "que_1",
      answers: [["x"], ["a", "b"], ["free text"]],
    });
    expect(answerCommand({ id: "que_1", kind: "question", decision: "deny", data, message: "busy" })).toMatchObject({
      answers: Array(3).fill(["(the user declined to answer: busy)"]),
    });
  });
});

describe("the bridge's lines", () => {
  const { state } = opencodeCodec.start({ launch: context(), nowMs: 0, unconfirmed: [], grants: [] });
  const facts = (line: BridgeLine) =>
    opencodeCodec.frame(state, { raw: "", json: JSON.parse(JSON.stringify(line)) }, 0).facts;

  const rows: readonly [line: BridgeLine, facts: object[]][] = [
    [
      { t: "ready", version: "1.18.33", session: "ses_1" },
      [
        { type: "session", id: "ses_1" },
        { type: "ready", version: "1.18.33" },
      ],
    ],
    [{ t: "accepted", key: "k" }, [{ type: "input_accepted", key: "k" }]],
    [{ t: "busy" }, [{ type: "turn_started" }]],
    [{ t: "turn", outcome: "completed", error: null }, [{ type: "turn_ended", outcome: "completed" }]],
    [
      { t: "turn", outcome: "lost", error: { code: "C", message: "m" } },
      [{ type: "turn_ended", outcome: "lost", error: { code: "C", message: "m" } }],
    ],
    [
      { t: "part", message: "m", role: "assistant", part: { type: "text", text: "hi" }, child: "ses_2" },
      [{ type: "part", key: "m", role: "assistant", part: { type: "text", text: "hi" }, subagent: "ses_2" }],
    ],
    [{ t: "message", message: "m" }, [{ type: "message_done", key: "m" }]],
    [{ t: "retry_over" }, [{ type: "retry_over" }]],
    [{ t: "background", tasks: 2 }, [{ type: "background", tasks: 2 }]],
    [
      { t: "retry", attempt: 2, reason: "overloaded" },
      [{ type: "retrying", attempt: 2, reason: "overloaded", status: null }],
    ],
    [
      { t: "usage", usage: { inputTokens: 3, costUsd: 0.5 } },
      [{ type: "usage", usage: { inputTokens: 3, costUsd: 0.5 } }],
    ],
    [{ t: "closed", id: "per_1" }, [{ type: "permission_closed", id: "per_1" }]],
    [{ t: "unknown", kind: "new.thing" }, [{ type: "unknown_frame", kind: "new.thing" }]],
  ];
  test.each(rows)("%j", (line, expected) => expect(facts(line)).toEqual(expected as never));

  test.each([[undefined], [null], [[]], ["text"], [{ cmd: "start" }]])("%j is no line and harms nobody", (json) => {
    expect(readBridgeLine(json)).toBeNull();
    expect(opencodeCodec.frame(state, { raw: "", json }, 0).facts).toEqual([
      { type: "unknown_frame", kind: "no line of the bridge" },
    ]);
  });

  test.each([[{ cmd: "permission", id: "x", reply: "maybe" }], [{ cmd: "later" }], [7], [undefined]])(
    "%j is no command",
    (json) => expect(readBridgeCommand(json)).toBeNull(),
  );

  test("a new daemon says the beginning again until the bridge was ready, then only what is open", () => {
    const input = { key: "k", text: "t", raw: false, writtenAtMs: 5 };
    const more = {
      nowMs: 0,
      unconfirmed: [input],
      unsettled: [{ id: "per_1", kind: "tool", decision: "allow", data: null } as const],
      open: [],
      interrupting: true,
    };
    const cmds = (lines: readonly string[]) => lines.map((line) => readBridgeCommand(JSON.parse(line))?.cmd);
    expect(cmds(opencodeCodec.adopt(state, more).lines)).toEqual(["start", "prompt", "permission", "interrupt"]);
    const ready = opencodeCodec.frame(state, { raw: "", json: { t: "ready", version: "", session: "ses_1" } }, 0).state;
    expect(cmds(opencodeCodec.adopt(ready, more).lines)).toEqual(["prompt", "permission", "interrupt"]);
  });
});
