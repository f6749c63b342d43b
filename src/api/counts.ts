/** What `GET /metrics` counts, and its help texts. */
import type { Actor } from "../agents/actor.ts";
import type { Metric } from "../http/metrics.ts";
import { metricsResponse } from "../http/metrics.ts";
import { VERSION } from "../lib/version.ts";
import type { CgroupUsage } from "../process/cgroup.ts";
import { countAgents } from "../store/agents.ts";
import { countDeliveries } from "../store/deliveries.ts";
import { eventRange } from "../store/events.ts";
import { countProjects } from "../store/projects.ts";
import { usageSince } from "../store/usage.ts";
import { STATUSES } from "../words/agent.ts";
import type { ApiDeps } from "./deps.ts";
import { accountMetrics } from "./account-counts.ts";
import { workspaceMetrics } from "./workspace-counts.ts";

export async function metricsAnswer(deps: ApiDeps): Promise<Response> {
  const more = [...deps.moreMetrics].flatMap((each) => each());
  return metricsResponse([...metrics(deps), ...accountMetrics(deps), ...(await workspaceMetrics(deps)), ...more]);
}

function metrics({ store, supervisor, clock, startedAt }: ApiDeps): readonly Metric[] {
  const agents = countAgents(store);
  const used = usageSince(store, 0);
  const actors = [...supervisor.actors()];
  const total = (count: (actor: (typeof actors)[number]) => number): number =>
    actors.reduce((sum, actor) => sum + count(actor), 0);
  return [
    {
      name: "agent_harness_info",
      type: "gauge",
      help: "Always 1; the version is a label.",
      samples: [{ labels: { version: VERSION }, value: 1 }],
    },
    {
      name: "agent_harness_uptime_seconds",
      type: "gauge",
      help: "Since the start of the daemon.",
      samples: [{ value: Math.floor((clock.now() - startedAt) / 1000) }],
    },
    {
      name: "agent_harness_ready",
      type: "gauge",
      help: "1 once every agent was looked at after the start.",
      samples: [{ value: supervisor.ready ? 1 : 0 }],
    },
    { name: "agent_harness_projects", type: "gauge", help: "Projects.", samples: [{ value: countProjects(store) }] },
    {
      name: "agent_harness_agents",
      type: "gauge",
      help: "Agents by status.",
      samples: STATUSES.map((status) => ({ labels: { status }, value: agents[status] ?? 0 })),
    },
    {
      name: "agent_harness_processes",
      type: "gauge",
      help: "Agent programs that run.",
      samples: [{ value: total((actor) => (actor.live() === null ? 0 : 1)) }],
    },
    {
      name: "agent_harness_run_cpu_seconds",
      type: "gauge",
      help: "Processor time of an agent's present run, where it has a control group.",
      samples: runs(actors, (used) => (used.cpuMs === null ? null : used.cpuMs / 1000)),
    },
    {
      name: "agent_harness_run_memory_peak_bytes",
      type: "gauge",
      help: "Most memory that an agent's present run had, where it has a control group.",
      samples: runs(actors, (used) => used.memoryPeakBytes),
    },
    {
      name: "agent_harness_pending_permissions",
      type: "gauge",
      help: "Questions that wait for a person.",
      samples: [{ value: total((actor) => actor.state().open.filter((each) => !each.answered).length) }],
    },
    {
      name: "agent_harness_queued_inputs",
      type: "gauge",
      help: "Inputs that wait for their turn.",
      samples: [{ value: total((actor) => actor.state().queue.length) }],
    },
    {
      name: "agent_harness_tokens_total",
      type: "counter",
      help: "Tokens used by all agents there ever were, as far as their programs tell.",
      samples: [
        { labels: { kind: "input" }, value: used.inputTokens },
        { labels: { kind: "output" }, value: used.outputTokens },
        { labels: { kind: "cache_read" }, value: used.cacheReadTokens },
        { labels: { kind: "cache_write" }, value: used.cacheWriteTokens },
      ],
    },
    {
      name: "agent_harness_cost_usd_total",
      type: "counter",
      help: "What they cost by the programs' own prices, as far as they tell.",
      samples: [{ value: used.costUsd }],
    },
    {
      name: "agent_harness_unpriced_tokens_total",
      type: "counter",
      help: "Of these tokens, those for which no price was told: what they cost is not counted.",
      samples: [{ value: used.unpricedTokens }],
    },
    {
      name: "agent_harness_turns_total",
      type: "counter",
      help: "Turns that ended.",
      samples: [{ value: used.turns }],
    },
    {
      name: "agent_harness_events_total",
      type: "counter",
      help: "Events ever written into the log.",
      samples: [{ value: eventRange(store).newest }],
    },
    {
      name: "agent_harness_deliveries",
      type: "gauge",
      help: "Webhooks in the outbox by state.",
      samples: Object.entries(countDeliveries(store)).map(([state, value]) => ({ labels: { state }, value })),
    },
  ];
}

/** One sample for each run that the kernel counts for. */
function runs(actors: readonly Actor[], pick: (used: CgroupUsage) => number | null): Metric["samples"] {
  return actors.flatMap((actor) => {
    const used = actor.live()?.usage() ?? null;
    const value = used === null ? null : pick(used);
    return value === null ? [] : [{ labels: { agent: actor.id, project: actor.agent().project }, value }];
  });
}
