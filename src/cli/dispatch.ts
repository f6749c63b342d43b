/** Which command a line means. Pure. */
import { nearest } from "../lib/nearest.ts";
import { usage } from "./args.ts";
import type { Command } from "./command.ts";
import { oneLine } from "./text.ts";

const VALUED = new Set(["--url", "--node", "--config", "--color"]);

/** Where the word stands that names the command; behind the end when there is none. */
function wordAt(argv: readonly string[]): number {
  let at = 0;
  while (at < argv.length && argv[at]?.startsWith("-") === true && argv[at] !== "--")
    at += VALUED.has(argv[at] ?? "") ? 2 : 1;
  return at;
}

/** Does the line mean this command? */
export function isFor(argv: readonly string[], { name }: Pick<Command, "name">): boolean {
  return argv[wordAt(argv)] === name;
}

/** The command and the words behind it. Flags may stand before it: they are handed on. */
export function findCommand(
  argv: readonly string[],
  commands: readonly Command[],
): readonly [Command, readonly string[]] {
  const at = wordAt(argv);
  const before = argv.slice(0, at);
  const word = argv[at];
  const help = commands.find(({ name }) => name === "help");
  if (word === undefined || word === "--") {
    const version = before.length === 1 && /^(--version|-V)$/.test(before[0] ?? "");
    const found = version ? commands.find((command) => command.name === "version") : help;
    if (found === undefined) throw new Error("there is no help");
    return [found, version ? [] : before.filter((flag) => flag !== "--help" && flag !== "-h")];
  }
  const found = commands.find((command) => command.name === word || command.aliases?.includes(word) === true);
  if (found === undefined) {
    const names = commands
      .filter(({ hidden }) => hidden !== true)
      .flatMap((command) => [command.name, ...(command.aliases ?? [])]);
    const meant = nearest(word, names);
    throw usage(
      `there is no command "${oneLine(word)}"${meant === undefined ? "; agent-harness help lists them" : `; did you mean ${meant}? (agent-harness help)`}`,
    );
  }
  const rest = [...before, ...argv.slice(at + 1)];
  const second = argv[at + 1];
  const sub = found.subs?.find(({ name }) => second !== undefined && name === `${found.name} ${second}`);
  return sub === undefined ? [found, rest] : [sub, [...before, ...argv.slice(at + 2)]];
}
