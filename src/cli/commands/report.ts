/** `report`: what happened while nobody looked, on one screen. */
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { tokensOf } from "../doing.ts";
import { count, costOf, duration, timeOfDay } from "../figures.ts";
import { asJson } from "../print.ts";
import type { NightShape, ReportShape } from "../report-shapes.ts";
import type { Cell, Column } from "../table.ts";
import { printTable } from "../table.ts";

/** What stands around the table: the heading, the sum, restarts, deliveries, the prompt. */
const AROUND = 8;

export async function run(context: Context): Promise<number> {
  const { args, io } = context;
  const since = args.value("since")?.replace("#", "");
  const path = `/api/v1/report${since === undefined ? "" : `?${new URLSearchParams({ since })}`}`;
  const answer = await context.client().call(path);
  if (asJson(context, answer)) return EXIT.ok;
  const report = answer as ReportShape; // made by the daemon from its own table of routes
  const { agents } = report;
  const room = io.out.isTty ? Math.max(3, io.out.height() - AROUND) : agents.length;
  for (const line of io.out.isTty ? headOf(report) : []) io.out.line(line);
  const rows = agents.slice(0, room).map(rowOf);
  // A person's screen is narrow: what nobody has takes no room there. Programs count on every column.
  const shown = COLUMNS.map((_, i) => i).filter((i) => !io.out.isTty || rows.some((row) => row[i]?.text !== ""));
  const pick = <T>(all: readonly T[]): T[] => all.filter((_, i) => shown.includes(i));
  printTable(io.out, pick(COLUMNS), rows.map(pick), "no agent did anything");
  if (agents.length > room) io.out.line(`… and ${agents.length - room} more (--json has all)`);
  return EXIT.ok;
}

const COLUMNS: readonly Column[] = [
  { head: "AGENT", whole: true },
  { head: "NOW" },
  // Wide enough for why the last one failed.
  { head: "TURNS", shrinkTo: 26 },
  { head: "CHECKS", dropAt: 2 },
  { head: "CHANGES", dropAt: 3 },
  { head: "WAITED", dropAt: 4 },
  { head: "LIMITED", dropAt: 5 },
  { head: "TOKENS", right: true, dropAt: 6 },
  { head: "COST", right: true, dropAt: 1 },
];

function headOf({ since, until, agents, usage, restarts, dead }: ReportShape): string[] {
  const need = agents.filter(({ waits, status }) => waits.open > 0 || status === "error" || status === "exited").length;
  const length = duration(Date.parse(until) - Date.parse(since));
  const sum = `${usage.turns} turns, ${count(tokensOf(usage) ?? 0)} tokens, ${costWords(usage)}`;
  return [
    `the last ${length}: ${agents.length} agents, ${sum}${need === 0 ? "" : `; ${need} need you`}`,
    ...(restarts.length === 0 ? [] : [restartsOf(restarts)]),
    ...limitedOf(agents),
    ...(dead.length === 0 ? [] : [`${dead.length} deliveries are dead: agent-harness deliveries --state dead`]),
  ];
}

const costWords = (usage: ReportShape["usage"]): string => {
  const cost = costOf(usage);
  return cost === "not known" ? "at a cost that is not known" : cost;
};

function limitedOf(agents: ReportShape["agents"]): string[] {
  const met = agents.filter(({ limited }) => limited.times > 0);
  if (met.length === 0) return [];
  const longest = duration(Math.max(...met.map(({ limited }) => limited.ms)));
  const still = met.filter(({ limited }) => limited.now).length;
  return [
    `${met.length} agents waited for their account, ${longest} at most${still === 0 ? "" : `; ${still} still ${still === 1 ? "waits" : "wait"}`}`,
  ];
}

function restartsOf(restarts: ReportShape["restarts"]): string {
  const sum = (key: "lived" | "ended" | "unknown"): number => restarts.reduce((n, each) => n + each[key].length, 0);
  const last = timeOfDay(Date.parse(restarts.at(-1)?.at ?? ""));
  const unknown = sum("unknown") === 0 ? "" : `, of ${sum("unknown")} it is not known`;
  const times = restarts.length === 1 ? `at ${last}` : `${restarts.length} times, the last at ${last}`;
  return `the daemon was restarted ${times}: ${sum("lived")} processes lived through it, ${sum("ended")} did not${unknown}`;
}

function checksOf({ passed, failed }: NightShape["checks"]): Cell {
  if (passed + failed === 0) return { text: "" };
  const parts = [...(passed === 0 ? [] : [`${passed} passed`]), ...(failed === 0 ? [] : [`${failed} failed`])];
  return { text: parts.join(", "), raw: `${passed} passed, ${failed} failed` };
}

function rowOf({
  id,
  project,
  name,
  status,
  turns,
  error,
  checks,
  changes,
  waits,
  limited,
  usage,
}: NightShape): Cell[] {
  const said = Object.entries(turns).flatMap(([outcome, n]) => (n === 0 ? [] : [`${n} ${outcome}`]));
  const by = Object.entries(waits.by).map(([who, n]) => `${who} ${n}`);
  const waitedFor = [...by, ...(waits.open === 0 ? [] : [`open ${waits.open}`])].join(", ");
  return [
    { text: `${project ?? "?"}/${name ?? id}` },
    { text: status ?? "forgotten" },
    { text: `${said.join(", ")}${error === null ? "" : ` (${error.code})`}` },
    checksOf(checks),
    { text: changes === null ? "" : `${changes.files} files +${changes.insertions} -${changes.deletions}` },
    { text: waits.asked === 0 ? "" : `${duration(waits.ms)} (${waitedFor})` },
    { text: limited.times === 0 ? "" : `${duration(limited.ms)}${limited.now ? " so far" : ""}` },
    { text: count(tokensOf(usage) ?? 0), raw: String(tokensOf(usage) ?? 0) },
    { text: `${usage.estimated ? "~" : ""}${costOf(usage)}`, raw: String(usage.costUsd) },
  ];
}
