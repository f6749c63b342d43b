/** `systemd`: the unit on stdout, what to do with it on stderr. */
import { dirname } from "node:path";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import { unitOf } from "../units.ts";

export function run({ args, io }: Context): number {
  const unit = unitOf({
    program: args.has("receiver") ? "webhook-receiver" : "agent-harness",
    user: args.has("user"),
    binDir: dirname(process.execPath),
  });
  if (args.has("json")) {
    printJson(io.out, unit);
    return EXIT.ok;
  }
  io.out.write(unit.text);
  io.say([`# save it as ${unit.path}, then:`, ...unit.steps].join("\n"));
  return EXIT.ok;
}
