/** The small pure parts of the commands. */
import { describe, expect, test } from "bun:test";
import { requestText } from "../../../src/cli/asks.ts";
import { wantedAt } from "../../../src/cli/candidates.ts";
import { nameFor } from "../../../src/cli/target.ts";
import { AGENT_SETTINGS } from "../../../src/cli/commands/set.ts";
import { codeOf, worse } from "../../../src/cli/commands/wait.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { openAnswer } from "../../../src/cli/run/answer.ts";
import { readVerdict } from "../../../src/cli/run/ask.ts";
import { patchOf } from "../../../src/cli/settings.ts";
import type { AgentShape, MessageShape } from "../../../src/cli/shapes.ts";
import { badOffset } from "../../../src/cli/stdin.ts";
import { ago, clockTime, count } from "../../../src/cli/figures.ts";
import { readEvent } from "../../../src/cli/stream.ts";
import { projectAt } from "../../../src/cli/target.ts";

describe("the text of a run on a terminal", () => {
  const play = (...steps: (readonly [key: string, delta: string] | { key: string; text: string })[]): string => {
    let shown = "";
    const answer = openAnswer({
      stream: (text) => (shown += text),
      lineStart: () => (shown += shown === "" || shown.endsWith("\n") ? "" : "\n"),
    });
    for (const step of steps) {
      if ("text" in step) answer.message({ ...step, role: "assistant" } as MessageShape);
      else answer.delta(...step);
    }
    return shown;
  };

  test("that was streamed is not repeated", () => {
    expect(play(["k", "Hel"], ["k", "lo"], { key: "k", text: "Hello" })).toBe("Hello\n");
  });
  test("that was not streamed is shown whole, and the rest of what was cut short follows", () => {
    expect(play({ key: "k", text: "Hello" })).toBe("Hello\n");
    expect(play(["k", "Hel"], { key: "k", text: "Hello" })).toBe("Hello\n");
  });
  test("that differs from the stored message gets it under a rule", () => {
    expect(play(["k", "Hullo"], { key: "k", text: "Hello" })).toBe("Hullo\n────────\nHello\n");
  });
  test("of a second message begins on a line of its own, and what is streamed late is nothing new", () => {
    expect(play(["a", "one"], { key: "a", text: "one" }, ["a", "ne"], ["b", "two"], { key: "b", text: "two" })).toBe(
      "one\ntwo\n",
    );
  });
  test("goes on when a message is told again and grew", () => {
    expect(play({ key: "a", text: "one" }, { key: "a", text: "one more" })).toBe("one\n more\n");
  });
});

test.each([
  ["a", { decision: "allow" }],
  ["A", { decision: "allow_always" }],
  ["d", { decision: "deny" }],
  ["d not in production", { decision: "deny", message: "not in production" }],
  ["l", "leave"],
  ["", null],
  ["yes", null],
  ["aa", null],
  ["D", null],
  ["deny", null],
])("the line %p at the prompt means %p", (line, verdict) => expect(readVerdict(line, true)).toEqual(verdict as never));

test("always is not understood where it is not offered", () => expect(readVerdict("A", false)).toBeNull());

test("a patch is made of key=value words; an empty value takes the key away", () => {
  expect(patchOf(["model=opus", "metadata.ticket=A=1", "metadata.old=", "webhook.url="], AGENT_SETTINGS)).toEqual({
    model: "opus",
    metadata: { ticket: "A=1", old: null },
    webhook: null,
  });
});

test.each([
  ["idle", "completed", 0],
  ["idle", "interrupted", 5],
  ["waiting_input", null, 4],
  ["limited", null, 4],
  ["error", "failed", 1],
  ["exited", "lost", 6],
])("an agent that is %p after a turn that %p gives %d", (status, outcome, code) => {
  expect(codeOf({ status, turn: { outcome } } as AgentShape)).toBe(code);
});

test("of several agents the worst counts: exited, error, waiting, aborted, done", () => {
  expect([6, 1, 4, 5, 0].map((_, i, all) => all.slice(i).reduce(worse))).toEqual([6, 1, 4, 5, 0]);
  expect([0, 5, 4, 1, 6].reduce(worse)).toBe(6);
});

test("a request shows its command first and everything else behind it", () => {
  const base = {
    id: "p1",
    kind: "tool",
    tool: "Bash",
    title: "t",
    options: [],
    state: "pending",
    createdAt: "",
    settledAt: null,
  } as const;
  expect(requestText({ ...base, detail: { input: { command: "rm -rf build", timeout: 5 } } })).toBe(
    "rm -rf build\ntimeout: 5",
  );
  expect(requestText({ ...base, detail: { command: ["git", "push"], cwd: "/x" } })).toBe("git push\ncwd: /x");
  expect(requestText({ ...base, detail: { changes: { "a.ts": "one\ntwo" } } })).toContain("one\\ntwo");
  expect(
    requestText({
      ...base,
      kind: "question",
      detail: { questions: [{ question: "Which?", options: [{ label: "A" }, "B"] }] },
    }),
  ).toBe("Which?\n  - A\n  - B");
});

test("a byte that is no UTF-8 is found by its offset", () => {
  expect(badOffset(new Uint8Array([0x61, 0xc3, 0xa4, 0xff, 0x62]))).toBe(3);
  expect(badOffset(new Uint8Array([0xe2, 0x82, 0x41]))).toBe(2);
});

test("an event is read out of its block, and comments are none", () => {
  expect(
    readEvent(
      'id: 7\nevent: note\ndata: {"id":7,"type":"note","project":"p","agent":"a","at":"t","data":{"code":"x"}}',
    ),
  ).toEqual({
    id: 7,
    type: "note",
    project: "p",
    agent: "a",
    at: "t",
    data: { code: "x" },
  });
  expect(readEvent('event: delta\ndata: {"agent":"a","key":"k","text":"hi"}')?.data).toMatchObject({ text: "hi" });
  expect(readEvent(": keep-alive")).toBeNull();
});

test("the project of a folder is the nearest above it, never a neighbour with a longer name", () => {
  const projects = ["/srv", "/srv/shop", "/srv/shop-two"].map((cwd) => ({ name: cwd, cwd })) as never;
  expect(projectAt(projects, "/srv/shop/src")?.cwd).toBe("/srv/shop");
  expect(projectAt(projects, "/srv/shop-two")?.cwd).toBe("/srv/shop-two");
  expect(projectAt(projects, "/srv/shop-three")?.cwd).toBe("/srv");
  expect(projectAt(projects, "/home")).toBeUndefined();
});

test.each([
  ["/srv/shop", "shop"],
  ["/srv/my shop (old)", "my-shop-old-"],
  ["/srv/.hidden", "hidden"],
  ["/", "project"],
  ["/srv/漢字", "project"],
])("a project for %p is called %p", (folder, name) => expect(nameFor(folder)).toBe(name));

test("numbers are as people read them", () => {
  expect([0, 999, 96_400, 999_499, 1_234_567].map(count)).toEqual(["0", "999", "96k", "999k", "1.2M"]);
  expect([400_000, 3_727_000].map(clockTime)).toEqual(["6:40", "1:02:07"]);
  expect([5000, 720_000, 7_300_000, 90_000_000].map(ago)).toEqual(["5s", "12min", "2h", "1d"]);
});

describe("what fits at the cursor", () => {
  const at = (line: string) => {
    const words = line.split(" ");
    const typed = words.pop() ?? "";
    const wanted = wantedAt({ words, typed }, COMMANDS);
    return "fixed" in wanted ? wanted.fixed.map(({ value }) => value) : { kind: wanted.kind, typed: wanted.typed };
  };
  test("is a command at first", () => {
    expect(at("st")).toEqual(["stop", "status"]);
    expect(at("__")).toEqual([]);
  });
  test("is a flag behind a dash, and not one that stands there already", () => {
    expect(at("ps --st")).toEqual(["--status"]);
    expect(at("logs x --follow --f")).toEqual([]);
  });
  test("is the value of the flag before it, also behind an =", () => {
    expect(at("ps --provider co")).toEqual({ kind: "provider", typed: "co" });
    expect(at("ps --provider=co")).toEqual({ kind: "provider", typed: "co" });
    expect(at("run -C /s")).toEqual({ kind: "folder", typed: "/s" });
  });
  test("is the argument that comes next, and none when there are enough", () => {
    expect(at("approve ")).toEqual({ kind: "waiting", typed: "" });
    expect(at("approve shop/a ")).toEqual({ kind: "permission", typed: "" });
    expect(at("approve shop/a p1 ")).toEqual([]);
    expect(at("rm a b ")).toEqual({ kind: "target", typed: "" });
    expect(at("ps -- --st")).toEqual({ kind: "project", typed: "--st" });
  });
  test("is a command of a command", () => {
    expect(at("projects ")).toEqual(["add", "show", "set", "rm"]);
    expect(at("projects show ")).toEqual({ kind: "project", typed: "" });
    expect(at("inputs r")).toEqual(["rm", "release"]);
    expect(at("--url http://x inputs --json r")).toEqual(["rm", "release"]);
  });
});
