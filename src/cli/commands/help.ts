/** `help` and `help COMMAND`. */
import { nearest } from "../../lib/nearest.ts";
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Command, Context } from "../command.ts";
import { printHelp } from "../help.ts";
import { printJson } from "../print.ts";

export async function run({ args, io, ...context }: Context): Promise<number> {
  const commands = await context.commands();
  let found: Command | undefined;
  let known = commands;
  for (const word of args.words) {
    const name = found === undefined ? word : `${found.name} ${word}`;
    const next = known.find((command) => command.name === name || command.aliases?.includes(name) === true);
    if (next === undefined) {
      const meant = nearest(
        name,
        known.map((command) => command.name),
      );
      throw usage(`there is no command "${name}"${meant === undefined ? "" : `; did you mean ${meant}?`}`);
    }
    found = next;
    known = next.subs ?? [];
  }
  if (args.has("json")) printJson(io.out, { commands: (found === undefined ? commands : [found]).map(described) });
  else printHelp(io.out, commands, found);
  return EXIT.ok;
}

function described({ name, what, args, flags, examples, exits, subs }: Command): unknown {
  return { name, what, args, flags, examples, exits, ...(subs === undefined ? {} : { commands: subs.map(described) }) };
}
