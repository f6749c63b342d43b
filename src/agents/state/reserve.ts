/**
 * May the next turn begin, and what may it cost? A program that tells its cost only when a turn is over gets a fence of
 * its own: what is left of the agent's budget, and of the day's a share that is reserved for this turn.
 */
import type { AgentState } from "../../words/agent.ts";
import type { Overspent } from "../../words/budget.ts";
import type { Surroundings } from "../model.ts";
import { spentError, spentOf, standings, tellHeld } from "./budget.ts";
import type { Work } from "./work.ts";

/** Less than this is nothing: no model answers for it. */
const LEAST_USD = 0.01;

/** false: the queue is held, and it is said why. */
export function mayBegin(work: Work): boolean {
  const { s, env } = work;
  const over = spentOf(s, env) ?? reserve(work);
  if (over === null) return true;
  const { message } = spentError(over);
  s.held = true;
  s.overspent = over;
  work.detail = message;
  s.cause = { source: env.source, detail: message, at: env.nowMs };
  if (!over.waits) tellHeld(work, over);
  return false;
}

/** What nobody has spent and nobody has reserved; null: nothing is shared, or its cost is told answer by answer. */
export function freeUsd(s: AgentState, env: Surroundings): number | null {
  const shared = standings(s, env).find(({ scope, key }) => scope === "day" && key === "costUsd");
  if (shared === undefined || env.day === null || env.metering.costUsd !== "turn") return null;
  return shared.limit - shared.used - env.day.reservedUsd;
}

export const isWorthATurn = (usd: number): boolean => usd >= LEAST_USD;

/** What the agent's own budget leaves. */
function ownUsd(s: AgentState, { budget }: Surroundings): number {
  const limit = budget.costUsd ?? 0;
  return limit > 0 ? limit - (s.usage.costUsd ?? 0) : Infinity;
}

/** Of the fence that the running process has, what it has not spent. */
function fenceLeft({ fence, usage, process }: AgentState): number {
  return fence === null || process !== "running" ? 0 : fence.usd - ((usage.costUsd ?? 0) - fence.from);
}

function reserve({ s, env }: Work): Overspent | null {
  s.reservedUsd = null;
  if (env.metering.costUsd !== "turn") return null;
  const own = ownUsd(s, env);
  const free = freeUsd(s, env);
  const left = fenceLeft(s);
  if (free === null) {
    const fits = own === Infinity ? s.fence === null : Math.abs(left - own) < LEAST_USD;
    if (!fits && s.process === "running") s.stale = true;
    return null;
  }
  if (!isWorthATurn(free)) {
    const { limit = 0, used = 0 } =
      standings(s, env).find(({ scope, key }) => scope === "day" && key === "costUsd") ?? {};
    return { scope: "day", key: "costUsd", limit, used, until: env.day?.endsAt ?? null, waits: true };
  }
  const most = Math.min(own, free);
  // Without a budget of its own, half of it: the next agent finds some left, too.
  const wanted = own === Infinity ? free / 2 : most;
  const keeps = left >= wanted / 2 && left <= most && isWorthATurn(left);
  s.reservedUsd = keeps ? left : Math.max(LEAST_USD, wanted);
  if (!keeps && s.process === "running") s.stale = true;
  return null;
}

/** For the process that is about to be started. */
export function fenceFor(s: AgentState, env: Surroundings): AgentState["fence"] {
  if (env.metering.costUsd !== "turn") return null;
  const usd = s.reservedUsd ?? ownUsd(s, env);
  return usd === Infinity ? null : { usd: Math.max(LEAST_USD, usd), from: s.usage.costUsd ?? 0 };
}
