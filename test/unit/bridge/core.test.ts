/** The bridge's mind, event by event: what it tells the daemon and what it wants of the server. */
import { describe, expect, test } from "bun:test";
import { createCore } from "../../../src/bridge/core.ts";
import type { CoreAction, CoreInput } from "../../../src/bridge/core-io.ts";
import type { SessionStatus, WireMessage } from "../../../src/bridge/wire.ts";
import { readEvent, readMessages } from "../../../src/bridge/wire.ts";

const ROOT = "ses_root";
const CHILD = "ses_child";
const ID = "msg_000000000010input";
const ANSWER = "msg_000000000020answer";
const IDLE: SessionStatus = { type: "idle" };
const NO_TOTALS = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0 };

function bench(newest = "") {
  const core = createCore({ session: ROOT, newest });
  let now = 1000;
  const all: CoreAction[] = [];
  const take = (incoming: CoreInput): CoreAction[] => {
    const actions = [...core.take(incoming, now)];
    all.push(...actions);
    return actions;
  };
  const told = (actions: readonly CoreAction[]) =>
    actions.flatMap((action) => (action.do === "tell" ? [action.line] : []));
  const self = {
    take,
    pass: (ms: number) => void (now += ms),
    event: (type: string, properties: object) => take({ h: "event", event: readEvent({ type, properties }) }),
    status: (type: string, session = ROOT) =>
      self.event("session.status", { sessionID: session, status: { type, attempt: 1, message: "overloaded" } }),
    message: (id: string, more: object = {}, session = ROOT) =>
      self.event("message.updated", {
        sessionID: session,
        info: { id, sessionID: session, role: "assistant", time: {}, ...more },
      }),
    part: (message: string, id: string, more: object, session = ROOT) =>
      self.event("message.part.updated", {
        sessionID: session,
        part: { id, messageID: message, sessionID: session, ...more },
      }),
    prompt: (key = "k") =>
      take({ h: "command", command: { cmd: "prompt", key, text: "do it", writtenAtMs: 1, files: [] } }),
    lookedUp: (stored = false, key = "k", id = ID) => take({ h: "looked_up", key, stored, id }),
    stored: (id = ID) =>
      self.event("message.updated", { sessionID: ROOT, info: { id, sessionID: ROOT, role: "user", time: {} } }),
    read: (messages: readonly WireMessage[], status = IDLE) =>
      take({ h: "turn_read", truth: { status, messages, totals: NO_TOTALS } }),
    /** A turn at work. */
    working: () => {
      self.prompt();
      self.lookedUp();
      take({ h: "posted", key: "k", result: "ok", message: "" });
      self.stored();
      self.status("busy");
    },
    told,
    kinds: (actions: readonly CoreAction[]) =>
      actions
        .map((action) => (action.do === "tell" ? `tell ${action.line.t}` : action.do))
        .filter((kind) => kind !== "wake"),
    all,
  };
  return self;
}

const user = {
  info: { id: ID, sessionID: ROOT, role: "user", time: { created: 1 } },
  parts: [{ id: "p0", type: "text", text: "do it" }],
};
const words = (text: string, more: object = {}) => ({
  info: {
    id: ANSWER,
    sessionID: ROOT,
    role: "assistant",
    parentID: ID,
    finish: "stop",
    time: { completed: 1 },
    ...more,
  },
  parts: [{ id: "p1", messageID: ANSWER, sessionID: ROOT, type: "text", text, time: { end: 1 } }],
});

describe("a turn", () => {
  test("is asked about, posted, accepted when stored, and over when its stored answer is", () => {
    const t = bench();
    expect(t.kinds(t.prompt())).toEqual(["look_up"]);
    expect(t.kinds(t.lookedUp())).toEqual(["post"]);
    expect(t.kinds(t.take({ h: "posted", key: "k", result: "ok", message: "" }))).toEqual([]);
    expect(t.told(t.stored())).toEqual([{ t: "accepted", key: "k" }]);
    expect(t.kinds(t.status("busy"))).toEqual(["tell busy"]);
    expect(t.kinds(t.status("idle"))).toEqual(["read_turn"]);
    expect(t.kinds(t.read(readMessages([user, words("done")])))).toEqual([
      "tell part",
      "tell message",
      "tell usage",
      "tell turn",
    ]);
  });

  test("the second idle of a failure, and one that comes with the next turn, end nothing", () => {
    const t = bench();
    t.working();
    t.status("idle");
    expect(t.kinds(t.read(readMessages([user, words("", { finish: undefined, time: {} })])))).toEqual([]);
    t.status("idle");
    const failed = words("", { finish: undefined, error: { name: "APIError", data: { message: "no" } } });
    expect(t.told(t.read(readMessages([user, failed]))).at(-1)).toEqual({
      t: "turn",
      outcome: "failed",
      error: { code: "APIError", message: "no" },
    });
    expect(t.kinds(t.status("idle"))).toEqual([]);
    t.prompt("k2");
    expect(t.kinds(t.status("idle"))).toEqual([]);
    t.event("session.error", { sessionID: ROOT, error: { name: "UnknownError", data: { message: "late" } } });
    t.lookedUp(false, "k2", "msg_000000000030");
    expect(t.all.filter((action) => action.do === "tell" && action.line.t === "turn")).toHaveLength(1);
  });

  test("the idle of a sub-agent ends nothing and is counted as a background task", () => {
    const t = bench();
    t.working();
    expect(t.told(t.status("busy", CHILD))).toEqual([{ t: "background", tasks: 1 }]);
    expect(t.told(t.status("busy", CHILD))).toEqual([]);
    expect(t.kinds(t.status("idle", CHILD))).toEqual(["tell background"]);
  });

  test("an input that was sent before is not sent again", () => {
    const t = bench();
    t.working();
    expect(t.told(t.prompt())).toEqual([{ t: "accepted", key: "k" }]);
    const next = bench("msg_000000000020answer");
    next.prompt();
    expect(next.kinds(next.lookedUp(true))).toEqual(["tell accepted", "read_turn"]);
    expect(next.told(next.read(readMessages([user, words("done")]))).map((line) => line.t)).toEqual([
      "part",
      "message",
      "usage",
      "turn",
    ]);
  });

  test("and when the server died in its middle, it is lost", () => {
    const t = bench();
    t.prompt();
    t.lookedUp(true);
    expect(t.told(t.read(readMessages([user, words("", { finish: undefined, time: {} })]))).at(-1)).toMatchObject({
      t: "turn",
      outcome: "lost",
    });
  });

  test("a post that got no answer is looked up before it is sent again; a refused one fails", () => {
    const t = bench();
    t.prompt();
    t.lookedUp();
    expect(t.kinds(t.take({ h: "posted", key: "k", result: "unreachable", message: "timeout" }))).toEqual(["look_up"]);
    expect(t.kinds(t.lookedUp(true))).toEqual(["tell accepted", "read_turn"]);
    const refused = bench();
    refused.prompt();
    refused.lookedUp();
    const end = refused.told(refused.take({ h: "posted", key: "k", result: "refused", message: "bad agent" }));
    expect(end).toEqual([
      { t: "accepted", key: "k" },
      { t: "turn", outcome: "failed", error: { code: "PROMPT_REFUSED", message: "bad agent" } },
    ]);
  });

  test("work that nobody asked for is a turn, with the words of who asked", () => {
    const t = bench("msg_000000000010");
    expect(t.kinds(t.status("busy"))).toEqual([]);
    expect(
      t.kinds(
        t.event("message.updated", { info: { id: "msg_000000000015", sessionID: ROOT, role: "user", time: {} } }),
      ),
    ).toEqual(["tell busy"]);
    expect(t.told(t.part("msg_000000000015", "p", { type: "text", text: "hi from a terminal" }))[0]).toMatchObject({
      t: "part",
      role: "user",
      part: { text: "hi from a terminal" },
    });
    t.status("idle");
    expect(t.kinds(t.read(readMessages([words("hello")])))).toEqual([
      "tell part",
      "tell message",
      "tell usage",
      "tell turn",
    ]);
  });

  test("a late frame of the last turn is no turn", () => {
    const t = bench("msg_000000000010");
    t.status("busy");
    t.status("idle");
    expect(t.told(t.read([]))).toEqual([]);
    expect(t.kinds(t.status("idle"))).toEqual([]);
  });

  test("an idle that comes while the turn is being read is not forgotten", () => {
    const t = bench();
    t.working();
    t.take({ h: "truth", truth: { statuses: new Map([[ROOT, { type: "busy" } as const]]), asks: [] } });
    t.status("idle");
    expect(t.kinds(t.read(readMessages([user]), { type: "busy" }))).toEqual(["read_turn"]);
    expect(t.told(t.read(readMessages([user, words("done")]))).at(-1)).toMatchObject({
      t: "turn",
      outcome: "completed",
    });
  });

  test("a retry is told, and that it is over with the first word", () => {
    const t = bench();
    t.working();
    expect(t.told(t.status("retry"))).toEqual([{ t: "retry", attempt: 1, reason: "overloaded" }]);
    t.message(ANSWER);
    t.part(ANSWER, "p1", { type: "text", text: "" });
    const delta = t.event("message.part.delta", {
      sessionID: ROOT,
      messageID: ANSWER,
      partID: "p1",
      field: "text",
      delta: "he",
    });
    expect(t.told(delta)).toEqual([{ t: "retry_over" }, { t: "delta", message: ANSWER, text: "he" }]);
  });
});

describe("what is said", () => {
  test("a message that is complete before its parts came still gives them out, once", () => {
    const t = bench();
    t.working();
    const complete = { finish: "stop", time: { completed: 1 } };
    expect(t.told(t.message(ANSWER, complete))).toEqual([]);
    t.part(ANSWER, "p1", { type: "text", text: "" });
    expect(t.told(t.part(ANSWER, "p1", { type: "text", text: "thanks", time: { end: 1 } }))).toMatchObject([
      { t: "part", part: { text: "thanks" } },
    ]);
    expect(t.told(t.part(ANSWER, "p2", { type: "step-finish" }))).toEqual([{ t: "message", message: ANSWER }]);
    t.status("idle");
    expect(t.kinds(t.read(readMessages([user, words("thanks")])))).toEqual(["tell usage", "tell turn"]);
  });

  test("a text that ends after its tool began comes before the tool", () => {
    const t = bench();
    t.working();
    t.message(ANSWER);
    t.part(ANSWER, "p1", { type: "text", text: "" });
    const tool = (status: string, more: object = {}) => ({
      type: "tool",
      tool: "bash",
      callID: "c",
      state: { status, input: { command: "ls" }, ...more },
    });
    expect(t.told(t.part(ANSWER, "p2", tool("running")))).toEqual([]);
    const out = t.told(t.part(ANSWER, "p1", { type: "text", text: "look", time: { end: 1 } }));
    expect(out).toMatchObject([
      { part: { type: "text" } },
      { part: { type: "tool_use", id: "c", name: "bash", input: { command: "ls" } } },
    ]);
    expect(t.told(t.part(ANSWER, "p2", tool("error", { error: "no" })))).toMatchObject([
      { role: "tool", part: { type: "tool_result", text: "no", isError: true } },
      { t: "message" },
    ]);
  });

  test("half a text of a dropped connection is never told", () => {
    const t = bench();
    t.working();
    t.message(ANSWER);
    t.part(ANSWER, "p1", { type: "text", text: "half", time: { end: 1 } });
    t.part(ANSWER, "p2", { type: "text", text: "whole", time: { end: 1 } });
    t.status("idle");
    const stored = {
      ...words("whole"),
      parts: [
        { id: "p1", type: "text", text: "" },
        { id: "p2", type: "text", text: "whole", time: { end: 1 } },
      ],
    };
    const texts = t
      .told(t.read(readMessages([user, stored])))
      .flatMap((line) => (line.t === "part" ? [line.part] : []));
    expect(texts).toEqual([{ type: "text", text: "whole" }]);
  });

  test("frames of a finished turn that come again are not told again", () => {
    const t = bench();
    t.working();
    t.status("idle");
    t.read(readMessages([user, words("done")]));
    t.message(ANSWER, { finish: "stop", time: { completed: 1 } });
    expect(t.told(t.part(ANSWER, "p1", { type: "text", text: "done", time: { end: 1 } }))).toEqual([]);
  });

  test("thoughts are no deltas", () => {
    const t = bench();
    t.working();
    t.message(ANSWER);
    t.part(ANSWER, "p1", { type: "reasoning", text: "" });
    expect(
      t.told(
        t.event("message.part.delta", { sessionID: ROOT, messageID: ANSWER, partID: "p1", field: "text", delta: "hm" }),
      ),
    ).toEqual([]);
  });
});

describe("asking and interrupting", () => {
  const ask = (id: string, session: string) => ({
    id,
    sessionID: session,
    permission: "bash",
    patterns: ["ls"],
    metadata: {},
    always: [],
  });

  test("a sub-agent's permission is asked under its session, told once, and closed by whoever answers it", () => {
    const t = bench();
    t.working();
    expect(t.told(t.event("permission.asked", ask("per_1", CHILD)))).toMatchObject([
      { t: "asked", ask: { id: "per_1", child: CHILD } },
    ]);
    expect(t.told(t.event("permission.asked", ask("per_1", CHILD)))).toEqual([]);
    expect(t.told(t.event("permission.replied", { requestID: "per_1" }))).toEqual([{ t: "closed", id: "per_1" }]);
    t.event("permission.asked", ask("per_2", ROOT));
    expect(t.told(t.take({ h: "replied", id: "per_2", result: "gone" }))).toEqual([{ t: "closed", id: "per_2" }]);
  });

  test("an interrupt refuses the sub-agent's question first, then aborts, and again when the parent went on", () => {
    const t = bench();
    t.working();
    t.event("permission.asked", ask("per_1", CHILD));
    t.event("permission.asked", ask("per_2", ROOT));
    const interrupt = { h: "command", command: { cmd: "interrupt" } } as const;
    expect(t.kinds(t.take(interrupt))).toEqual(["dismiss", "abort"]);
    expect(t.kinds(t.take(interrupt))).toEqual([]);
    t.pass(2000);
    expect(t.kinds(t.take({ h: "wake" }))).toContain("abort");
  });

  test("a parent that speaks its last words between the refusal and the abort was interrupted all the same", () => {
    const t = bench();
    t.working();
    t.event("permission.asked", ask("per_1", CHILD));
    t.take({ h: "command", command: { cmd: "interrupt" } });
    t.status("idle");
    expect(t.told(t.read(readMessages([user, words("never")]))).at(-1)).toMatchObject({
      t: "turn",
      outcome: "interrupted",
    });
  });

  test("an interrupt before the input was handed over takes it back", () => {
    const t = bench();
    t.prompt();
    expect(t.kinds(t.take({ h: "command", command: { cmd: "interrupt" } }))).toEqual([]);
    expect(t.told(t.lookedUp())).toMatchObject([{ t: "accepted" }, { t: "turn", outcome: "interrupted" }]);
  });

  test("an abort that came before the work began is repeated when it begins", () => {
    const t = bench();
    t.prompt();
    t.lookedUp();
    expect(t.kinds(t.take({ h: "command", command: { cmd: "interrupt" } }))).toEqual(["abort"]);
    expect(t.kinds(t.status("busy"))).toEqual(["tell busy", "abort"]);
  });

  test("what is still open when the turn is over is cleaned up", () => {
    const t = bench();
    t.working();
    t.event("permission.asked", ask("per_1", CHILD));
    t.status("idle");
    expect(t.kinds(t.read(readMessages([user, words("x")])))).toEqual([
      "tell part",
      "tell message",
      "tell usage",
      "dismiss",
      "tell closed",
      "tell turn",
    ]);
  });

  test("after a gap of the stream: new questions are told, settled ones closed, and the turn is read", () => {
    const t = bench();
    t.working();
    t.event("permission.asked", ask("per_1", ROOT));
    const truth = {
      statuses: new Map([[ROOT, { type: "busy" } as const]]),
      asks: [{ id: "que_2", session: ROOT, request: { kind: "question", questions: [] } as const }],
    };
    expect(t.kinds(t.take({ h: "truth", truth }))).toEqual(["tell closed", "tell question", "read_turn"]);
  });

  test("work that began in the gap is followed, too", () => {
    const t = bench();
    const truth = { statuses: new Map([[ROOT, { type: "busy" } as const]]), asks: [] };
    expect(t.kinds(t.take({ h: "truth", truth }))).toEqual(["read_turn"]);
    expect(t.told(t.read(readMessages([words("hello", { time: {}, finish: undefined })]), { type: "busy" }))).toEqual([
      { t: "busy" },
    ]);
  });
});
