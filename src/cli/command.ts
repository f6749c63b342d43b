/**
 * What a command is: its words, its flags, what it says about itself, and where its code is. The parser, the help, the
 * completions, the README and the tests are made from these values; they hold no code but the loader, so that looking
 * at all of them costs nothing.
 */
import type { Args } from "./args.ts";
import type { Client } from "./client.ts";
import type { Io } from "./io.ts";
import type { ExitCode } from "../words/exits.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a value or an argument is: how it is checked, and what is offered for it. */
export type Kind =
  | "text"
  | "number"
  | "duration"
  | "since"
  | "pair"
  | "file"
  | "folder"
  | "url"
  | "target"
  | "waiting"
  | "ended"
  | "project"
  | "place"
  | "provider"
  | "permission"
  | "delivery"
  | "setting"
  | "method"
  | "path"
  | "input"
  | "command"
  | { readonly oneOf: readonly string[] }
  /** One or more, with commas between them. */
  | { readonly listOf: readonly string[] };

export interface Flag {
  readonly name: string;
  readonly short?: string;
  /** `DURATION`; without it the flag is a switch. */
  readonly value?: string;
  readonly kind?: Kind;
  /** May stand more than once. */
  readonly repeat?: true;
  readonly what: string;
}

export interface Argument {
  /** `TARGET` */
  readonly name: string;
  readonly kind: Kind;
  readonly optional?: true;
  /** Takes all that follow. */
  readonly many?: true;
}

export interface Command {
  /** `ps`, or `projects add`. */
  readonly name: string;
  /** One sentence. */
  readonly what: string;
  readonly args: readonly Argument[];
  readonly flags: readonly Flag[];
  /** Two command lines that work. */
  readonly examples: readonly [string, string];
  readonly exits: readonly ExitCode[];
  /** `GET /agents`: the routes of the API that it is there for. */
  readonly routes?: readonly string[];
  readonly subs?: readonly Command[];
  /** Other names of it. */
  readonly aliases?: readonly string[];
  /** For machines: not in the help. */
  readonly hidden?: true;
  /** Takes its words as they are. */
  readonly raw?: true;
  readonly load: () => Promise<{ readonly run: (context: Context) => Promise<number> | number }>;
}

export interface Context {
  readonly args: Args;
  readonly env: Environment;
  readonly io: Io;
  /** Made when it is first asked for; throws USAGE when the config is not usable. */
  client(): Client;
}

/** Flags of every command. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: "help", short: "h", what: "this page" },
  { name: "json", what: "the API's answer as it came" },
  { name: "quiet", short: "q", what: "say nothing on success" },
  { name: "url", value: "URL", kind: "url", what: "the daemon's address (http://host:port or unix:/path)" },
  { name: "config", value: "FILE", kind: "file", what: "the config file" },
  { name: "color", value: "WHEN", kind: { oneOf: ["auto", "always", "never"] }, what: "colours" },
  { name: "no-input", what: "never ask on the terminal" },
];
