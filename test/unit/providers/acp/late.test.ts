/**
 * Text that comes behind the answer to its prompt. Looked at: every protocol, for frames that complete what an earlier
 * one began. Found: only ACP has no frame with the whole text; in the others the end of a turn is written after it. Of
 * the same kind here: results of tools and thoughts behind the answer, and an end whose process dies in the silence.
 */
import { describe, expect, test } from "bun:test";
import type { ProviderFact } from "../../../../src/providers/contract.ts";
import { type Driven, ready } from "./drive.ts";

const END = { stopReason: "end_turn" };
const COMPLETED = { type: "turn_ended", outcome: "completed" } as const;

function prompted(): Driven {
  const driven = ready();
  driven.prompt();
  driven.text("begun ");
  return driven;
}

const types = (facts: readonly ProviderFact[]) => facts.map(({ type }) => type);
const parts = (facts: readonly ProviderFact[]) =>
  facts.flatMap((fact) => (fact.type === "part" ? [`${fact.key} ${"text" in fact.part ? fact.part.text : ""}`] : []));

describe("the end of a turn", () => {
  test("waits until it has been quiet, and has all that was said by then", () => {
    const driven = prompted();
    expect(types(driven.answered(END))).toEqual([]);
    expect(driven.silence(50)).toEqual([]);
    driven.text("and done");
    expect(driven.silence(149)).toEqual([]);
    const facts = driven.silence(1);
    expect(parts(facts)).toEqual(["m1 begun and done"]);
    expect(facts.at(-1)).toEqual(COMPLETED);
  });

  test("waits a second at most, however much is still said", () => {
    const driven = prompted();
    driven.answered(END);
    for (let ms = 0; ms < 900; ms += 100) {
      expect(types(driven.silence(100))).toEqual([]);
      driven.text(".");
    }
    expect(driven.silence(100).at(-1)).toEqual(COMPLETED);
  });

  test("has the results of tools that come behind it", () => {
    const driven = prompted();
    const call = { sessionUpdate: "tool_call", toolCallId: "t1", title: "ls", kind: "execute", status: "in_progress" };
    driven.update(call);
    driven.answered(END);
    const facts = [
      ...driven.update({ ...call, sessionUpdate: "tool_call_update", status: "completed", rawOutput: "a" }),
      ...driven.silence(150),
    ];
    expect(parts(facts)).toEqual(["m3 a"]);
    expect(facts.at(-1)).toEqual(COMPLETED);
  });

  test("is told when the process goes in the silence", () => {
    const driven = prompted();
    driven.answered(END);
    const facts = driven.exit();
    expect(parts(facts)).toEqual(["m1 begun "]);
    expect(facts.at(-1)).toEqual(COMPLETED);
  });

  test("of a failure and of an abort wait, too", () => {
    const failed = prompted();
    failed.says({ id: failed.state.prompt?.id, error: { code: 500, message: "down" } });
    failed.text("and why");
    expect(parts(failed.silence(150))).toEqual(["m1 begun and why"]);
    const aborted = prompted();
    aborted.interrupt();
    aborted.answered({ stopReason: "cancelled" });
    aborted.text("so far");
    expect(aborted.silence(150).at(-1)).toEqual({ type: "turn_ended", outcome: "interrupted" });
  });
});

describe("text behind the end", () => {
  function over(): Driven {
    const driven = prompted();
    driven.text("first", "x");
    driven.ends(END);
    return driven;
  }

  test("is told after a silence by itself", () => {
    const driven = over();
    driven.text("late");
    expect(driven.silence(149)).toEqual([]);
    expect(parts(driven.silence(1))).toEqual(["m3 late"]);
  });

  test("with the id of a message that was told goes on with that one", () => {
    const driven = over();
    driven.text(" and last", "x");
    expect(parts(driven.silence(150))).toEqual(["m2  and last"]);
    driven.text(" of all", "x");
    expect(parts(driven.silence(150))).toEqual(["m2  of all"]);
  });

  test("belongs to the turn that is over, though the next prompt is written before it was told", () => {
    const driven = over();
    driven.text("late");
    expect(driven.prompt()).toMatchObject([
      { type: "part", part: { text: "late" }, late: true },
      { type: "message_done" },
    ]);
  });

  test("belongs to the new turn once the next prompt is written, whatever its id", () => {
    const driven = over();
    driven.prompt();
    const facts = [...driven.text("new", "x"), ...driven.ends(END)];
    expect(facts.filter(({ type }) => type === "part")).toEqual([
      { type: "part", key: "m3", role: "assistant", part: { type: "text", text: "new" } },
    ]);
  });
});
