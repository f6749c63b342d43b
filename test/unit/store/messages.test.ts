/** Pages of messages are bounded by number and by bytes, and nothing falls between two pages. */
import { expect, test } from "bun:test";
import { openStore } from "../../../src/store/database.ts";
import { PAGE_BYTES, appendPart, insertWhole, listMessages } from "../../../src/store/messages.ts";
import type { Part } from "../../../src/words/said.ts";

function storeWith(sizes: readonly number[]) {
  const store = openStore(":memory:");
  store.run("INSERT INTO projects (name, cwd, created_at) VALUES ('p', '/', 0)");
  store.run(
    "INSERT INTO agents (id, project, provider, uuid, status, state, settings, created_at, updated_at) VALUES ('a', 'p', 'x', 'u', 'idle', '{}', '{}', 0, 0)",
  );
  for (const [i, size] of sizes.entries()) {
    appendPart(store, {
      agent: "a",
      turn: null,
      run: 1,
      key: `m${i}`,
      role: "assistant",
      part: { type: "text", text: `${i}:`.padEnd(size, "x") },
      at: i,
    });
  }
  return store;
}

const big = PAGE_BYTES / 4; // told as its text and as its part: two fill a page

test("forward, a page ends before the bytes do, but always moves on", () => {
  const store = storeWith([10, big, big, PAGE_BYTES * 2, 10, 10]);
  const pages: string[][] = [];
  for (let after = 0; ;) {
    const { messages, more } = listMessages(store, "a", { after, limit: 100 });
    pages.push(messages.map(({ text }) => text.split(":")[0] ?? ""));
    after = messages.at(-1)?.id ?? 0;
    if (!more) break;
  }
  expect(pages).toEqual([["0", "1"], ["2"], ["3"], ["4", "5"]]);
}, 120_000);

test("backward, the newest come first, in order", () => {
  const store = storeWith([10, big, big, 10]);
  const { messages, more } = listMessages(store, "a", { limit: 100 });
  expect([messages.map(({ text }) => text[0]), more]).toEqual([["2", "3"], true]);
  const older = listMessages(store, "a", { before: messages[0]?.id ?? 0, limit: 1 });
  expect([older.messages.map(({ text }) => text[0]), older.more]).toEqual([["1"], true]);
});

test("a limit that is exactly met is no cut", () => {
  const store = storeWith([1, 1, 1]);
  expect(listMessages(store, "a", { after: 0, limit: 3 }).more).toBe(false);
  expect(listMessages(store, "a", { after: 0, limit: 2 }).more).toBe(true);
});

test("a text is looked for in what was said, in either case, and % and _ stand for themselves", () => {
  const store = openStore(":memory:");
  store.run("INSERT INTO projects (name, cwd, created_at) VALUES ('p', '/', 0)");
  store.run(
    "INSERT INTO agents (id, project, provider, uuid, status, state, settings, created_at, updated_at) VALUES ('a', 'p', 'x', 'u', 'idle', '{}', '{}', 0, 0)",
  );
  const said = ["The Rounding was wrong", "50 % of it", "snake_case", "all 5000 rounds"];
  for (const [i, text] of said.entries())
    appendPart(store, {
      agent: "a",
      turn: null,
      run: 1,
      key: `m${i}`,
      role: "assistant",
      part: { type: "text", text },
      at: i,
    });
  const found = (contains: string, more = {}) =>
    listMessages(store, "a", { contains, limit: 10, ...more }).messages.map(({ text }) => text);
  expect(found("rounding")).toEqual(["The Rounding was wrong"]);
  expect(found("round")).toEqual(["The Rounding was wrong", "all 5000 rounds"]);
  expect(found("round", { role: "user" })).toEqual([]);
  expect(found("0 %")).toEqual(["50 % of it"]);
  expect(found("e_c")).toEqual(["snake_case"]);
  expect(found("type")).toEqual([]); // how a part is kept is not what was said
  expect(listMessages(store, "a", { contains: "o", after: 0, limit: 1 }).more).toBe(true);
});

// It stood twice, as the message's text and in its one part: most of a store, and half the time of a long answer.
test("one text is stored once and told as its part, whatever comes after it", () => {
  const store = storeWith([]);
  const of = { agent: "a", turn: null, run: 1, role: "assistant", at: 0 } as const;
  const call: Part = { type: "tool_use", id: "t", name: "ls", input: { path: '\u00e4"' } };
  const text = (words: string): Part => ({ type: "text", text: words });
  const stories: readonly (readonly Part[])[] = [
    [text("")],
    [text('one "q" \u00e4')],
    [text("one"), text("two")],
    [text("one"), call],
    [call, text("one")],
    [call],
    [{ type: "thinking", text: "hm" }],
  ];
  for (const [n, story] of stories.entries()) {
    for (const part of story) appendPart(store, { ...of, key: `grown-${n}`, part });
    insertWhole(
      store,
      story.map((part) => ({ ...of, key: `whole-${n}`, part })),
    );
  }
  const told = listMessages(store, "a", { after: 0, limit: 100 }).messages;
  for (const [n, story] of stories.entries())
    for (const how of ["grown", "whole"])
      expect(told.find(({ key }) => key === `1/${how}-${n}`)?.parts).toEqual([...story]);
  const twice = store.get<{ n: number }>(
    "SELECT count(*) AS n FROM messages WHERE text <> '' AND instr(parts, text) > 0",
  );
  expect(twice?.n).toBe(4); // those that have more than the text
});

test("what was cut is told so, also when more follows", () => {
  const store = storeWith([]);
  const of = { agent: "a", turn: null, run: 1, role: "assistant", at: 0, part: { type: "text", text: "x" } } as const;
  insertWhole(store, [{ ...of, key: "whole", truncated: true }]);
  appendPart(store, { ...of, key: "grown", truncated: true });
  appendPart(store, { ...of, key: "grown" });
  appendPart(store, { ...of, key: "not" });
  const told = listMessages(store, "a", { after: 0, limit: 100 }).messages;
  expect(told.map(({ key, truncated }) => [key, truncated])).toEqual([
    ["1/whole", true],
    ["1/grown", true],
    ["1/not", undefined],
  ]);
});
