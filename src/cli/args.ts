/**
 * Command lines to values: flags stand anywhere, and whatever is not understood is refused with what was probably
 * meant. Pure: knows the table, not what commands do.
 */
import { HarnessError } from "../lib/errors.ts";
import { nearest } from "../lib/nearest.ts";
import { parseDuration } from "../lib/since.ts";
import type { Flag, Grammar } from "./grammar.ts";
import { COMMON_FLAGS } from "./grammar.ts";
import { checkValue } from "./values.ts";

export interface Args {
  /** What is no flag, in order. */
  readonly words: readonly string[];
  has(flag: string): boolean;
  /** A switch that was turned off by `--no-X`. */
  off(flag: string): boolean;
  value(flag: string): string | undefined;
  all(flag: string): readonly string[];
  number(flag: string): number | undefined;
  /** Milliseconds. */
  duration(flag: string): number | undefined;
}

export function usage(message: string): HarnessError {
  return new HarnessError("USAGE", message);
}

/**
 * `argv` begins behind the program's name; the command is its first word. Throws USAGE, with `command` in the error's
 * message left to the caller.
 */
export function parseArgs(argv: readonly string[], command: Grammar): Args {
  const flags = [...command.flags, ...COMMON_FLAGS.filter(({ name }) => !command.flags.some((f) => f.name === name))];
  const byName = new Map(flags.map((flag) => [flag.name, flag]));
  const byShort = new Map(flags.flatMap((flag) => (flag.short === undefined ? [] : [[flag.short, flag] as const])));
  const given = new Map<string, string[]>();
  const off = new Set<string>();
  const words: string[] = [];

  const once = ({ name, repeat }: Flag): void => {
    if (repeat !== true && (given.has(name) || off.has(name))) throw usage(`--${name} stands more than once`);
  };
  const turnOn = (flag: Flag): void => {
    once(flag);
    given.set(flag.name, []);
  };
  const put = (flag: Flag, shown: string, value: string | undefined): void => {
    once(flag);
    if (value === undefined) throw usage(`${shown} needs a value (${flag.value ?? ""})`);
    if (value === "") throw usage(`${shown} needs a value, got an empty one`);
    const problem = checkValue(flag.kind ?? "text", value);
    if (problem !== undefined) throw usage(`${shown}: got ${JSON.stringify(value)}, expected ${problem}`);
    given.set(flag.name, [...(given.get(flag.name) ?? []), value]);
  };
  /** The next word as a value; another flag in its place is a slip, not a value. */
  const following = (shown: string, next: string | undefined): string | undefined => {
    if (next === undefined || next === "-" || !next.startsWith("-")) return next;
    throw usage(`${shown} needs a value, got the flag ${next} (write ${shown}=${next} when it is meant as one)`);
  };

  let i = 0;
  const long = (arg: string): void => {
    const equals = arg.indexOf("=");
    const name = arg.slice(2, equals === -1 ? undefined : equals);
    const flag = byName.get(name);
    if (flag?.value !== undefined)
      return put(flag, `--${name}`, equals === -1 ? following(`--${name}`, argv[++i]) : arg.slice(equals + 1));
    const switched = flag ?? (name.startsWith("no-") ? byName.get(name.slice(3)) : undefined);
    if (switched === undefined || switched.value !== undefined) throw unknownFlag(name, flags);
    if (equals !== -1) throw usage(`--${name} takes no value`);
    if (flag !== undefined) return turnOn(flag);
    once(switched);
    off.add(switched.name);
  };
  const short = (arg: string): void => {
    const letters = [...arg.slice(1)];
    for (const [at, letter] of letters.entries()) {
      const flag = byShort.get(letter);
      if (flag === undefined)
        throw usage(
          `there is no flag -${letter}${letters.length > 1 ? ` (in ${arg})` : ""}; after -- everything is an argument`,
        );
      if (flag.value === undefined) {
        turnOn(flag);
        continue;
      }
      const rest = letters.slice(at + 1).join("");
      put(flag, `-${letter}`, rest === "" ? following(`-${letter}`, argv[++i]) : rest.replace(/^=/, ""));
      return;
    }
  };

  for (; i < argv.length; i++) {
    const arg = argv[i] ?? "";
    if (arg === "--") {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (arg.startsWith("--")) long(arg);
    else if (arg.startsWith("-") && arg !== "-") short(arg);
    else words.push(arg);
  }
  if (!given.has("help")) countWords(command, words);
  return {
    words,
    has: (flag) => given.has(flag),
    off: (flag) => off.has(flag),
    value: (flag) => given.get(flag)?.[0],
    all: (flag) => given.get(flag) ?? [],
    number: (flag) => numberOf(given.get(flag)?.[0]),
    duration: (flag) => durationOf(given.get(flag)?.[0]),
  };
}

const numberOf = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));
const durationOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : parseDuration(text);

function unknownFlag(name: string, flags: readonly Flag[]): HarnessError {
  const names = flags.flatMap((flag) => (flag.value === undefined ? [flag.name, `no-${flag.name}`] : [flag.name]));
  const meant = nearest(name, names);
  const known = flags.map((flag) => `--${flag.name}`).join(", ");
  return usage(`there is no flag --${name}; ${meant === undefined ? `known: ${known}` : `did you mean --${meant}?`}`);
}

function countWords({ args, subs }: Grammar, words: readonly string[]): void {
  const least = args.filter(({ optional }) => optional !== true).length;
  const missing = args[words.length];
  if (words.length < least && missing !== undefined)
    throw usage(`${missing.name} is missing${subs === undefined ? "" : ` (or ${subNames(subs)})`}`);
  const extra = words[args.length];
  if (extra !== undefined && args.at(-1)?.many !== true) {
    const meant = args.length === 0 && subs !== undefined ? nearest(extra, subs.map(lastWord)) : undefined;
    const takes = args.length === 0 ? "no argument" : `only ${args.map(({ name }) => name).join(" ")}`;
    const known = subs === undefined ? "" : ` (known: ${subNames(subs)})`;
    throw usage(
      `got ${JSON.stringify(extra)}, ${meant === undefined ? `which it does not take: it takes ${takes}${known}` : `did you mean ${meant}?`}`,
    );
  }
  for (const [at, word] of words.entries()) {
    const argument = args[Math.min(at, args.length - 1)];
    const problem = typeof argument?.kind === "object" ? checkValue(argument.kind, word) : undefined;
    if (problem !== undefined) throw usage(`got ${JSON.stringify(word)}, expected ${problem}`);
  }
  const empty = words.findIndex((word, at) => word === "" && args[Math.min(at, args.length - 1)]?.kind !== "text");
  if (empty !== -1) throw usage(`${args[Math.min(empty, args.length - 1)]?.name ?? "an argument"} is empty`);
}

const lastWord = ({ name }: { readonly name: string }): string => name.slice(name.indexOf(" ") + 1);
const subNames = (subs: NonNullable<Grammar["subs"]>): string => subs.map(lastWord).join(", ");
