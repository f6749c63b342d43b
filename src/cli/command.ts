/**
 * What a command is: its words, its flags, what it says about itself, and where its code is. The parser, the help, the
 * completions, the README and the tests are made from these values; they hold no code but the loader, so that looking
 * at all of them costs nothing.
 */
import type { Environment } from "../config/load.ts";
import type { Args } from "./args.ts";
import type { Client } from "./client.ts";
import type { Grammar } from "./grammar.ts";
import type { Io } from "./io.ts";
import type { ExitCode } from "../words/exits.ts";

export interface Command extends Grammar {
  /** One sentence. */
  readonly what: string;
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
  /** All there are, for the help and the completions. */
  commands(): Promise<readonly Command[]>;
  readonly env: Environment;
  readonly io: Io;
  /** Ends what would go on for ever; there only when a command runs inside another. */
  readonly signal?: AbortSignal;
  /** Made when it is first asked for; throws USAGE when the config is not usable. */
  client(): Client;
}
