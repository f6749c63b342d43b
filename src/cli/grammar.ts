/**
 * The words of a command line: what flags, values and arguments are. Data only; the parser, the help, the completions
 * and the README are made of it.
 */

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
  | "types"
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

/** What the parser must know of a command. */
export interface Grammar {
  /** `ps`, or `projects add`. */
  readonly name: string;
  readonly args: readonly Argument[];
  readonly flags: readonly Flag[];
  readonly subs?: readonly { readonly name: string }[];
}

/** Flags of every command. */
export const COMMON_FLAGS: readonly Flag[] = [
  { name: "help", short: "h", what: "this page" },
  { name: "json", what: "the API's answer as it came" },
  { name: "quiet", short: "q", what: "say nothing on success" },
  { name: "url", value: "URL", kind: "url", what: "the daemon's address (http://host:port or unix:/path)" },
  { name: "node", value: "NAME", kind: "text", what: "ask this box of the fleet, through the daemon" },
  { name: "config", value: "FILE", kind: "file", what: "the config file" },
  { name: "color", value: "WHEN", kind: { oneOf: ["auto", "always", "never"] }, what: "colours" },
  { name: "no-input", what: "never ask on the terminal" },
];
