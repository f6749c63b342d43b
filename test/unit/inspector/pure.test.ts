/** The inspector's pure parts: text that stays text, in linear time; diffs; requests; rows out of messages. */
import { describe, expect, test } from "bun:test";
import { parseBlocks } from "../../../src/inspector/blocks.ts";
import { changed, diffLines } from "../../../src/inspector/diff.ts";
import { age, amount, lasted, running, spent } from "../../../src/inspector/format.ts";
import { parseInline, safeHref } from "../../../src/inspector/inline.ts";
import type { Message } from "../../../src/inspector/messages.ts";
import { visible, withoutColours } from "../../../src/inspector/plain.ts";
import { readRequest } from "../../../src/inspector/request.ts";
import { rowsOf } from "../../../src/inspector/rows.ts";
import { readUsage } from "../../../src/inspector/shapes.ts";
import { runLine } from "../../../src/inspector/tool-lines.ts";

test("what nobody told a price for has no cost, not one of nothing", () => {
  const costOf = (usage: Record<string, number>) => readUsage(usage).costUsd;
  expect(costOf({ inputTokens: 9, costUsd: 0, unpricedTokens: 9 })).toBeNull();
  expect(costOf({ inputTokens: 9, costUsd: 0.5, unpricedTokens: 4 })).toBe(0.5);
  expect(costOf({ inputTokens: 0, costUsd: 0, unpricedTokens: 0 })).toBe(0);
  expect(costOf({ inputTokens: 9 })).toBeNull();
});

describe("markdown", () => {
  test.each([
    ["**bold** and *soft*", [{ is: "strong", spans: ["bold"] }, " and ", { is: "em", spans: ["soft"] }]],
    ["snake_case_name stays", ["snake_case_name stays"]],
    ["2 * 3 * 4", ["2 * 3 * 4"]],
    ["`a **b**`", [{ is: "code", text: "a **b**" }]],
    ["``a ` b``", [{ is: "code", text: "a ` b" }]],
    ["<img src=x onerror=alert(1)>", ["<img src=x onerror=alert(1)>"]],
    ["[x](javascript:alert(1))", ["[x](javascript:alert(1))"]],
    ["[x](https://a.example/b)", [{ is: "link", href: "https://a.example/b", spans: ["x"] }]],
    ["![i](https://a.example/i.png)", [{ is: "link", href: "https://a.example/i.png", spans: ["i"] }]],
    [
      "see https://a.example/b.",
      ["see ", { is: "link", href: "https://a.example/b", spans: ["https://a.example/b"] }, "."],
    ],
    ["~~gone~~", [{ is: "del", spans: ["gone"] }]],
    ["**open", ["**", "open"]],
    ["\\*plain\\*", ["*plain*"]],
  ])("%s", (text, spans) => {
    expect(parseInline(text)).toEqual(spans as never);
  });

  test("blocks are told apart, and an unclosed fence goes to the end", () => {
    const text =
      "# Title\n\ntext\nmore\n\n- a\n  - b\n- [x] c\n\n1. one\n2. two\n\n> said\n\n---\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```ts\nconst a = 1;";
    expect(parseBlocks(text).map(({ is }) => is)).toEqual([
      "heading",
      "paragraph",
      "list",
      "list",
      "quote",
      "rule",
      "table",
      "code",
    ]);
  });

  test("a megabyte of marks costs no more than its length", () => {
    for (const mark of ["`", "[", "> ", "*", "_a", "](", "- ", "|", "```\n", "`` ` "]) {
      const text = mark.repeat(Math.ceil(200_000 / mark.length));
      const from = performance.now();
      parseBlocks(text);
      // The page parses at most so much; the bound leaves room for a machine that does other things.
      expect([mark, performance.now() - from < 1500]).toEqual([mark, true]);
    }
  });

  test("only addresses of three schemes are followed", () => {
    const hrefs = [
      "https://a.example/",
      "mailto:a@b.example",
      "javascript:alert(1)",
      "data:text/html,x",
      "/relative",
      "//host/x",
    ];
    expect(hrefs.map(safeHref)).toEqual(["https://a.example/", "mailto:a@b.example", null, null, null, null]);
  });
});

test("nothing in a command can hide or turn round", () => {
  expect(visible("rm \u202etxt\u200b\u001b[31m\r\nok\tend\u007f")).toBe("rm ⟨U+202E⟩txt⟨U+200B⟩␛[31m␍\nok\tend␡");
  expect(withoutColours("\u001b[1mbold\u001b[0m\r\n10 %\r20 %\rdone")).toBe("bold\ndone");
});

test("a diff keeps what stayed, with three lines around what changed", () => {
  const before = Array.from({ length: 20 }, (_, i) => `line ${i}`).join("\n");
  const lines = diffLines(before, before.replace("line 10", "LINE 10"));
  expect(lines.map(({ sign }) => sign).join("")).toBe("@   −+   ");
  expect(changed(lines)).toEqual({ added: 1, removed: 1 });
  expect(diffLines("", "a\nb\n").map(({ sign }) => sign)).toEqual(["+", "+"]);
});

test("a request leaves nothing of what was asked out", () => {
  expect(readRequest({ input: { command: "ls", timeout: 5 }, description: "look" })).toEqual({
    thing: { is: "command", command: "ls" },
    description: "look",
    rest: [["timeout", "5"]],
  });
  expect(readRequest({ command: ["git", "push"], cwd: "/srv", reason: "because" })).toEqual({
    thing: { is: "command", command: "git push" },
    description: "",
    rest: [
      ["cwd", "/srv"],
      ["reason", "because"],
    ],
  });
  expect(
    readRequest({ input: { file_path: "a.ts", old_string: "a", new_string: "b", replace_all: true } }),
  ).toMatchObject({
    thing: { is: "edit", path: "a.ts", edits: [{ before: "a", after: "b" }] },
    rest: [["replace_all", "true"]],
  });
  expect(readRequest({ strange: { deep: 1 } }).thing.is).toBe("json");
});

test("finished calls in a row are one row; a failed, a running and a talked-between one stand alone", () => {
  const call = (id: number, name: string): Message => ({
    id,
    key: null,
    turnId: "t",
    role: "assistant",
    parts: [{ type: "tool_use", id: `c${id}`, name, input: { file_path: `src/${id}.ts` }, bytes: null }],
    at: id,
    subagent: null,
    omitted: false,
  });
  const said: Message = { ...call(4, ""), parts: [{ type: "text", text: "so", bytes: null }] };
  const good = (message: number) => ({ text: "ok", isError: false, bytes: null, message });
  const rows = rowsOf([call(1, "Read"), call(2, "Read"), call(3, "Edit"), said, call(5, "Bash"), call(6, "Bash")], {
    turns: new Map(),
    results: new Map([
      ["c1", good(1)],
      ["c2", good(2)],
      ["c3", good(3)],
      ["c5", { ...good(5), isError: true }],
    ]),
    permissions: [],
    notes: [],
    turnBefore: null,
    turnBehind: null,
  });
  expect(rows.map(({ is }) => is)).toEqual(["turn", "tools", "text", "tool", "tool"]);
  const [, run] = rows;
  expect(run?.is === "tools" && runLine(run.calls)).toBe("Read 2 files · Edit 3.ts");
});

test("times and amounts read well", () => {
  expect([running(7_000), running(728_000), running(3_720_000)]).toEqual(["0:07", "12:08", "1:02 h"]);
  expect([age(3_000), age(51_000), age(240_000), age(7_200_000)]).toEqual(["now", "51 s", "4 min", "2 h"]);
  expect([lasted(400), lasted(12_000), lasted(245_000)]).toEqual(["0.4 s", "12 s", "4 min 5 s"]);
  expect([amount(950), amount(18_000), amount(210_400), amount(3_100_000)]).toEqual(["950", "18 k", "210 k", "3.1 M"]);
  const none = { input: null, output: null, cacheRead: null, cacheWrite: null, costUsd: null };
  expect([spent(none), spent({ ...none, input: 88_000 }), spent({ ...none, costUsd: 0.61 })]).toEqual([
    "—",
    "88 k",
    "$0.61",
  ]);
});
