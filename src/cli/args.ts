/** Command lines: options by a small table, everything unknown refused with what is known. */
import { HarnessError } from "../lib/errors.ts";

export type OptionKind = "flag" | "value";

export interface ParsedArgs {
  readonly flags: ReadonlySet<string>;
  readonly values: ReadonlyMap<string, string>;
  readonly words: readonly string[];
}

/** `--name value`, `--name=value`, `--flag`, and `--` before words that begin with a dash. Throws USAGE. */
export function parseArgs(
  argv: readonly string[],
  options: Readonly<Record<string, OptionKind>>,
  maxWords = 0,
): ParsedArgs {
  const flags = new Set<string>();
  const values = new Map<string, string>();
  const words: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i] ?? "";
    if (arg === "--") {
      words.push(...argv.slice(i + 1));
      break;
    }
    if (!arg.startsWith("--")) {
      words.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const name = arg.slice(2, equals === -1 ? undefined : equals);
    const kind = Object.hasOwn(options, name) ? options[name] : undefined;
    if (kind === undefined)
      throw usage(
        `there is no option --${name}; known: ${Object.keys(options)
          .map((key) => `--${key}`)
          .join(", ")}`,
      );
    if (flags.has(name) || values.has(name)) throw usage(`--${name} stands more than once`);
    if (kind === "flag") {
      if (equals !== -1) throw usage(`--${name} takes no value`);
      flags.add(name);
      continue;
    }
    const value = equals === -1 ? argv[++i] : arg.slice(equals + 1);
    if (value === undefined) throw usage(`--${name} needs a value`);
    values.set(name, value);
  }
  if (words.length > maxWords)
    throw usage(
      `got ${JSON.stringify(words[maxWords])}, expected ${maxWords === 0 ? "only options" : `at most ${maxWords} argument(s)`}`,
    );
  return { flags, values, words };
}

export function usage(message: string): HarnessError {
  return new HarnessError("USAGE", message, { status: 400 });
}
