/**
 * How accounts stand, and what waits for a check or a budget, for `GET /metrics`. Times are seconds since 1970, as
 * Prometheus has them, so that `… - time()` is what is left. An account whose limit is over has no sample any more.
 */
import type { Actor } from "../agents/actor.ts";
import type { Metric, Sample } from "../http/metrics.ts";
import { allAllowances, allLimits } from "../store/limits.ts";
import type { AccountLimit } from "../words/limits.ts";
import type { ApiDeps } from "./deps.ts";

export function accountMetrics({ store, supervisor }: Pick<ApiDeps, "store" | "supervisor">): readonly Metric[] {
  const actors = [...supervisor.actors()];
  const limits = allLimits(store);
  const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
    name: `agent_harness_${name}`,
    type: "gauge",
    help,
    samples,
  });
  const ofLimits = (value: (limit: AccountLimit) => number | null): readonly Sample[] =>
    limits.flatMap((limit) => {
      const found = value(limit);
      const { account, scope, class: kind } = limit;
      return found === null ? [] : [{ labels: { account, scope, class: kind }, value: found }];
    });
  return [
    gauge(
      "account_limited_since_seconds",
      "Since when an account cannot work on, by allowance and class.",
      ofLimits(({ since }) => since / 1000),
    ),
    gauge(
      "account_resets_at_seconds",
      "When its provider gives it a new allowance, where that is told.",
      ofLimits(({ resetsAt }) => resetsAt && resetsAt / 1000),
    ),
    gauge(
      "account_resumes_at_seconds",
      "When one of its agents tries again; absent where a person has to do something first.",
      ofLimits(({ resumesAt }) => resumesAt && resumesAt / 1000),
    ),
    gauge(
      "account_probes",
      "How often it was tried in vain since then.",
      ofLimits(({ attempts }) => attempts),
    ),
    gauge("account_agents_parked", "Agents whose turn waits for their account.", parked(actors)),
    gauge(
      "account_used_ratio",
      "How much of an allowance is used, as its provider told it last.",
      allAllowances(store).map(({ account, scope, usedPercent }) => ({
        labels: { account, scope },
        value: usedPercent / 100,
      })),
    ),
    gauge("checks_running", "Turns that are being checked.", [
      { value: count(actors, ({ turn }) => turn?.closing?.steps[0] === "check") },
    ]),
    gauge("agents_held_by_budget", "Agents whose queue is held because a budget is spent.", [
      { value: count(actors, ({ held, overspent }) => held && overspent !== null) },
    ]),
  ];
}

function count(actors: readonly Actor[], is: (state: ReturnType<Actor["state"]>) => boolean): number {
  return actors.filter((actor) => is(actor.state())).length;
}

function parked(actors: readonly Actor[]): readonly Sample[] {
  const accounts = actors.flatMap((actor) => {
    const { limited } = actor.state();
    return limited?.stage === "parked" ? [limited.account] : [];
  });
  return [...Map.groupBy(accounts, (account) => account)].map(([account, all]) => ({
    labels: { account },
    value: all.length,
  }));
}
