/** `nodes`: the boxes of the fleet; `drain`, `undrain`, `rm`. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { confirmed } from "../confirm.ts";
import { ago } from "../figures.ts";
import { asJson } from "../print.ts";
import { member } from "../shapes.ts";
import { printTable } from "../table.ts";

const STYLES = { live: "green", late: "yellow", lost: "red" } as const;

export async function run(context: Context): Promise<number> {
  const answer = await context.client().call("/api/v1/fleet/nodes");
  if (asJson(context, answer)) return EXIT.ok;
  const now = Date.now();
  printTable(
    context.io.out,
    [
      { head: "NODE", whole: true },
      { head: "STATE" },
      { head: "SEEN", right: true },
      { head: "BUSY", right: true },
      { head: "LAG", right: true, dropAt: 2 },
      { head: "VERSION", dropAt: 3 },
      { head: "LABELS", shrinkTo: 12, dropAt: 1 },
    ],
    member(answer, "nodes").map((node) => [
      node.name,
      { text: node.draining ? `${node.reach}, draining` : node.reach, style: STYLES[node.reach] },
      { text: ago(Math.max(0, now - Date.parse(node.seenAt))), raw: node.seenAt },
      `${node.busy}/${node.capacity}`,
      node.lag === null ? "-" : String(node.lag),
      node.version,
      Object.entries(node.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ]),
    "no nodes",
  );
  return EXIT.ok;
}

export const drain = (context: Context): Promise<number> => set(context, "drain");

export const undrain = (context: Context): Promise<number> => set(context, "undrain");

async function set(context: Context, what: "drain" | "undrain"): Promise<number> {
  const [name = ""] = context.args.words;
  const answer = await context
    .client()
    .call(`/api/v1/fleet/nodes/${encodeURIComponent(name)}/${what}`, { method: "POST" });
  if (!asJson(context, answer))
    context.io.say(`${name} ${what === "drain" ? "takes nothing more" : "takes work again"}`);
  return EXIT.ok;
}

export async function remove(context: Context): Promise<number> {
  const [name = ""] = context.args.words;
  if (!(await confirmed(context, `this takes ${name} and what it mirrored out of the fleet`, "add --yes")))
    return EXIT.ok;
  await context.client().call(`/api/v1/fleet/nodes/${encodeURIComponent(name)}`, { method: "DELETE" });
  context.io.say(`${name} is no node any more`);
  return EXIT.ok;
}
