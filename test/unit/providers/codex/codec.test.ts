/** The Codex codec line by line: what the fake cannot play, and what must never happen. */
import { describe, expect, test } from "bun:test";
import { codexCodec, type CodexState } from "../../../../src/providers/codex/codec.ts";
import type { AdoptContext, LaunchContext, ProviderFact, Step } from "../../../../src/providers/contract.ts";
import type { PermissionMode } from "../../../../src/words/kinds.ts";
import type { PromptInput } from "../../../../src/words/said.ts";

const OWN = "thread-own";
const CHILD = "thread-child";

function launch(changes: Partial<LaunchContext> = {}): LaunchContext {
  return {
    command: ["/usr/bin/codex"], args: [], agentId: "a3f2b1c0", agentUuid: "00000000-0000-4000-8000-000000000000", session: null, cwd: "/home/me/project",
    agentDir: "/state/a", model: null, permissions: "ask", systemPrompt: null, trusted: false, env: {}, isRoot: false, self: [], ...changes,
  };
}

interface Talk {
  state: CodexState;
  facts: ProviderFact[];
  lines: Record<string, unknown>[];
  do(step: (state: CodexState) => Step<CodexState>): Talk;
  frames(...frames: readonly object[]): Talk;
  /** Forgets what was said so far. */
  fresh(): Talk;
}

function talk(first: Step<CodexState>): Talk {
  const it: Talk = {
    state: first.state, facts: [], lines: [],
    do(step) {
      const { state, facts, lines } = step(it.state);
      it.state = JSON.parse(JSON.stringify(state));
      it.facts.push(...facts);
      it.lines.push(...lines.map((line): Record<string, unknown> => JSON.parse(line)));
      return it;
    },
    frames(...frames) {
      for (const json of frames) it.do((state) => codexCodec.frame(state, { raw: JSON.stringify(json), json }, 0));
      return it;
    },
    fresh() {
      it.facts = [];
      it.lines = [];
      return it;
    },
  };
  return it.do(() => first);
}

function begun(context: LaunchContext = launch(), unconfirmed: readonly PromptInput[] = []): Talk {
  return talk(codexCodec.start({ launch: context, nowMs: 0, unconfirmed, grants: [] }));
}

const initializeAnswer = { id: 1, result: { userAgent: "agent-harness/0.169.0 (Linux)" } };
const openAnswer = { id: 2, result: { thread: { id: OWN, status: { type: "idle" } } } };

function ready(context: LaunchContext = launch()): Talk {
  return begun(context).frames(initializeAnswer, openAnswer).fresh();
}

function prompted(it: Talk = ready(), key = "k1"): Talk {
  return it.do((state) => codexCodec.prompt(state, { key, text: "hi", raw: false, writtenAtMs: 0 }, 0));
}

const notify = (method: string, params: object) => ({ method, params });
const started = (turn: string, threadId = OWN) => notify("turn/started", { threadId, turn: { id: turn, status: "inProgress" } });
const completed = (turn: string, status = "completed", threadId = OWN, error: object | null = null) => notify("turn/completed", { threadId, turn: { id: turn, items: [], status, error } });
const running = (turn = "t1") => prompted().frames({ id: 3, result: { turn: { id: turn } } }, started(turn)).fresh();
const approval = (id: number, threadId = OWN) => ({ method: "item/commandExecution/requestApproval", id, params: { threadId, turnId: "t", itemId: "i", command: "make", cwd: "/p" } });
const input = (key: string) => ({ key, text: "hi", raw: false, writtenAtMs: 0 });
const adopt = (context: Partial<AdoptContext>) => (state: CodexState) =>
  codexCodec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false, ...context });
const types = (it: Talk) => it.facts.map((fact) => fact.type);

describe("launch", () => {
  const argv = (changes: Partial<LaunchContext>) => codexCodec.launch(launch(changes)).argv;

  test("runs the app-server without what starts turns, retries for ever or calls home", () => {
    const all = argv({ args: ["-c", "x=1"] }).join(" ");
    expect(all).toStartWith("/usr/bin/codex app-server ");
    for (const feature of ["goals", "multi_agent", "plugins", "apps", "unbounded_connection_retries"]) expect(all).toContain(`--disable ${feature} `);
    expect(all).toEndWith("-c x=1");
  });

  test("says of the folder and all above it what they are worth", () => {
    const flag = (trusted: boolean, cwd = "/home/me") => argv({ trusted, cwd }).find((each) => each.startsWith("projects="));
    expect(flag(false)).toBe('projects={"/home/me"={trust_level="untrusted"},"/home"={trust_level="untrusted"},"/"={trust_level="untrusted"}}');
    expect(flag(true)).toContain('"/home/me"={trust_level="trusted"}');
    expect(flag(false, '/a"b\\c')).toContain('"/a\\"b\\\\c"={');
  });

  const policies: readonly (readonly [PermissionMode, string, string])[] = [
    ["ask", "untrusted", "danger-full-access"],
    ["deny", "untrusted", "read-only"],
    ["allow", "never", "danger-full-access"],
  ];
  for (const [permissions, approvalPolicy, sandbox] of policies) {
    test(`"${permissions}" is ${approvalPolicy} and ${sandbox}, for a new thread and for a resumed one`, () => {
      for (const session of [null, OWN]) {
        const it = begun(launch({ permissions, session, model: "m", systemPrompt: "s" })).frames(initializeAnswer);
        expect(it.lines.at(-1)).toMatchObject({
          method: session === null ? "thread/start" : "thread/resume",
          params: { approvalPolicy, sandbox, approvalsReviewer: "user", model: "m", developerInstructions: "s", cwd: "/home/me/project" },
        });
      }
    });
  }

  test("hooks run unreviewed only in a trusted project", () => {
    for (const trusted of [true, false]) {
      const it = begun(launch({ trusted })).frames(initializeAnswer);
      expect(JSON.stringify(it.lines).includes("bypass_hook_trust")).toBe(trusted);
    }
  });
});

describe("handshake", () => {
  test("goes step by step, and forgets its parameters when it is over", () => {
    const it = begun();
    expect(it.lines.map(({ method }) => method)).toEqual(["initialize"]);
    it.frames(initializeAnswer);
    expect(it.lines.map(({ method }) => method)).toEqual(["initialize", "initialized", "thread/start"]);
    expect(it.facts).toEqual([]);
    it.frames(openAnswer);
    expect(it.facts).toEqual([{ type: "session", id: OWN }, { type: "ready", version: "0.169.0" }]);
    expect(it.state.opening).toBeNull();
  });

  test("a refusal is a failed start with Codex's reason", () => {
    const it = begun().frames(initializeAnswer, { error: { code: -32600, message: "invalid config" }, id: 2 });
    expect(it.facts).toEqual([{ type: "start_failed", code: "START_REFUSED", message: "invalid config" }]);
  });

  test("when the history cannot be read it is said of each input that it is unknown", () => {
    const it = begun(launch({ session: OWN }), [input("k1")]).frames(initializeAnswer, openAnswer, { error: { code: -32603, message: "disk" }, id: 3 });
    expect(types(it)).toEqual(["session", "input_unknown", "ready"]);
  });
});

describe("turns", () => {
  test("the answer to turn/start and turn/started both begin it, in either order", () => {
    const answer = { id: 3, result: { turn: { id: "t1" } } };
    for (const frames of [[answer, started("t1")], [started("t1"), answer]]) {
      const it = prompted().fresh().frames(...frames);
      expect(types(it)).toEqual(["turn_started", "turn_started"]);
      expect(it.state.turn).toEqual({ id: "t1", key: "k1", begun: true });
    }
  });

  test("a late answer to turn/start does not open an ended turn again", () => {
    const it = prompted().frames(started("t1"), completed("t1")).fresh().frames({ id: 3, result: { turn: { id: "t1" } } });
    expect(it.facts).toEqual([]);
    expect(it.state.turn).toBeNull();
  });

  test("neither idle nor an error ends a turn, and a twin of its end is ignored", () => {
    const idle = notify("thread/status/changed", { threadId: OWN, status: { type: "systemError" } });
    const error = notify("error", { threadId: OWN, turnId: "t1", willRetry: false, error: { message: "m", codexErrorInfo: "other" } });
    const it = running().frames(idle, error);
    expect(it.facts).toEqual([]);
    it.frames(completed("t1"), completed("t1"));
    expect(types(it).filter((type) => type === "turn_ended")).toHaveLength(1);
  });

  test("an input whose echo was missed is accepted by the end of its turn", () => {
    expect(running().frames(completed("t1")).facts).toEqual([{ type: "input_accepted", key: "k1" }, { type: "turn_ended", outcome: "completed" }]);
  });

  test("the end of a sub-agent's turn is not the end", () => {
    const it = running().frames(started("c1", CHILD), completed("c1", "failed", CHILD, { message: "no" }));
    expect(it.facts).toEqual([{ type: "background", tasks: 1 }, { type: "background", tasks: 0 }]);
  });

  test("a refused turn ends its input, with the reason", () => {
    const it = prompted().fresh().frames({ error: { code: -32603, message: "thread not found" }, id: 3 });
    expect(it.facts).toEqual([{ type: "input_accepted", key: "k1" }, { type: "turn_ended", outcome: "failed", error: { code: "turn_refused", message: "thread not found" } }]);
  });

  const errors: readonly (readonly [unknown, string])[] = [["serverOverloaded", "serverOverloaded"], [{ httpConnectionFailed: { httpStatusCode: 401 } }, "httpConnectionFailed"], [null, "other"]];
  for (const [codexErrorInfo, code] of errors) {
    test(`the error ${JSON.stringify(codexErrorInfo)} has the code ${code}`, () => {
      const it = running().frames(completed("t1", "failed", OWN, { message: "m", codexErrorInfo, additionalDetails: "more" }));
      expect(it.facts.at(-1)).toEqual({ type: "turn_ended", outcome: "failed", error: { code, message: "m: more" } });
    });
  }

  test("after an interrupt what runs in the background is ended", () => {
    const it = running().do((state) => codexCodec.interrupt(state, 0)).frames(completed("t1", "interrupted"));
    expect(it.lines.map(({ method }) => method)).toEqual(["turn/interrupt", "thread/backgroundTerminals/clean"]);
  });

  test("ids of requests are never used twice, over a daemon's death too", () => {
    const it = running().do(adopt({})).frames(completed("t1"));
    const last = prompted(it, "k2").lines.at(-1);
    expect(last?.["id"]).toBe(5);
  });
});

describe("server requests", () => {
  test("what cannot be served is refused at once", () => {
    for (const method of ["item/tool/call", "account/chatgptAuthTokens/refresh", "execCommandApproval", "something/new"]) {
      const it = running().frames({ method, id: 0, params: {} });
      expect(it.lines).toEqual([{ id: 0, error: { code: -32601, message: `this client does not serve ${method}` } }]);
      expect(types(it)).toEqual(["note"]);
    }
  });

  test("a form of an MCP server is declined, never left open", () => {
    const it = running().frames({ method: "mcpServer/elicitation/request", id: 4, params: { threadId: OWN, serverName: "s", mode: "form", message: "Your name?", requestedSchema: {} } });
    expect(it.lines).toEqual([{ id: 4, result: { action: "decline", content: null, _meta: null } }]);
  });

  test("more permissions are given as asked for, or not at all", () => {
    const permissions = { network: { enabled: true } };
    for (const [decision, result] of [["allow", { permissions, scope: "turn" }], ["allow_always", { permissions, scope: "session" }], ["deny", { permissions: {}, scope: "turn" }]] as const) {
      const it = running().frames({ method: "item/permissions/requestApproval", id: 0, params: { threadId: OWN, permissions, cwd: "/p", reason: "net" } });
      const asked = it.facts[0];
      if (asked?.type !== "permission") throw new Error("nothing was asked");
      expect(asked.title).toBe("more permissions: net");
      it.fresh().do((state) => codexCodec.answer(state, { id: asked.id, kind: "tool", data: asked.data, decision }, 0));
      expect(it.lines).toEqual([{ id: 0, result }]);
    }
  });

  test("an answer to a request that is not open is not sent: in another process its id means something else", () => {
    const it = running().do((state) => codexCodec.answer(state, { id: "0", kind: "tool", data: { method: "item/fileChange/requestApproval" }, decision: "allow" }, 0));
    expect(it.lines).toEqual([]);
  });

  test("a grant covers the same command in the same folder, nothing else", () => {
    const it = running().frames(approval(0));
    const asked = it.facts[0];
    if (asked?.type !== "permission") throw new Error("nothing was asked");
    it.do((state) => codexCodec.answer(state, { id: "0", kind: "tool", data: asked.data, decision: "allow_always" }, 0)).fresh();
    expect(it.frames(approval(1)).lines).toEqual([{ id: 1, result: { decision: "acceptForSession" } }]);
    const elsewhere = { ...approval(2), params: { ...approval(2).params, cwd: "/other" } };
    expect(types(it.fresh().frames(elsewhere))).toEqual(["permission"]);
  });

  test("a patch whose files are unknown cannot be granted for ever", () => {
    const it = running().frames({ method: "item/fileChange/requestApproval", id: 0, params: { threadId: OWN, turnId: "t1", itemId: "gone" } });
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
    expect(it.do(adopt({})).lines.map(({ method }) => method)).toEqual(["thread/backgroundTerminals/clean", "thread/read"]);
  });

  test("asks for no second handshake, only behind what was written before", () => {
    expect(running().do(adopt({})).lines).toEqual([{ id: 4, method: "thread/read", params: { threadId: OWN, includeTurns: false } }]);
  });

  test("a turn whose end was hidden in a line too long to read is ended by the stored turns", () => {
    const it = running().do(adopt({})).frames({ id: 4, result: { thread: { status: { type: "idle" } } } });
    expect(it.lines.at(-1)).toMatchObject({ method: "thread/turns/list" });
    it.fresh().frames({ id: 5, result: { data: [{ id: "t1", status: "failed", items: [], error: { message: "m", codexErrorInfo: "other" } }] } });
    expect(it.facts.at(-1)).toEqual({ type: "turn_ended", outcome: "failed", error: { code: "other", message: "m" } });
  });

  test("a turn that nobody saw begin is found", () => {
    const it = ready().do(adopt({})).frames({ id: 3, result: { thread: { status: { type: "active" } } } });
    it.fresh().frames({ id: 4, result: { data: [{ id: "t9", status: "inProgress", items: [] }] } });
    expect(it.facts).toEqual([{ type: "turn_started" }]);
  });

  test("an unanswered turn/start behind the barrier was never read", () => {
    const it = prompted().do(adopt({ unconfirmed: [input("k1")] })).fresh().frames({ id: 4, result: { thread: { status: { type: "idle" } } } });
    expect(it.facts).toEqual([{ type: "input_absent", key: "k1" }]);
    expect(it.lines).toEqual([]);
    expect(it.state.calls).toEqual({});
  });

  test("an answered one is on its way, whatever the stored turns say yet", () => {
    const it = prompted().do(adopt({ unconfirmed: [input("k1")] })).fresh();
    it.frames({ id: 3, result: { turn: { id: "t1" } } }, { id: 4, result: { thread: { status: { type: "active" } } } });
    expect(types(it)).toEqual(["turn_started"]);
    expect(it.lines).toEqual([]);
  });

  test("of an input that it knows nothing about the stored turns tell", () => {
    const asked = () => ready().do(adopt({ unconfirmed: [input("kx")] })).frames({ id: 3, result: { thread: { status: { type: "idle" } } } }).fresh();
    const stored = { data: [{ id: "t0", status: "interrupted", items: [{ type: "userMessage", clientId: "kx" }] }] };
    expect(asked().frames({ id: 4, result: stored }).facts).toEqual([{ type: "input_accepted", key: "kx" }]);
    expect(asked().frames({ id: 4, result: { data: [] } }).facts).toEqual([{ type: "input_absent", key: "kx" }]);
    const never = { error: { code: -32600, message: "thread x is not materialized yet" }, id: 4 };
    expect(asked().frames(never).facts).toEqual([{ type: "input_absent", key: "kx" }]);
  });
});
