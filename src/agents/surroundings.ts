/**
 * What the reducer may know besides the state, put together for each step: what holds for the agent now, and how what
 * it shares with others stands. Decides nothing.
 */
import { endOfDay, startOfDay } from "../lib/day.ts";
import type { Agent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import { dayTold, projectUsageSince } from "../store/usage.ts";
import type { DayBudget } from "../words/budget.ts";
import type { ActorDeps } from "./actor-deps.ts";
import type { DayStanding, Surroundings } from "./model.ts";
import { tokensIn } from "./state/budget.ts";

type Moment = Pick<Surroundings, "source" | "nowMs" | "ranMs">;

export function surroundingsOf(
  deps: Pick<ActorDeps, "store" | "limits" | "runSettings" | "reservedByOthers" | "pace" | "accounts">,
  agent: Agent,
  moment: Moment,
): Surroundings {
  const { codec, permissions, closing, budget, budgetPerDay, model, onLimit } = deps.runSettings(agent);
  const { oneshot, redelivery, tornLine, startDeadlineMs, carriedTotals = [], metering } = codec.traits;
  return {
    ...moment,
    lastWords: false,
    agentId: agent.id,
    permissions,
    limits: deps.limits,
    oneshot,
    redelivery,
    tornLine,
    startDeadlineMs,
    carriedTotals,
    closing,
    totalsDieWithIt: codec.traits.totalsDieWithIt ?? false,
    model,
    onLimit,
    pace: deps.pace,
    ...deps.accounts.standing(agent),
    metering,
    budget,
    day:
      budgetPerDay === null
        ? null
        : dayStanding(deps.store, agent, budgetPerDay, {
            reservedUsd: deps.reservedByOthers(agent),
            nowMs: moment.nowMs,
          }),
  };
}

function dayStanding(
  store: Store,
  { project, state }: Agent,
  budget: DayBudget,
  { reservedUsd, nowMs }: { readonly reservedUsd: number; readonly nowMs: number },
): DayStanding {
  const beganAt = startOfDay(nowMs);
  const used = projectUsageSince(store, project, beganAt);
  return {
    budget,
    beganAt,
    endsAt: endOfDay(nowMs),
    spent: { tokens: tokensIn(used), costUsd: used.costUsd },
    unpriced: { tokens: used.unpricedTokens, at: state.unpricedTokens },
    reservedUsd,
    at: state.usage,
    told: dayTold(store, project, beganAt),
  };
}
