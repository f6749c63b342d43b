/**
 * What may stand at a place of a command line: the pure part of the completions. Names of agents and the like are asked
 * for by the caller; here it is only said which kind is wanted.
 */
import type { Command } from "./command.ts";
import type { Flag, Kind } from "./grammar.ts";
import { wordAt } from "./dispatch.ts";
import { COMMON_FLAGS } from "./grammar.ts";

export interface Candidate {
  readonly value: string;
  readonly what?: string;
}

/** `words` are those before the one at the cursor, without the program's name. */
export interface Place {
  readonly words: readonly string[];
  /** What is typed of the word at the cursor. */
  readonly typed: string;
}

export type Wanted =
  | { readonly fixed: readonly Candidate[] }
  /** `before` is what stands in the same word and stays (`--url=`); `words` are the arguments so far. */
  | {
      readonly kind: Kind;
      readonly typed: string;
      readonly before: string;
      readonly words: readonly string[];
    };

export function wantedAt({ words, typed }: Place, commands: readonly Command[]): Wanted {
  const visible = commands.filter(({ hidden }) => hidden !== true);
  const start = wordAt(words, 0);
  const found = commands.find(
    ({ name, aliases }) => name === words[start] || aliases?.includes(words[start] ?? "") === true,
  );
  if (found === undefined) {
    if (start < words.length) return { fixed: [] };
    return {
      fixed: starting(
        typed,
        visible.map(({ name, what }) => ({ value: name, what })),
      ),
    };
  }
  const second = wordAt(words, start + 1, found.flags);
  const sub = found.subs?.find(({ name }) => name === `${found.name} ${words[second] ?? ""}`);
  const command = sub ?? found;
  const rest = words.filter((_, i) => i > start && (sub === undefined || i !== second));
  const flags = [
    ...command.flags,
    ...COMMON_FLAGS.filter(({ name }) => !command.flags.some((own) => own.name === name)),
  ];
  const { open, args, given, ended } = walk(rest, flags);
  if (open !== null) return { kind: open.kind ?? "text", typed, before: "", words: args };
  const equals = typed.startsWith("--") ? typed.indexOf("=") : -1;
  const named = equals === -1 ? undefined : flags.find(({ name }) => name === typed.slice(2, equals));
  if (!ended && named?.value !== undefined)
    return {
      kind: named.kind ?? "text",
      typed: typed.slice(equals + 1),
      before: typed.slice(0, equals + 1),
      words: args,
    };
  if (!ended && typed.startsWith("-")) return { fixed: starting(typed, flagCandidates(flags, given)) };
  const subs = args.length === 0 && sub === undefined ? (found.subs ?? []) : [];
  const argument = command.args[args.length] ?? (command.args.at(-1)?.many === true ? command.args.at(-1) : undefined);
  const fixed = starting(
    typed,
    subs.map(({ name, what }) => ({ value: name.slice(found.name.length + 1), what })),
  );
  if (argument === undefined || (fixed.length > 0 && typed !== "")) return { fixed };
  return { kind: argument.kind, typed, before: "", words: args };
}

interface Walked {
  /** A flag whose value comes next. */
  readonly open: Flag | null;
  readonly args: readonly string[];
  readonly given: ReadonlySet<string>;
  /** `--` was there. */
  readonly ended: boolean;
}

function walk(words: readonly string[], flags: readonly Flag[]): Walked {
  const args: string[] = [];
  const given = new Set<string>();
  let open: Flag | null = null;
  for (const [i, word] of words.entries()) {
    if (open !== null) {
      open = null;
      continue;
    }
    if (word === "--") return { open: null, args: [...args, ...words.slice(i + 1)], given, ended: true };
    if (!word.startsWith("-") || word === "-") {
      args.push(word);
      continue;
    }
    const long = word.startsWith("--");
    const flag = flags.find(({ name, short }) => (long ? name === word.slice(2).split("=")[0] : short === word.at(-1)));
    if (flag === undefined) continue;
    given.add(flag.name);
    if (flag.value !== undefined && !word.includes("=")) open = flag;
  }
  return { open, args, given, ended: false };
}

const flagCandidates = (flags: readonly Flag[], given: ReadonlySet<string>): readonly Candidate[] =>
  flags
    .filter(({ name, repeat }) => repeat === true || !given.has(name))
    .map(({ name, what }) => ({ value: `--${name}`, what }));

export const starting = (typed: string, candidates: readonly Candidate[]): readonly Candidate[] =>
  candidates.filter(({ value }) => value.startsWith(typed));
