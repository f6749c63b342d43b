/** Agents as rows: the same table in `ps` and on its full screen. */
import type { Asked } from "./asks.ts";
import { statusStyle } from "./colours.ts";
import type { Context } from "./command.ts";
import { byUrgency, doingOf, sinceOf, tokensOf } from "./doing.ts";
import { ago, clockTime, count, money } from "./figures.ts";
import type { AgentShape } from "./shapes.ts";
import { nameOf } from "./shapes.ts";
import type { Cell, Column } from "./table.ts";
import { given } from "../lib/given.ts";

export const COLUMNS: readonly Column[] = [
  { head: "AGENT", whole: true },
  { head: "STATUS" },
  { head: "DOING", shrinkTo: 16 },
  { head: "TIME", right: true, dropAt: 1 },
  { head: "TOKENS", right: true, dropAt: 2 },
  { head: "COST", right: true, dropAt: 3 },
];

export function queryOf({ args }: Context): string {
  const [project] = args.words;
  const query = new URLSearchParams({
    ...given({ project }),
    ...(args.value("provider") === undefined ? {} : { provider: args.value("provider") ?? "" }),
    ...(args.all("status").length === 0
      ? {}
      : { status: [...new Set(args.all("status").join(",").split(","))].join(",") }),
  });
  return query.size === 0 ? "" : `&${query}`;
}

export const firstOf = (asked: readonly Asked[], agent: AgentShape): Asked | undefined =>
  asked.find((each) => each.agent === agent.id);

export function sorted(agents: readonly AgentShape[], by: string | undefined): readonly AgentShape[] {
  switch (by) {
    case "name":
      return agents.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b)));
    case "new":
      return agents.toSorted((a, b) => b.createdAt.localeCompare(a.createdAt));
    case "cost":
      return agents.toSorted((a, b) => (b.usage.costUsd ?? 0) - (a.usage.costUsd ?? 0));
    default:
      return agents.toSorted(byUrgency);
  }
}

export function rowOf(agent: AgentShape, asked: Asked | undefined, now: number): readonly (Cell | string)[] {
  const style = statusStyle(agent.status);
  const since = sinceOf(agent, asked);
  const running = agent.status === "processing" || agent.status === "waiting_input" || agent.status === "starting";
  const passed = Math.max(0, now - Date.parse(since));
  const tokens = tokensOf(agent.usage);
  const { costUsd } = agent.usage;
  return [
    nameOf(agent),
    { text: agent.status, ...given({ style }) },
    doingOf(agent, asked),
    { text: running ? clockTime(passed) : ago(passed), raw: since },
    tokens === null ? "-" : { text: count(tokens), raw: String(tokens) },
    costUsd === undefined ? "-" : { text: money(costUsd), raw: String(costUsd) },
  ];
}
