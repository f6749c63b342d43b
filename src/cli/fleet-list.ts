/** What all boxes of a fleet have, in tables: each row with the box it is on. */
import { isObject } from "../lib/check.ts";
import { EXIT } from "../words/exits.ts";
import type { Context } from "./command.ts";
import { ago } from "./figures.ts";
import { COLUMNS, queryOf, rowOf, sorted } from "./listing.ts";
import { asJson, printJson } from "./print.ts";
import type { AgentShape, PermissionShape } from "./shapes.ts";
import { nameOf } from "./shapes.ts";
import { printTable } from "./table.ts";

interface Placed {
  readonly node: string;
  readonly reach: string;
}

/** Every page of one of the fleet's lists. */
async function all<T extends Placed>(
  { client }: Context,
  path: string,
  key: string,
  query: string,
): Promise<readonly T[]> {
  const found: T[] = [];
  let after = "";
  do {
    const more = after === "" ? "" : `&after=${encodeURIComponent(after)}`;
    const answer = await client().call(`/api/v1/fleet/${path}?limit=1000${query}${more}`);
    const page = isObject(answer) ? answer : {};
    const rows = page[key];
    if (Array.isArray(rows)) found.push(...(rows as T[])); // made by the daemon from its own table of routes
    after = typeof page["next"] === "string" ? page["next"] : "";
  } while (after !== "");
  return found;
}

const shownNode = ({ node, reach }: Placed): string => (reach === "live" ? node : `${node} (${reach})`);

export async function listAgents(context: Context): Promise<number> {
  const { args, io } = context;
  const rows = await all<Placed & { readonly agent: AgentShape }>(context, "agents", "agents", queryOf(context));
  const nodes = new Map(rows.map((row) => [row.agent, row]));
  const agents = sorted(
    rows.map(({ agent }) => agent),
    args.value("sort"),
  );
  if (args.has("json")) {
    printJson(io.out, { agents: agents.map((agent) => nodes.get(agent)), next: null });
    return EXIT.ok;
  }
  const now = Date.now();
  printTable(
    io.out,
    [{ head: "NODE", whole: true }, ...COLUMNS],
    agents.map((agent) => [
      shownNode(nodes.get(agent) ?? { node: "?", reach: "live" }),
      ...rowOf(agent, undefined, now),
    ]),
    "no agents",
  );
  return EXIT.ok;
}

type Waiting = Placed & {
  readonly project: string;
  readonly agent: string;
  readonly name: string | null;
  readonly permission: PermissionShape;
};

export async function listWaiting(context: Context): Promise<number> {
  const rows = await all<Waiting>(context, "permissions", "permissions", "");
  if (asJson(context, { permissions: rows, next: null })) return EXIT.ok;
  const now = Date.now();
  printTable(
    context.io.out,
    [
      { head: "NODE", whole: true },
      { head: "AGENT", whole: true },
      { head: "ASKS", shrinkTo: 20 },
      { head: "SINCE", right: true },
    ],
    rows.map((row) => [
      shownNode(row),
      nameOf({ project: row.project, name: row.name, id: row.agent }),
      `${row.permission.tool}: ${row.permission.title}`,
      { text: ago(Math.max(0, now - Date.parse(row.permission.createdAt))), raw: row.permission.createdAt },
    ]),
    "nobody waits",
  );
  const [first] = rows;
  if (first !== undefined)
    context.io.say(`answer one: agent-harness approve --node ${first.node} ${nameOf({ ...first, id: first.agent })}`);
  return EXIT.ok;
}
