/** One line of what an agent does: short, readable, and never more than one a second. */
import { describe, expect, test } from "bun:test";
import type { Seen } from "../../../src/agents/activity.ts";
import { createTeller, doingOf, isDoing } from "../../../src/agents/activity.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import type { Activity } from "../../../src/words/agent.ts";

const use = (name: string, input: unknown): Seen => ({ type: "tool_use", id: "t", name, input });

test.each<[string, Seen, string]>([
  ["a tool with its command", use("Bash", { description: "run tests", command: "bun test" }), "tool Bash: bun test"],
  ["a tool with its file", use("Edit", { old: "x", file_path: "/a/b.ts" }), "tool Edit: /a/b.ts"],
  ["a tool with an argument of another name", use("Ask", { n: 1, topic: "shoes" }), "tool Ask: shoes"],
  ["a tool without one", use("List", {}), "tool List"],
  ["a tool with something else", use("Odd", [1]), "tool Odd"],
  ["the last sentence", { type: "text", text: "First this. Then that! Now the tests" }, "text Now the tests"],
  ["of the last line", { type: "text", text: "A. B\n\n* item one\n" }, "text * item one"],
  ["a thought by its first line", { type: "thinking", text: "\nHm.\nMore" }, "thinking Hm."],
  ["the first line of an answer", { type: "answer", text: "All pass.\nDetails: …" }, "answer All pass."],
  ["what it asks for", { type: "permission", title: "Bash: rm -r build" }, "permission Bash: rm -r build"],
  ["controls and breaks are gone", use("Bash", { command: "a\u001b[31m\n\u202eb" }), "tool Bash: a[31m b"],
])("%s", (_, seen, expected) => {
  const { kind, text } = doingOf(seen);
  expect(`${kind} ${text}`).toBe(expected);
});

test("it is never longer than 160 characters, whatever is in it", () => {
  const long = "w".repeat(5000);
  const all = [use(long, { command: long }), { type: "text", text: long }, { type: "answer", text: long }] as const;
  for (const seen of all) expect(doingOf(seen).text).toHaveLength(160);
});

test("results, empty texts and what a person said are no work", () => {
  expect(isDoing({ type: "tool_result", id: "t", text: "ok", isError: false }, "tool")).toBe(false);
  expect(isDoing({ type: "text", text: "" }, "assistant")).toBe(false);
  expect(isDoing({ type: "text", text: "do it" }, "user")).toBe(false);
  expect(isDoing({ type: "text", text: "done" }, "assistant")).toBe(true);
});

describe("what is told", () => {
  const at = (n: number): Activity => ({ kind: "tool", text: `${n}`, at: n });
  const world = () => {
    const clock = fakeClock();
    const told: string[] = [];
    return { clock, told, teller: createTeller(clock, ({ text }) => void told.push(text)) };
  };

  test("the first at once, then one a second, the newest of what came", () => {
    const { clock, told, teller } = world();
    for (let n = 0; n < 25; n++) {
      teller.tell(at(n));
      clock.advance(100);
    }
    expect(told).toEqual(["0", "9", "19"]);
    clock.advance(1000);
    expect(told).toEqual(["0", "9", "19", "24"]);
    clock.advance(5000);
    teller.tell(at(99));
    expect(told.at(-1)).toBe("99");
  });

  test("nothing after the end", () => {
    const { clock, told, teller } = world();
    teller.tell(at(1));
    teller.tell(at(2));
    teller.close();
    clock.advance(5000);
    expect([told, clock.pending]).toEqual([["1"], 0]);
  });
});
