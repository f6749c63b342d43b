/** Which command a line means. Pure. */
import { nearest } from "../lib/nearest.ts";
import { usage } from "./args.ts";
import type { Command } from "./command.ts";
import type { Flag } from "./grammar.ts";
import { COMMON_FLAGS } from "./grammar.ts";
import { oneLine } from "./text.ts";

/**
 * Where the next word stands that is no flag and no flag's value, from `from` on; behind the end when there is none.
 * `flags` are those that may stand there beside those of every command.
 */
export function wordAt(argv: readonly string[], from: number, flags: readonly Flag[] = []): number {
  const takesNext = (arg: string): boolean =>
    [...flags, ...COMMON_FLAGS].some(
      ({ name, short, value }) => value !== undefined && (arg === `--${name}` || arg === `-${short ?? ""}`),
    );
  let at = from;
  while (argv[at]?.startsWith("-") === true && argv[at] !== "-" && argv[at] !== "--") {
    at += takesNext(argv[at] ?? "") ? 2 : 1;
  }
  return Math.min(at, argv.length);
}

/** Does the line mean this command? */
export function isFor(argv: readonly string[], { name }: Pick<Command, "name">): boolean {
  return argv[wordAt(argv, 0)] === name;
}

/** The command and the words behind it. Flags may stand before it: they are handed on. */
export function findCommand(
  argv: readonly string[],
  commands: readonly Command[],
): readonly [Command, readonly string[]] {
  const at = wordAt(argv, 0);
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
  const second = wordAt(argv, at + 1, found.flags);
  const between = argv.slice(at + 1, second);
  const sub = found.subs?.find(({ name }) => second < argv.length && name === `${found.name} ${argv[second]}`);
  return sub === undefined
    ? [found, [...before, ...argv.slice(at + 1)]]
    : [sub, [...before, ...between, ...argv.slice(second + 1)]];
}
