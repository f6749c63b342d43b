import { describe, expect, test } from "bun:test";
import { piCodec } from "../../../../src/providers/pi/codec.ts";
import { handshake, launchContext, response, talk } from "./helpers.ts";

const input = (more = {}) => ({ key: "k1", text: "go on", raw: false, writtenAtMs: 50_000, ...more });
const users = (...texts: readonly string[]) =>
  response("get_fork_messages", "history-users", { messages: texts.map((text, at) => ({ entryId: `e${at}`, text })) });
const entries = (...all: readonly (readonly [string, number])[]) =>
  response("get_entries", "history-entries", {
    entries: all.flatMap(([text, timestamp]) => [
      { type: "message", message: { role: "user", content: [{ type: "text", text }], timestamp } },
      { type: "message", message: { role: "assistant", content: [{ type: "text", text: "ok" }], timestamp } },
      { type: "model_change" },
    ]),
  });

describe("a new process is asked for inputs that were never confirmed", () => {
  const begin = (...unconfirmed: readonly ReturnType<typeof input>[]) => {
    const it = talk(piCodec.start({ launch: launchContext(), nowMs: 0, unconfirmed, grants: [] })).frames(...handshake);
    expect(it.facts.at(-1)).toEqual({ type: "ready" });
    expect(it.lines.at(-1)).toEqual({ id: "history-users", type: "get_fork_messages" });
    it.take();
    return it;
  };
  const accepted = { type: "input_accepted", key: "k1" } as const;
  const absent = { type: "input_absent", key: "k1" } as const;

  test("absent when nobody ever said so", () => {
    expect(begin(input()).frames(users("hello", "go")).facts).toEqual([absent]);
    expect(begin(input()).frames(users()).facts).toEqual([absent]);
  });

  test("the entries are read from just before the first candidate", () => {
    expect(begin(input()).frames(users("hello", "go on", "more", "go on")).lines).toEqual([
      { id: "history-entries", type: "get_entries", since: "e0" },
    ]);
    expect(begin(input()).frames(users("go on")).lines).toEqual([{ id: "history-entries", type: "get_entries" }]);
  });

  test.each([
    ["present", [["go on", 50_020]], accepted],
    ["an older one with the same words is another one", [["go on", 20_000]], absent],
    [
      "the second of two with the same words",
      [
        ["go on", 20_000],
        ["go on", 50_020],
      ],
      accepted,
    ],
    ["a clock set back a moment does not run it twice", [["go on", 49_500]], accepted],
  ] as const)("%s", (_name, said, fact) => {
    expect(begin(input()).frames(users(...said.map(([text]) => text)), entries(...said)).facts).toEqual([fact]);
  });

  test("a command is stored expanded, so its place and time speak for it; raw is stored with its space", () => {
    expect(
      begin(input({ text: "/fix it" })).frames(users("Please fix it"), entries(["Please fix it", 50_001])).facts,
    ).toEqual([accepted]);
    expect(
      begin(input({ text: "/fix it" })).frames(users("Please fix it"), entries(["Please fix it", 20_000])).facts,
    ).toEqual([absent]);
    expect(begin(input({ text: "/fix it", raw: true })).frames(users("Please fix it")).facts).toEqual([absent]);
    expect(
      begin(input({ text: "/fix it", raw: true })).frames(users(" /fix it"), entries([" /fix it", 50_001])).facts,
    ).toEqual([accepted]);
  });

  test("once more than it was sent before is there, whatever the clock was set to meanwhile", () => {
    const daysAgo = entries(["go on", 10], ["go on", 20]);
    const two = users("go on", "go on");
    expect(begin(input({ sameBefore: 1 })).frames(two).facts).toEqual([accepted]);
    expect(begin(input({ sameBefore: 2 })).frames(two, daysAgo).facts).toEqual([absent]);
    const three = begin(input({ sameBefore: 1 }), input({ key: "k2", sameBefore: 2 })).frames(two, daysAgo);
    expect(three.facts).toEqual([accepted, { type: "input_absent", key: "k2" }]);
  });

  test("each of several is answered", () => {
    const it = begin(input(), input({ key: "k2", text: "other" })).frames(users("go on"), entries(["go on", 50_001]));
    expect(it.facts).toEqual([accepted, { type: "input_absent", key: "k2" }]);
  });

  test("a history that cannot be read proves nothing: the turn is lost, not run twice", () => {
    const it = begin(input()).frames(response("get_fork_messages", "history-users", { error: "no" }, false));
    expect(it.facts).toEqual([{ type: "input_unknown", key: "k1", message: expect.stringContaining("no") }]);
    expect(it.facts.some(({ type }) => type === "input_absent")).toBe(false);
  });
});

test("a new daemon asks again when the old one died over the question", () => {
  const it = talk(piCodec.start({ launch: launchContext(), nowMs: 0, unconfirmed: [input()], grants: [] })).frames(
    ...handshake,
    users("go on"),
  );
  it.take();
  it.do((state) => piCodec.adopt(state, { nowMs: 0, unconfirmed: [], unsettled: [], open: [], interrupting: false }));
  expect(it.lines).toEqual([{ id: "history-users", type: "get_fork_messages" }]);
  it.frames(entries(["go on", 50_001]), users("go on"), entries(["go on", 50_001]), entries(["go on", 50_001]));
  expect(it.facts).toEqual([{ type: "input_accepted", key: "k1" }]);
});
