/** The bridge's mind, event by event: what it tells the daemon and what it wants of the server. */
import { describe, expect, test } from "bun:test";
import { readMessages } from "../../../src/bridge/wire.ts";
import { ANSWER, CHILD, ROOT, bench, user, words } from "./core-bench.ts";

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
