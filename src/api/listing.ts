/**
 * Lists of agents. They are read most of all, so they come out of memory: the actors hold what is stored, and each is
 * put into words once a change.
 */
import { toJson } from "../lib/json.ts";
import type { Agent } from "../store/agents.ts";
import { agentView } from "./views.ts";

export interface AgentFilter {
  readonly project?: string;
  readonly provider?: string;
  readonly name?: string;
  readonly status?: readonly Agent["state"]["status"][];
  /** A page's `next`. */
  readonly after?: string;
  readonly limit: number;
}

/** `{"agents":[…],"next":…}` as text, oldest first. */
export function agentsPage(
  agents: Iterable<Agent>,
  { project, provider, name, status, after, limit }: AgentFilter,
): string {
  const found: Agent[] = [];
  for (const agent of agents) {
    if (project !== undefined && agent.project !== project) continue;
    if (provider !== undefined && agent.provider !== provider) continue;
    if (name !== undefined && agent.name !== name) continue;
    if (status !== undefined && !status.includes(agent.state.status)) continue;
    found.push(agent);
  }
  found.sort(byAge);
  const from = after === undefined ? 0 : found.findIndex((agent) => isBehind(agent, after));
  const page = from === -1 ? [] : found.slice(from, from + limit);
  const last = page.at(-1);
  const next = last === undefined || from + limit >= found.length ? null : `${last.createdAt}-${last.id}`;
  // Joined, not pasted together: the text is sent many times, and a string of strings would be put together each time.
  return ['{"agents":[', page.map(agentText).join(","), '],"next":', toJson(next), "}"].join("");
}

const byAge = (a: Agent, b: Agent): number => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);

function isBehind({ createdAt, id }: Agent, cursor: string): boolean {
  const dash = cursor.indexOf("-");
  const [at, last] = [Number(cursor.slice(0, dash)), cursor.slice(dash + 1)];
  return createdAt > at || (createdAt === at && id > last);
}

/** An agent's record is replaced with every change, never changed. */
const texts = new WeakMap<Agent, string>();

function agentText(agent: Agent): string {
  let text = texts.get(agent);
  if (text === undefined) texts.set(agent, (text = toJson(agentView(agent))));
  return text;
}
