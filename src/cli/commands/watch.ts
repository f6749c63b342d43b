/** `ps --watch`, also called `top`: a full screen on a terminal, in a pipe one line for each change of a status. */
import { isObject } from "../../lib/check.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { printJson } from "../print.ts";
import { allAgents, nameOf } from "../shapes.ts";
import { follow } from "../stream.ts";
import { oneLine } from "../text.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  if (io.out.isTty && io.stdinIsTty && !args.has("json"))
    return (await import("../watch/live.ts")).watchScreen(context);
  const client = context.client();
  const [project] = args.words;
  const names = new Map<string, string>();
  const learn = async (): Promise<void> => {
    for (const agent of await allAgents(client)) names.set(agent.id, nameOf(agent));
  };
  const events = follow(client, io, {
    path: project === undefined ? "/events" : `/projects/${encodeURIComponent(project)}/events`,
    types: ["agent_status"],
    reconnectMs: args.duration("reconnect"),
    opened: learn,
  });
  for await (const event of events) {
    if (event.type !== "agent_status" || event.agent === null) continue;
    if (args.has("json")) {
      printJson({ ...io.out, isTty: false }, event);
      continue;
    }
    if (!names.has(event.agent)) await learn();
    const { from, to, cause } = event.data;
    const detail = isObject(cause) ? String(cause["detail"]) : "";
    const cells = [String(event.at), names.get(event.agent) ?? event.agent, String(from), String(to), detail];
    io.out.line(cells.map(oneLine).join("\t"));
  }
  return EXIT.ok;
}
