/** What Codex asks a person, and how a new daemon takes it over. */
import { describe, expect, test } from "bun:test";
import { isObject } from "../../../../src/lib/check.ts";
import { codexCodec } from "../../../../src/providers/codex/codec.ts";
import { OWN, CHILD, ready, prompted, notify, completed, running, approval, input, adopt, types } from "./talk.ts";

describe("server requests", () => {
  test("what cannot be served is refused at once", () => {
    for (const method of [
      "item/tool/call",
      "account/chatgptAuthTokens/refresh",
      "execCommandApproval",
      "something/new",
    ]) {
      const it = running().frames({ method, id: 0, params: {} });
      expect(it.lines).toEqual([{ id: 0, error: { code: -32601, message: `this client does not serve ${method}` } }]);
      expect(types(it)).toEqual(["note"]);
    }
  });

  test("a form of an MCP server is declined, never left open", () => {
    const it = running().frames({
      method: "mcpServer/elicitation/request",
      id: 4,
      params: { threadId: OWN, serverName: "s", mode: "form", message: "Your name?", requestedSchema: {} },
    });
    expect(it.lines).toEqual([{ id: 4, result: { action: "decline", content: null, _meta: null } }]);
  });

  test("more permissions are given as asked for, or not at all", () => {
    const permissions = { network: { enabled: true } };
    for (const [decision, result] of [
      ["allow", { permissions, scope: "turn" }],
      ["allow_always", { permissions, scope: "session" }],
      ["deny", { permissions: {}, scope: "turn" }],
    ] as const) {
      const it = running().frames({
        method: "item/permissions/requestApproval",
        id: 0,
        params: { threadId: OWN, permissions, cwd: "/p", reason: "net" },
      });
      const asked = it.facts[0];
      if (asked?.type !== "permission") throw new Error("nothing was asked");
      expect(asked.title).toBe("more permissions: net");
      it.fresh().do((state) => codexCodec.answer(state, { id: asked.id, kind: "tool", data: asked.data, decision }, 0));
      expect(it.lines).toEqual([{ id: 0, result }]);
    }
  });

  test("a tool of an MCP server is allowed once, for the session, or declined", () => {
    for (const [decision, result] of [
      ["allow", { action: "accept", content: {}, _meta: null }],
      ["allow_always", { action: "accept", content: {}, _meta: { persist: "session" } }],
      ["deny", { action: "decline", content: null, _meta: null }],
    ] as const) {
      const _meta = { codex_approval_kind: "mcp_tool_call", tool_name: "drop", tool_params: { table: "users" } };
      const params = { threadId: OWN, serverName: "db", mode: "form", message: "May I?", _meta };
      const it = running().frames({ method: "mcpServer/elicitation/request", id: 0, params });
      const asked = it.facts[0];
      if (asked?.type !== "permission") throw new Error("nothing was asked");
      it.fresh().do((state) => codexCodec.answer(state, { id: asked.id, kind: "tool", data: asked.data, decision }, 0));
      expect(it.lines).toEqual([{ id: 0, result }]);
    }
  });

  const elicitation = (message: string, tool_name?: string) => ({
    method: "mcpServer/elicitation/request",
    id: 0,
    params: {
      ...{ threadId: OWN, serverName: "db", mode: "form", message },
      _meta: {
        codex_approval_kind: "mcp_tool_call",
        tool_params: {},
        ...(tool_name === undefined ? {} : { tool_name }),
      },
    },
  });

  test.each([
    ["its name is told", "May I?", "drop", "db.drop", "mcp:db.drop"],
    [
      "it is named in the question alone",
      'Allow the db MCP server to run tool "drop"?',
      undefined,
      "db.drop",
      "mcp:db.drop",
    ],
    ["the question is of another server", 'Allow the x MCP server to run tool "drop"?', undefined, "db", undefined],
    ["nobody names it", "May I?", undefined, "db", undefined],
  ])("which tool of an MCP server a grant covers: %s", (_what, message, name, tool, grant) => {
    const asked = running().frames(elicitation(message, name)).facts[0];
    if (asked?.type !== "permission") throw new Error("nothing was asked");
    expect([asked.tool, isObject(asked.data) ? asked.data["grant"] : "no data"]).toEqual([tool, grant]);
    expect(asked.options.includes("allow_always")).toBe(grant !== undefined);
  });

  test("an answer to a request that is not open is not sent: in another process its id means something else", () => {
    const it = running().do((state) =>
      codexCodec.answer(
        state,
        { id: "0", kind: "tool", data: { method: "item/fileChange/requestApproval" }, decision: "allow" },
        0,
      ),
    );
    expect(it.lines).toEqual([]);
  });

  test.each([["make"], [`echo ${"x".repeat(10_000)}`]])(
    "a grant covers the same command, nothing else: %.8s",
    (command) => {
      const asks = (id: number, more: object = {}) => {
        const { params, ...frame } = approval(id);
        return { ...frame, params: { ...params, command, ...more } };
      };
      const it = running().frames(asks(0));
      const asked = it.facts[0];
      if (asked?.type !== "permission") throw new Error("nothing was asked");
      it.do((state) =>
        codexCodec.answer(state, { id: "0", kind: "tool", data: asked.data, decision: "allow_always" }, 0),
      ).fresh();
      expect(it.frames(asks(1)).lines).toEqual([{ id: 1, result: { decision: "acceptForSession" } }]);
      expect(types(it.fresh().frames(asks(2, { cwd: "/other" })))).toEqual(["permission"]);
      expect(types(it.fresh().frames(asks(3, { command: `${command}y` })))).toEqual(["permission"]);
    },
  );

  test("a patch whose files are unknown cannot be granted for ever", () => {
    const it = running().frames({
      method: "item/fileChange/requestApproval",
      id: 0,
      params: { threadId: OWN, turnId: "t1", itemId: "gone" },
    });
    expect(it.facts[0]).toMatchObject({ type: "permission", options: ["allow", "deny"] });
  });

  test("a sub-agent's question outlives the agent's turn, the agent's own does not", () => {
    const it = running().frames(approval(0), approval(1, CHILD)).fresh().frames(completed("t1"));
    expect(it.facts.filter((fact) => fact.type === "permission")).toMatchObject([{ id: "1", subagent: CHILD }]);
    expect(Object.keys(it.state.asks)).toEqual(["1"]);
  });
});

describe("adoption", () => {
  test("says again what the codec said by itself, because it may have died with the daemon", () => {
    const it = running().frames({ method: "item/tool/call", id: 0, params: { threadId: OWN } });
    const refusal = it.lines[0];
    expect(it.fresh().do(adopt({})).lines[0]).toEqual(refusal);
    it.frames(notify("serverRequest/resolved", { threadId: OWN, requestId: 0 })).fresh();
    expect(it.do(adopt({})).lines.map(({ method }) => method)).toEqual(["thread/read"]);
    it.frames(completed("t1", "interrupted")).fresh();
    expect(it.do(adopt({})).lines.map(({ method }) => method)).toEqual([
      "thread/backgroundTerminals/clean",
      "thread/read",
    ]);
  });

  test("asks for no second handshake, only behind what was written before", () => {
    expect(running().do(adopt({})).lines).toEqual([
      { id: 4, method: "thread/read", params: { threadId: OWN, includeTurns: false } },
    ]);
  });

  test("a turn whose end was hidden in a line too long to read is ended by the stored turns", () => {
    const it = running()
      .do(adopt({}))
      .frames({ id: 4, result: { thread: { status: { type: "idle" } } } });
    expect(it.lines.at(-1)).toMatchObject({ method: "thread/turns/list" });
    it.fresh().frames({
      id: 5,
      result: { data: [{ id: "t1", status: "failed", items: [], error: { message: "m", codexErrorInfo: "other" } }] },
    });
    expect(it.facts.at(-1)).toEqual({ type: "turn_ended", outcome: "failed", error: { code: "other", message: "m" } });
  });

  test("a turn that nobody saw begin is found", () => {
    const it = ready()
      .do(adopt({}))
      .frames({ id: 3, result: { thread: { status: { type: "active" } } } });
    it.fresh().frames({ id: 4, result: { data: [{ id: "t9", status: "inProgress", items: [] }] } });
    expect(it.facts).toEqual([{ type: "turn_started" }]);
  });

  test("an unanswered turn/start behind the barrier was never read", () => {
    const it = prompted()
      .do(adopt({ unconfirmed: [input("k1")] }))
      .fresh()
      .frames({ id: 4, result: { thread: { status: { type: "idle" } } } });
    expect(it.facts).toEqual([{ type: "input_absent", key: "k1" }]);
    expect(it.lines).toEqual([]);
    expect(it.state.calls).toEqual({});
  });

  test("an answered one is on its way, whatever the stored turns say yet", () => {
    const it = prompted()
      .do(adopt({ unconfirmed: [input("k1")] }))
      .fresh();
    it.frames({ id: 3, result: { turn: { id: "t1" } } }, { id: 4, result: { thread: { status: { type: "active" } } } });
    expect(types(it)).toEqual(["turn_started"]);
    expect(it.lines).toEqual([]);
  });

  test("of an input that it knows nothing about the stored turns tell", () => {
    const asked = () =>
      ready()
        .do(adopt({ unconfirmed: [input("kx")] }))
        .frames({ id: 3, result: { thread: { status: { type: "idle" } } } })
        .fresh();
    const stored = { data: [{ id: "t0", status: "interrupted", items: [{ type: "userMessage", clientId: "kx" }] }] };
    expect(asked().frames({ id: 4, result: stored }).facts).toEqual([{ type: "input_accepted", key: "kx" }]);
    expect(asked().frames({ id: 4, result: { data: [] } }).facts).toEqual([{ type: "input_absent", key: "kx" }]);
    const never = { error: { code: -32600, message: "thread x is not materialized yet" }, id: 4 };
    expect(asked().frames(never).facts).toEqual([{ type: "input_absent", key: "kx" }]);
  });
});
