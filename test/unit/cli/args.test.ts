/** Command lines to values: what is taken, and that nothing is guessed. */
import { describe, expect, test } from "bun:test";
import { parseArgs } from "../../../src/cli/args.ts";
import type { Command } from "../../../src/cli/command.ts";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { findCommand } from "../../../src/cli/dispatch.ts";
import { parseDuration, parseSince } from "../../../src/lib/since.ts";

const named = (name: string): Command => {
  const all = COMMANDS.flatMap((command) => [command, ...(command.subs ?? [])]);
  const found = all.find((command) => command.name === name);
  if (found === undefined) throw new Error(`there is no ${name}`);
  return found;
};
const parse = (name: string, ...words: string[]) => parseArgs(words, named(name));

describe("flags", () => {
  test("stand anywhere among the arguments", () => {
    for (const line of [
      ["--json", "shop/a", "-n", "5"],
      ["shop/a", "-n5", "--json"],
      ["-n", "5", "shop/a", "--json"],
    ]) {
      const args = parse("logs", ...line);
      expect([args.words, args.number("number"), args.has("json")]).toEqual([["shop/a"], 5, true]);
    }
  });

  test("stand before a command, and between it and its own command, with their values", () => {
    for (const line of [
      "--json --url http://127.0.0.1:1 projects show shop",
      "projects --json --url http://127.0.0.1:1 show shop",
      "projects --url=http://127.0.0.1:1 show --json shop",
    ]) {
      const [command, rest] = findCommand(line.split(" "), COMMANDS);
      const args = parseArgs(rest, command);
      const found = [command.name, args.words, args.value("url"), args.has("json")];
      expect(found).toEqual(["projects show", ["shop"], "http://127.0.0.1:1", true]);
    }
    // A value of the command's own flag is no word of it.
    const [listed, rest] = findCommand(["deliveries", "--state", "show", "-n", "5"], COMMANDS);
    expect([listed.name, rest]).toEqual(["deliveries", ["--state", "show", "-n", "5"]]);
    expect(findCommand(["deliveries", "-n", "5", "show", "x"], COMMANDS)[0].name).toBe("deliveries show");
  });

  test("take their value behind a space, behind = and, when short, at once", () => {
    for (const line of [["--timeout", "10m"], ["--timeout=10m"]])
      expect(parse("wait", "a", ...line).duration("timeout")).toBe(600_000);
    for (const line of [["-m", "no"], ["-mno"], ["-m=no"]])
      expect(parse("deny", "a", "p1", ...line).value("message")).toBe("no");
  });

  test("are bundled, one with a value last", () => {
    const args = parse("logs", "a", "-fqn5");
    expect([args.has("follow"), args.has("quiet"), args.number("number")]).toEqual([true, true, 5]);
  });

  test("are turned off by --no-X", () => {
    expect(parse("run", "x", "--no-wait-input").off("wait-input")).toBe(true);
    expect(parse("run", "x").off("wait-input")).toBe(false);
  });

  test("that may stand more than once are kept in order", () => {
    expect(parse("run", "x", "--env", "A=1", "--env=B=2=3").all("env")).toEqual(["A=1", "B=2=3"]);
  });

  test("end at --: what follows is an argument, whatever it looks like", () => {
    expect(parse("send", "a", "--", "--json").words).toEqual(["a", "--json"]);
    expect(parse("send", "a", "--", "--json").has("json")).toBe(false);
    expect(parse("send", "a", "-").words).toEqual(["a", "-"]);
  });
});

test.each([
  ["90", 90_000],
  ["90s", 90_000],
  ["10m", 600_000],
  ["2h", 7_200_000],
  ["1d", 86_400_000],
  ["1.5h", undefined],
  ["-5", undefined],
  ["", undefined],
  ["5 m", undefined],
])("the duration %p is %p ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

test("since is an event, a time ago, or a time", () => {
  const now = Date.parse("2026-02-18T10:00:00Z");
  expect(parseSince("48210", now)).toEqual({ event: 48210 });
  expect(parseSince("#7", now)).toEqual({ event: 7 });
  expect(parseSince("10m", now)).toEqual({ atMs: now - 600_000 });
  expect(parseSince("2026-02-18T09:00:00Z", now)).toEqual({ atMs: now - 3_600_000 });
  expect(parseSince("yesterday", now)).toBeUndefined();
});

const visible = COMMANDS.flatMap((command) => [command, ...(command.subs ?? [])]).filter(({ raw }) => raw !== true);

/** The words of an example, as a shell would split them. */
const shellWords = (line: string): string[] =>
  [...line.replace(/ < .*$/, "").matchAll(/"([^"]*)"|'([^']*)'|(\S+?)"([^"]*)"|(\S+)/g)].map(
    ([, double, single, head, tail, plain]) => double ?? single ?? plain ?? `${head ?? ""}${tail ?? ""}`,
  );

test.each(visible.flatMap((command) => command.examples.map((example) => [example, command.name] as const)))(
  "the example %p is a line that %p takes",
  (example, name) => {
    const words = shellWords(example);
    expect(words.slice(0, 1 + name.split(" ").length)).toEqual(["agent-harness", ...name.split(" ")]);
    const [command, rest] = findCommand(words.slice(1), COMMANDS);
    expect(() => parseArgs(rest, command)).not.toThrow();
  },
);

test("no two flags of a command share a name or a letter, and none hides a common one by accident", () => {
  for (const { name, flags } of visible) {
    const names = flags.map((flag) => flag.name);
    const letters = flags.flatMap((flag) => flag.short ?? []);
    expect([name, new Set(names).size, new Set(letters).size]).toEqual([name, names.length, letters.length]);
    expect([name, names.filter((each) => ["help", "json", "url", "config", "color"].includes(each))]).toEqual([
      name,
      [],
    ]);
  }
});
