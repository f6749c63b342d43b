/**
 * What the program tells of its use, counted once: for its turn, the agent's life, and the sums in the store; and what
 * follows when a budget is spent by it.
 */
import { unreachable } from "../../lib/unreachable.ts";
import type { ToldUsage } from "../../providers/contract.ts";
import type { Usage } from "../../words/said.ts";
import { cutting, spentError, spentOf, standings, tellNearing, tokensIn } from "./budget.ts";
import { isParked } from "./parked.ts";
import { freeUsd, isWorthATurn } from "./reserve.ts";
import { dispatch, interrupt } from "./turns.ts";
import { counted, difference, killed, metered, settled, sum } from "./usage.ts";
import type { Work } from "./work.ts";

export function onUsage(work: Work, told: ToldUsage): void {
  const { s, out, env } = work;
  const before = counted(s.meter);
  const sharedBefore = sharedSpent(work);
  s.meter = metered(s.meter, told, { run: s.run, session: s.session, carried: env.carriedTotals });
  const more = difference(counted(s.meter), before);
  if (Object.values(more).every((each) => each === 0)) return;
  s.usage = sum(s.usage, more);
  const unpriced = unpricedIn(more, work);
  s.unpricedTokens = Math.max(0, s.unpricedTokens + unpriced);
  out.push({ do: "spend", usage: more, unpricedTokens: unpriced });
  checkSpent(work);
  // Others may work on what they share; a turn of ours that had to be ended for it is told of by its end.
  if (sharedSpent(work) > sharedBefore) out.push({ do: "tell_sharers" });
}

/** What cost something that is not known: a price that is missing is not nothing. */
function unpricedIn(more: Usage, { s, env }: Work): number {
  switch (env.metering.costUsd) {
    case "turn": // its cost comes later, for all of them
      return 0;
    case "answer":
      return (more.costUsd ?? 0) === 0 ? tokensIn(more) : 0;
    case "no": // some tell it all the same
      return s.usage.costUsd === undefined ? tokensIn(more) : 0;
    default:
      return unreachable(env.metering.costUsd);
  }
}

const sharedSpent = ({ s, env }: Work): number =>
  standings(s, env).filter(({ scope, used, limit }) => scope === "day" && used >= limit).length;

/** Tells what is nearly spent, and ends the turn when nothing is left. What was asked before stays. */
export function checkSpent(work: Work): void {
  const { s, env } = work;
  tellNearing(work);
  const over = cutting(s, env);
  // What waits for its account, or is being closed, spends nothing now.
  if (over === null || s.turn === null || s.turn.interrupt !== null || s.turn.closing !== null || isParked(s)) return;
  s.overspent = over;
  work.detail = spentError(over).message;
  interrupt(work, "budget");
}

/** A new day, a share that was given back, a budget that was changed, or a limit that others have reached. */
export function onRecheck(work: Work): void {
  const { s, env } = work;
  checkSpent(work);
  const { overspent } = s;
  if (overspent === null || !s.held || s.turn !== null) return;
  const due = overspent.waits || (overspent.until !== null && env.nowMs >= overspent.until);
  const free = freeUsd(s, env);
  if (!due || spentOf(s, env) !== null || (free !== null && !isWorthATurn(free))) return;
  s.held = false;
  s.overspent = null;
  s.starts = 1;
  work.detail = "there is a budget again";
  dispatch(work);
}

/** Its process is gone. What its answers told has to stand for what no total will tell. */
export function processGone({ s, env }: Work, exitCode: number | null): void {
  const wasKilled = exitCode === null || exitCode === 128 + 9;
  s.meter = wasKilled && env.totalsDieWithIt ? killed(s.meter, s.run) : settled(s.meter);
}
