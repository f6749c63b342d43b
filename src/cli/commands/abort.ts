/** `abort`: ends the running turn. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { isObject } from "../../lib/check.ts";
import { actOnEach } from "../each.ts";
import { printJson } from "../print.ts";
import { nameOf, pathOf } from "../shapes.ts";

/** The daemon waits 10 s for the program's word. */
export const CONFIRM_MS = 15_000;

export function run(context: Context): Promise<number> {
  const { args, io } = context;
  return actOnEach(context, {}, async (client, agent) => {
    const answer = await client.call(`/api/v1${pathOf(agent)}/abort`, {
      method: "POST",
      body: { keepQueued: args.has("keep-queued") },
      timeoutMs: CONFIRM_MS,
    });
    if (args.has("json")) printJson(io.out, answer);
    else if (isObject(answer) && answer["aborted"] === true) io.say(`aborted ${nameOf(agent)}`);
    else io.say(`${nameOf(agent)} had no turn to abort`);
    return EXIT.ok;
  });
}
