/** `accounts`: who pays for agents, what is used up there, and a word that it may be tried again. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { printJson, asJson } from "../print.ts";
import type { AccountShape } from "../shapes.ts";
import { member, nameOf, pathOf } from "../shapes.ts";
import { printTable } from "../table.ts";
import { findAgent } from "../target.ts";

export async function run(context: Context): Promise<number> {
  const { io } = context;
  const answer = await context.client().call("/api/v1/accounts");
  if (asJson(context, answer)) return EXIT.ok;
  const accounts = member(answer, "accounts");
  printTable(
    io.out,
    [
      { head: "ACCOUNT", whole: true },
      { head: "AGENTS", right: true },
      { head: "USED", dropAt: 1 },
      { head: "STANDS", shrinkTo: 16 },
      { head: "GOES ON" },
    ],
    accounts.map((each) => [
      each.name,
      String(each.agents.length),
      each.allowances.map(({ scope, usedPercent }) => `${scope} ${Math.round(usedPercent)} %`).join(", ") || "-",
      { text: standsOf(each), ...(each.limits.length === 0 ? {} : { style: "yellow" as const }) },
      each.limits.length === 0 ? "-" : (each.resumesAt ?? "when you say so: accounts retry"),
    ]),
    "no accounts: no agent has run yet",
  );
  return EXIT.ok;
}

function standsOf({ limits, agents }: AccountShape): string {
  if (limits.length === 0) return "works";
  const waiting = agents.filter(({ status }) => status === "limited").length;
  const what = limits.map(({ class: kind, scope }) => (kind === "limit" ? `at its limit (${scope})` : WORDS[kind]));
  return `${what.join(", ")}${waiting === 0 ? "" : `, ${waiting} ${waiting === 1 ? "agent waits" : "agents wait"}`}`;
}

const WORDS = { billing: "has to be paid", auth: "has to be logged in to" } as const;

export async function retry(context: Context): Promise<number> {
  const { args, io } = context;
  const name = args.words[0] ?? "";
  const path = `/api/v1/accounts/${encodeURIComponent(name)}/retry`;
  const answer = await context.client().call(path, { method: "POST" });
  if (asJson(context, answer)) return EXIT.ok;
  const count = (answer as { readonly agents: number }).agents;
  io.say(count === 0 ? `nobody waits for ${name}` : `${count} ${count === 1 ? "agent tries" : "agents try"} again`);
  return EXIT.ok;
}

export async function skip(context: Context): Promise<number> {
  const { args, io } = context;
  const client = context.client();
  const agent = await findAgent(client, args.words[0] ?? "");
  const answer = await client.call(`/api/v1${pathOf(agent)}/limit/skip`, { method: "POST" });
  if (args.has("json")) printJson(io.out, answer);
  else io.say(`${nameOf(agent)} tries at once`);
  return EXIT.ok;
}
