/** `ps`: the agents, the most urgent first. */
import { askedOfAll } from "../asks.ts";
import type { Context } from "../command.ts";
import { EXIT } from "../../words/exits.ts";
import { COLUMNS, firstOf, queryOf, rowOf, sorted } from "../listing.ts";
import { printJson } from "../print.ts";
import { allAgents, get, nameOf } from "../shapes.ts";
import { printTable } from "../table.ts";

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  if (args.has("fleet")) return (await import("../fleet-list.ts")).listAgents(context);
  if (args.has("watch")) return (await import("./watch.ts")).run(context);
  const client = context.client();
  const [project] = args.words;
  // An unknown project is an error, not an empty list.
  if (project !== undefined) await get(client, `/projects/${encodeURIComponent(project)}`, "project");
  const agents = sorted(await allAgents(client, queryOf(context)), args.value("sort"));
  if (args.has("json")) {
    printJson(io.out, { agents, next: null });
    return EXIT.ok;
  }
  if (args.has("quiet")) {
    if (agents.length > 0) io.out.write(agents.map((agent) => `${nameOf(agent)}\n`).join(""));
    return EXIT.ok;
  }
  const asked = agents.some(({ status }) => status === "waiting_input") ? await askedOfAll(client, "pending") : [];
  const now = Date.now();
  printTable(
    io.out,
    COLUMNS,
    agents.map((agent) => rowOf(agent, firstOf(asked, agent), now)),
    "no agents",
  );
  const waiting = agents.filter(({ status }) => status === "waiting_input").length;
  if (waiting > 0 && io.out.isTty)
    io.say(`${waiting} ${waiting === 1 ? "waits" : "wait"} for you: agent-harness approve --next`);
  return EXIT.ok;
}
