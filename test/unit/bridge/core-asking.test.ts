/** The bridge's mind: questions, interrupts, and what happened while the stream was away. */
import { describe, expect, test } from "bun:test";
import { readMessages } from "../../../src/bridge/wire.ts";
import { CHILD, ROOT, bench, user, words } from "./core-bench.ts";

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
