/** `rm`: ends an agent's process tree and forgets it. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { actOnEach } from "../each.ts";
import { printJson } from "../print.ts";
import { nameOf, pathOf } from "../shapes.ts";
import { busy, busyWords } from "./stop.ts";

const REMOVE_MS = 30_000;

export function run(context: Context): Promise<number> {
  const { args, io } = context;
  return actOnEach(context, { dot: false }, async (client, agent) => {
    const what = busy(agent) ? busyWords(agent) : `${nameOf(agent)} and its conversation will be forgotten`;
    const mend = busy(agent) ? "add --yes to end it, or abort it first" : "add --yes";
    if (!(await confirmed(context, what, mend))) return EXIT.error;
    await client.call(`/api/v1${pathOf(agent)}${args.has("discard") ? "?discard=1" : ""}`, {
      method: "DELETE",
      timeoutMs: REMOVE_MS,
    });
    if (args.has("json")) printJson(io.out, { removed: agent.id });
    else io.say(`removed ${nameOf(agent)}`);
    return EXIT.ok;
  });
}
