import { describe, expect, test } from "bun:test";
import { acpCodec } from "../../../../src/providers/acp/codec.ts";
import { drive, initialized, launchOf, MODES, OPENED, ready, SESSION } from "./drive.ts";

const MODEL_OPTION = { configOptions: [{ id: "pick", category: "model", currentValue: "small", options: [] }] };

describe("initialize", () => {
  test("offers neither files nor terminals", () => {
    const [first] = drive().sent();
    expect(first).toMatchObject({
      id: 1,
      method: "initialize",
      params: { protocolVersion: 1, clientCapabilities: {} },
    });
  });

  test.each([
    [{ protocolVersion: 2 }, "protocol version 2"],
    [{ protocolVersion: undefined, agentCapabilities: undefined }, "no protocol version"],
  ])("an agent that answers %j is refused with what is needed", (told, got) => {
    const facts = drive().says(initialized({}, told));
    expect(facts).toEqual([
      {
        type: "start_failed",
        code: "PROTOCOL_VERSION",
        message: `Some Agent answered ${got}, needed is 1: install a release that speaks ACP version 1`,
      },
    ]);
  });

  test("an agent that tells what it can do, but not by which version, is taken by what it can do", () => {
    const driven = drive();
    expect(driven.says(initialized({}, { protocolVersion: undefined }))).toEqual([]);
    expect(driven.sent().at(-1)).toMatchObject({ method: "session/new" });
  });

  test("a refusal is a failed start", () => {
    expect(drive().says({ id: 1, error: { code: -32603, message: "Internal error", data: "no config" } })).toEqual([
      { type: "start_failed", code: "HANDSHAKE_FAILED", message: "initialize was refused: Internal error: no config" },
    ]);
  });
});

describe("a new session", () => {
  test("is ready with its id told later, with the first prompt that the agent took", () => {
    const driven = drive();
    driven.says(initialized());
    expect(driven.says({ id: 2, result: OPENED })).toEqual([{ type: "ready", version: "9.9" }]);
    expect(driven.sent().map(({ method }) => method)).toEqual(["initialize", "session/new"]);
    expect(driven.prompt()).toEqual([]);
    expect(driven.text("a")).toEqual([
      { type: "session", id: SESSION },
      { type: "input_accepted", key: "k1" },
      { type: "turn_started" },
      { type: "delta", key: "m1", text: "a" },
    ]);
  });

  test("what the agent says before it is ready is no message", () => {
    const driven = drive();
    driven.says(initialized());
    expect(driven.text("welcome")).toEqual([]);
    driven.says({ id: 2, result: OPENED });
    expect(driven.exit()).toEqual([]);
  });

  test("that needs a login says so, with the ways that the agent offers", () => {
    const driven = drive({ command: ["goose", "acp"] });
    driven.says(initialized({}, { authMethods: [{ id: "oauth", name: "Log in with Some" }] }));
    expect(driven.says({ id: 2, error: { code: -32000, message: "Authentication required" } })).toEqual([
      {
        type: "start_failed",
        code: "AUTH_REQUIRED",
        message:
          "Authentication required. Some Agent wants a login (it offers: Log in with Some): start goose acp once in a terminal as this user and log in, or name its key variable in providers.X.passEnv",
      },
    ]);
  });
});

describe("a conversation that goes on", () => {
  test("is resumed where that is offered", () => {
    const driven = drive({ session: SESSION });
    driven.sent();
    driven.says(initialized({ loadSession: true, sessionCapabilities: { resume: {} } }));
    expect(driven.sent()).toMatchObject([
      { id: 2, method: "session/resume", params: { sessionId: SESSION, cwd: "/srv/project", mcpServers: [] } },
    ]);
    expect(driven.says({ id: 2, result: MODES })).toEqual([
      { type: "session", id: SESSION },
      { type: "ready", version: "9.9" },
    ]);
  });

  test("is loaded otherwise, and what is replayed before AND after the answer is no message", () => {
    const driven = drive({ session: SESSION });
    driven.says(initialized({ loadSession: true }));
    driven.sent();
    expect(driven.text("said long ago")).toEqual([]);
    expect(driven.says({ id: 2, result: MODES })).toEqual([]);
    expect(driven.sent()).toMatchObject([{ id: 3, method: "_agent-harness/sync" }]);
    expect(driven.text("said long ago, too")).toEqual([]);
    expect(driven.update({ sessionUpdate: "tool_call", toolCallId: "t", title: "old", status: "completed" })).toEqual(
      [],
    );
    expect(driven.says({ id: 3, error: { code: -32601, message: "Method not found" } })).toEqual([
      { type: "session", id: SESSION },
      { type: "ready", version: "9.9" },
    ]);
    driven.prompt();
    driven.text("new");
    expect(driven.ends({ stopReason: "end_turn" })).toContainEqual({
      type: "part",
      key: "m1",
      role: "assistant",
      part: { type: "text", text: "new" },
    });
  });

  test("is left with a warning where the agent can do neither", () => {
    const driven = drive({ session: "old" });
    const facts = driven.says(initialized({ sessionCapabilities: { resume: null } }));
    expect(facts).toMatchObject([{ type: "note", level: "warn", code: "conversation_lost" }]);
    expect(driven.sent().at(-1)).toMatchObject({ method: "session/new" });
    driven.says({ id: 2, result: OPENED });
    driven.prompt();
    expect(driven.text("a")[0]).toEqual({ type: "session", id: SESSION });
  });

  test("that the agent does not know is a failed start, never a silent new one", () => {
    const driven = drive({ session: "old" });
    driven.says(initialized({ loadSession: true }));
    expect(
      driven.says({ id: 2, error: { code: -32603, message: "Internal error", data: { details: "no such session" } } }),
    ).toMatchObject([
      {
        type: "start_failed",
        code: "RESUME_REFUSED",
        message:
          "Some Agent cannot resume the conversation old: Internal error: no such session. Start a new agent to go on without it",
      },
    ]);
  });

  test("grants of earlier processes are reported as dropped", () => {
    expect(drive({}, [{ any: 1 }]).began).toMatchObject([{ type: "note", code: "grants_dropped" }]);
    expect(drive().began).toEqual([]);
  });
});

describe("a login by key", () => {
  const auth = {
    authMethods: [
      { id: "oauth", name: "OAuth" },
      { id: "gemini-api-key", name: "Key" },
    ],
  };
  const gemini = { command: ["/usr/bin/gemini", "--acp"], env: { GEMINI_API_KEY: "k" }, session: SESSION };
  const refusal = { code: -32000, message: "Authentication required" };

  test("is done once where the program's key is in the environment, and the session is asked for again", () => {
    const driven = drive(gemini);
    driven.says(initialized({ loadSession: true }, auth));
    driven.sent();
    driven.says({ id: 2, error: refusal });
    expect(driven.sent()).toMatchObject([{ id: 3, method: "authenticate", params: { methodId: "gemini-api-key" } }]);
    driven.says({ id: 3, result: {} });
    expect(driven.sent()).toMatchObject([{ id: 4, method: "session/load", params: { sessionId: SESSION } }]);
    expect(driven.says({ id: 4, error: refusal })).toMatchObject([{ type: "start_failed", code: "AUTH_REQUIRED" }]);
  });

  test.each([
    ["without the key", { ...gemini, env: {} }],
    ["for another program", { ...gemini, command: ["some-agent"] }],
  ])("is not tried %s", (_what, launch) => {
    const driven = drive(launch);
    driven.says(initialized({ loadSession: true }, auth));
    expect(driven.says({ id: 2, error: refusal })).toMatchObject([{ type: "start_failed", code: "AUTH_REQUIRED" }]);
  });

  test("that fails is a failed start", () => {
    const driven = drive(gemini);
    driven.says(initialized({ loadSession: true }, auth));
    driven.says({ id: 2, error: refusal });
    expect(driven.says({ id: 3, error: refusal })).toMatchObject([{ type: "start_failed", code: "AUTH_REQUIRED" }]);
  });
});

describe("the model", () => {
  function opened(model: string, result: Record<string, unknown>, session: string | null = null) {
    const driven = drive({ model, session });
    driven.says(initialized({ loadSession: true }));
    driven.sent();
    return { driven, facts: driven.says({ id: 2, result: { ...OPENED, ...result } }) };
  }

  test("is set by the config option of that category, before the agent is ready", () => {
    const { driven, facts } = opened("big", MODEL_OPTION);
    expect(facts).toEqual([]);
    expect(driven.sent()).toMatchObject([
      { id: 3, method: "session/set_config_option", params: { sessionId: SESSION, configId: "pick", value: "big" } },
    ]);
    expect(driven.says({ id: 3, result: {} })).toEqual([{ type: "ready", version: "9.9" }]);
  });

  test("is set by session/set_model where that is what the agent has", () => {
    const { driven } = opened("big", { models: { availableModels: [], currentModelId: "small" } });
    expect(driven.sent()).toMatchObject([
      { method: "session/set_model", params: { sessionId: SESSION, modelId: "big" } },
    ]);
  });

  test("is left alone when it is the current one", () => {
    expect(opened("small", MODEL_OPTION).facts).toEqual([{ type: "ready", version: "9.9" }]);
  });

  test("that the agent refuses fails the start with its own words", () => {
    const { driven } = opened("nope", MODEL_OPTION);
    expect(driven.says({ id: 3, error: { code: -32602, message: "model not found: nope" } })).toEqual([
      {
        type: "start_failed",
        code: "MODEL_REFUSED",
        message: 'Some Agent refused the model "nope": model not found: nope',
      },
    ]);
  });

  test("cannot be chosen where the agent offers no choice", () => {
    expect(opened("big", {}).facts).toMatchObject([{ type: "start_failed", code: "MODEL_UNSUPPORTED" }]);
  });

  test("of a loaded conversation stays when only new ones offer the choice", () => {
    const { driven, facts } = opened("big", {}, SESSION);
    expect(facts).toMatchObject([{ type: "note", level: "warn", code: "model_not_set" }]);
    expect(driven.says({ id: 3, error: { code: -32601, message: "" } }).at(-1)).toEqual({
      type: "ready",
      version: "9.9",
    });
  });

  test("set in a loaded conversation marks the end of the replay, too", () => {
    const { driven } = opened("big", MODEL_OPTION, SESSION);
    expect(driven.text("said long ago")).toEqual([]);
    expect(driven.says({ id: 3, result: {} }).at(-1)).toEqual({ type: "ready", version: "9.9" });
  });
});

describe("launch", () => {
  test("is the command with the arguments, and nothing else for a program that is not known", () => {
    expect(acpCodec.launch(launchOf({ trusted: false }))).toEqual({ argv: ["some-agent", "--acp"], env: {} });
  });

  test.each([
    [["gemini"], true, "true"],
    [["/opt/node", "/opt/gemini-cli/bundle/gemini.js"], false, "false"],
    [["npx", "@google/gemini-cli@0.61.0"], false, "false"],
  ])("tells Gemini CLI, run as %j, whether the folder is trusted: %p", (command, trusted, told) => {
    expect(acpCodec.launch(launchOf({ command, trusted })).env).toEqual({
      GEMINI_CLI_NO_RELAUNCH: "true",
      GEMINI_CLI_TRUST_WORKSPACE: told,
    });
    expect(drive({ command, trusted }).began).toEqual([]);
  });

  test("has Qwen Code stay one process, however it is run", () => {
    for (const command of [["qwen"], ["node", "/opt/@qwen-code/qwen-code/cli.js"], ["npx", "@qwen-code/qwen-code@1"]])
      expect(acpCodec.launch(launchOf({ command })).env).toEqual({ QWEN_CODE_NO_RELAUNCH: "true" });
  });

  test("takes no other program for Gemini CLI or Qwen Code", () => {
    for (const word of ["gemini-proxy", "my-gemini", "gemini.sh", "qwen2", "/srv/qwen-code/src/x.js"])
      expect(acpCodec.launch(launchOf({ command: [word] })).env).toEqual({});
  });

  test("knows the adapters that run the agent proper as a second process by their own names", () => {
    const processes = (agentInfo: object) => {
      const driven = drive();
      driven.says({ id: 1, result: { protocolVersion: 1, agentCapabilities: {}, agentInfo } });
      return acpCodec.ownProcesses?.(driven.state);
    };
    expect(processes({ name: "@agentclientprotocol/codex-acp", title: "Codex", version: "2.6.0" })).toBe(2);
    expect(processes({ name: "codex-acp", title: "Codex", version: "0.16.0" })).toBe(1);
    expect(processes({})).toBe(1);
  });

  test("says that the missing trust is not enforced for other programs", () => {
    expect(drive({ trusted: false }).began).toMatchObject([
      { type: "note", level: "warn", code: "trust_not_enforced" },
    ]);
  });

  test("a system prompt goes before the first input of a new session, until a turn completed", () => {
    const driven = ready({ systemPrompt: "be brief" });
    const blocks = () => driven.sent().map(({ params }) => params);
    driven.prompt("one");
    expect(blocks()).toEqual([
      {
        sessionId: SESSION,
        prompt: [
          { type: "text", text: "be brief" },
          { type: "text", text: "one" },
        ],
      },
    ]);
    driven.fails({ code: 500, message: "down" });
    driven.prompt("two");
    expect(blocks()).toMatchObject([{ prompt: [{ text: "be brief" }, { text: "two" }] }]);
    driven.ends({ stopReason: "end_turn" });
    driven.prompt("three");
    expect(blocks()).toMatchObject([{ prompt: [{ text: "three" }] }]);
  });
});
