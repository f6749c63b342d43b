/** All accounts as the API shows them: those of the agents that are there, and those of which something is known. */
import type { Agent } from "../store/agents.ts";
import { accountsOfAgents, allAllowances, allLimits } from "../store/limits.ts";
import type { ApiDeps } from "./deps.ts";
import { iso, isoOrNull } from "./views.ts";

export function accountsView({ store, supervisor }: Pick<ApiDeps, "store" | "supervisor">): readonly unknown[] {
  const agents = new Map<string, Agent>([...supervisor.agents()].map((agent) => [agent.id, agent]));
  const its = new Map<string, Agent[]>();
  const list = (account: string): Agent[] => {
    const found = its.get(account) ?? [];
    its.set(account, found);
    return found;
  };
  const latest = new Map(accountsOfAgents(store).map(({ agent, account }) => [agent, account]));
  for (const agent of agents.values()) {
    // Who waits says itself for what; who never ran has no account yet.
    const account = agent.state.limited?.account ?? latest.get(agent.id);
    if (account !== undefined) list(account).push(agent);
  }
  const limits = allLimits(store);
  const allowances = allAllowances(store);
  for (const { account } of [...limits, ...allowances]) list(account);
  return [...its]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, members]) => {
      const known = limits.filter(({ account }) => account === name);
      const next = known.flatMap(({ resumesAt }) => resumesAt ?? []);
      return {
        name,
        agents: members.map(({ id, project, name: called, state }) => ({
          id,
          project,
          name: called,
          status: state.status,
        })),
        limits: known.map(({ account: _, agent: finder, ...limit }) => ({
          ...limit,
          since: iso(limit.since),
          resetsAt: isoOrNull(limit.resetsAt),
          resumesAt: isoOrNull(limit.resumesAt),
          agentId: finder,
        })),
        allowances: allowances
          .filter(({ account }) => account === name)
          .map(({ scope, usedPercent, resetsAt, at }) => ({
            scope,
            usedPercent,
            resetsAt: isoOrNull(resetsAt),
            at: iso(at),
          })),
        resumesAt: next.length === 0 ? null : iso(Math.min(...next)),
      };
    });
}
