/** `resume`: brings a process back. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { actOnEach } from "../each.ts";
import { printJson } from "../print.ts";
import { member, nameOf, pathOf } from "../shapes.ts";

/** Longer than the longest start deadline. */
const START_MS = 150_000;

export function run(context: Context): Promise<number> {
  const { args, io } = context;
  return actOnEach(context, {}, async (client, agent) => {
    const query = args.has("force") ? "?force=1" : "";
    const answer = await client.call(`/api/v1${pathOf(agent)}/resume${query}`, { method: "POST", timeoutMs: START_MS });
    const now = member(answer, "agent");
    if (args.has("json")) printJson(io.out, answer);
    else if (now.status === "exited")
      io.warn(`${nameOf(now)} did not come back: ${now.error?.message ?? now.cause.detail}`);
    else io.say(`resumed ${nameOf(now)} (${now.status})`);
    return now.status === "exited" ? EXIT.exited : EXIT.ok;
  });
}
