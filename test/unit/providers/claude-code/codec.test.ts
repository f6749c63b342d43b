/**
 * How Claude Code is started, shakes hands and is taken over by a new daemon. A minimum that nobody ran, and a version
 * that cannot be told and counts as an old one, were looked for in every handshake and wherever a number decides. Codex
 * has no minimum, Pi is asked for the command that came last, the bridge for OpenCode's health, an ACP agent for its
 * protocol (with none told, for what it can do); OpenClaw's and the database's versions are only shown. Found: this
 * handshake, which goes by what the program can do now, and a git that does not tell its version, which was refused for
 * merging as too old (unit/workspaces/merge).
 */
import { describe, expect, test } from "bun:test";
import { claudeCodec } from "../../../../src/providers/claude-code/codec.ts";
import { claudeScreen } from "../../../../src/providers/claude-code/screen.ts";
import type { LaunchContext } from "../../../../src/providers/contract.ts";
import {
  S,
  U1,
  U2,
  canUse,
  context,
  initialized,
  kinds,
  lifecycle,
  ready,
  says,
  session,
  success,
  words,
} from "./lines.ts";

describe("launch", () => {
  const argv = (given: Partial<LaunchContext> = {}) => claudeCodec.launch({ ...context, ...given }).argv.join(" ");

  test("an untrusted project loads nothing that the repository brings", () => {
    expect(argv()).toContain("--setting-sources user --strict-mcp-config");
    expect(argv({ trusted: true })).not.toContain("--setting-sources");
    expect(argv({ trusted: true })).not.toContain("--strict-mcp-config");
  });
  test.each([
    ["ask", "default"],
    ["allow", "bypassPermissions"],
    ["deny", "default"],
  ] as const)("permissions %s is mode %s", (permissions, mode) => {
    expect(argv({ permissions })).toContain(`--permission-prompt-tool stdio --permission-mode ${mode} `);
  });
  test("a new conversation gets the agent's id, an old one is resumed, a vanished one begins anew under its free id", () => {
    expect(argv()).toContain(`--session-id ${U1}`);
    expect(argv({ session: S })).toContain(`--resume ${S}`);
    expect(argv({ session: `new:${S}` })).toContain(`--session-id ${S}`);
  });
  test("model, system prompt and the provider's own arguments come last", () => {
    expect(argv({ model: "opus", systemPrompt: "be brief", args: ["--effort", "low"] })).toEndWith(
      "--model opus --append-system-prompt-file /state/claude-code/system-prompt.md --effort low",
    );
  });
  test("the system prompt lies in a file, for a process of ours and for the program's own screen", () => {
    const given = { ...context, session: S, systemPrompt: "be brief" };
    const files = [{ path: "claude-code/system-prompt.md", content: "be brief" }];
    for (const start of [claudeCodec.launch(given), claudeScreen.launch(given)]) {
      expect(start.files).toEqual(files);
      expect(start.argv.join(" ")).toContain("--append-system-prompt-file /state/claude-code/system-prompt.md");
      expect(start.argv.join(" ")).not.toContain("be brief");
    }
    expect([claudeCodec.launch(context).files, argv().includes("system-prompt")]).toEqual([[], false]);
  });
  test("root with permissions allow is refused, with the cures in the message", () => {
    expect(() => argv({ permissions: "allow", isRoot: true })).toThrow(/IS_SANDBOX=1/);
    expect(argv({ permissions: "allow", isRoot: true, env: { IS_SANDBOX: "1" } })).toContain("bypassPermissions");
    expect(argv({ permissions: "ask", isRoot: true })).toContain("default");
  });
  test("state events are always on, and the user's own settings win over our defaults", () => {
    const { env } = claudeCodec.launch({ ...context, env: { CLAUDE_CODE_MAX_RETRIES: "9" } });
    expect(env).toMatchObject({
      CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: "1",
      CLAUDE_CODE_STARTUP_FAILURE_RESULTS: "1",
      DISABLE_AUTOUPDATER: "1",
    });
    expect(env).not.toHaveProperty("CLAUDE_CODE_MAX_RETRIES");
    expect(claudeCodec.launch(context).env).toHaveProperty("CLAUDE_CODE_MAX_RETRIES", "4");
  });
});

describe("handshake", () => {
  test("the initialize reply makes it ready, and nothing else does", () => {
    const it = session();
    expect(it.lines).toEqual([{ type: "control_request", request_id: "ah-1", request: { subtype: "initialize" } }]);
    expect(it.feed({ type: "system", subtype: "hook_started" }, says("idle"))).toEqual([]);
    const notLoggedIn = {
      type: "login" as const,
      loggedIn: false,
      detail: "not logged in: run claude and /login once, or set ANTHROPIC_API_KEY",
    };
    expect(it.feed(initialized())).toEqual([notLoggedIn, { type: "ready", version: "2.1.330" }]);
  });
  test.each([
    ["without its state", { pid: 1, commands: [] }, { pending_permission_requests: [] }, "see claude --version"],
    ["without its questions", { claude_code_version: "2.1.267", session_state: "idle" }, {}, "found 2.1.267"],
  ])("a program that answers %s is refused with what is found and needed", (_name, reply, rest, found) => {
    const response = { subtype: "success", request_id: "ah-1", response: reply, ...rest };
    const [fact] = session().feed({ type: "control_response", response });
    expect(fact?.type === "start_failed" ? `${fact.code} ${fact.message}` : fact).toMatch(
      new RegExp(`^VERSION_UNSUPPORTED .*2\\.1\\.268 .*${found}`),
    );
  });
  test("where a credential was found is told", () => {
    const response = (account: object) => ({
      subtype: "success",
      request_id: "ah-1",
      pending_permission_requests: [],
      response: { claude_code_version: "2.1.330", session_state: "idle", account },
    });
    const login = (account: object) => session().feed({ type: "control_response", response: response(account) })[0];
    expect(login({ tokenSource: "none", apiKeySource: "ANTHROPIC_API_KEY" })).toEqual({
      type: "login",
      loggedIn: true,
      detail: "credential from ANTHROPIC_API_KEY",
    });
    expect(login({ tokenSource: "none", apiProvider: "firstParty" })).toMatchObject({ type: "login", loggedIn: false });
  });
  test("what it can do decides, whatever its version is called", () => {
    for (const claude_code_version of ["2.1.268", "2.2.0", "3.0.0", "1.0.0", "next", undefined]) {
      const response = {
        subtype: "success",
        request_id: "ah-1",
        response: { claude_code_version, session_state: "idle" },
        pending_permission_requests: [],
      };
      expect(kinds(session().feed({ type: "control_response", response }))).toEqual(["login", "ready"]);
    }
  });
  test("a conversation that is gone frees its id for the next start", () => {
    const it = session({ launch: { ...context, session: S } });
    const errors = [`No conversation found with session ID: ${S}`];
    expect(
      it.feed({ type: "result", subtype: "error_during_execution", is_error: true, errors, session_id: U2 }),
    ).toEqual([
      { type: "session", id: `new:${S}` },
      { type: "start_failed", code: "SESSION_NOT_FOUND", message: expect.stringContaining("next input") },
    ]);
  });
  test("a refused start is said in the program's words", () => {
    const facts = session().feed({
      type: "result",
      is_error: true,
      errors: ["cannot be used with root"],
      startup_failure_reason: "bypass_root",
    });
    expect(facts).toEqual([{ type: "start_failed", code: "BYPASS_ROOT", message: "cannot be used with root" }]);
  });
  test("an id in use means that the conversation exists after all: the next start resumes it", () => {
    expect(session().exit(`Error: Session ID ${S} is already in use.\n`)).toEqual([{ type: "session", id: S }]);
    expect(ready().exit("whatever")).toEqual([]);
  });
});

describe("a new daemon", () => {
  test("asks for the truth, repeats answers and unconfirmed inputs, in this order", () => {
    const it = ready();
    it.prompt(U1);
    it.lines.length = 0;
    it.adopt({
      unconfirmed: [{ key: U1, text: "hi", raw: true, writtenAtMs: 0 }],
      unsettled: [{ id: "r1", kind: "tool", decision: "deny", data: {} }],
      interrupting: true,
    });
    expect(it.lines).toMatchObject([
      { request_id: "ah-2", request: { subtype: "initialize" } },
      { type: "control_response", response: { request_id: "r1" } },
      { type: "user", uuid: U1, client_composed: true },
      { request: { subtype: "interrupt" } },
    ]);
  });
  test("what still waits stays open, what no longer does is closed, what it never saw is asked", () => {
    const it = ready();
    it.feed(says("requires_action"), canUse("r1"), canUse("r2"));
    it.adopt({ open: ["r1", "r2", "r0"] });
    const facts = it.feed(initialized("requires_action", [canUse("r2"), canUse("r3")], "ah-2"));
    expect(
      facts
        .filter((fact) => fact.type === "permission_closed")
        .map((fact) => fact.id)
        .sort(),
    ).toEqual(["r0", "r1"]);
    expect(facts.filter((fact) => fact.type === "permission").map((fact) => fact.id)).toEqual(["r3"]);
    expect(kinds(facts)).not.toContain("ready");
  });
  test("an idle reply does not end the turn of an input that is still in the pipe", () => {
    const it = ready();
    it.prompt(U1);
    it.adopt({});
    expect(it.feed(initialized("idle", [], "ah-2"))).toEqual([]);
  });
});

describe("odd lines", () => {
  test("garbage, unknown kinds and torn lines are counted and harm nothing", () => {
    const it = ready();
    expect(it.raw("Segmentation fault")).toEqual([{ type: "unknown_frame", kind: "no JSON object" }]);
    expect(it.raw("")).toEqual([]);
    const lines = [[], 7, { type: "new_thing" }, { type: "system", subtype: "new_news" }];
    expect(it.feed(...lines).map((fact) => fact.type)).toEqual(Array(4).fill("unknown_frame"));
    expect(
      it
        .feed({ type: "assistant" }, { type: "user" }, { type: "result" }, { type: "system" }, { type: "stream_event" })
        .filter((fact) => fact.type === "turn_ended"),
    ).toEqual([]);
  });
  test("a cleared conversation is resumed by the id of the lines that follow", () => {
    const it = ready();
    it.feed(words("m1", "a"));
    const facts = it.feed(
      { type: "conversation_reset", new_conversation_id: U1, session_id: S },
      success({ session_id: U2 }),
    );
    expect(facts.filter((fact) => fact.type === "session")).toEqual([{ type: "session", id: U2 }]);
  });
  test("the session is told only when its file is sure to exist", () => {
    const it = ready();
    it.prompt(U1);
    expect(
      kinds(
        it.feed(says("running"), lifecycle("queued"), lifecycle("started"), {
          type: "system",
          subtype: "init",
          session_id: S,
        }),
      ),
    ).not.toContain("session");
    expect(kinds(it.feed(words("m1", "x")))).toContain("session");
  });
  test("usage is the total of the conversation over all models", () => {
    const modelUsage = {
      a: { inputTokens: 1, outputTokens: 2, cacheReadInputTokens: 3, cacheCreationInputTokens: 4 },
      b: { inputTokens: 10, outputTokens: 20 },
    };
    expect(ready().feed(success({ modelUsage, total_cost_usd: 0.5 }))).toContainEqual({
      type: "usage",
      usage: { inputTokens: 11, outputTokens: 22, cacheReadTokens: 3, cacheWriteTokens: 4, costUsd: 0.5 },
    });
  });
});
