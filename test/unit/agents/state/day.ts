/** The project's budget of the day as the store would tell it to the world's one agent. */
import type { DayStanding } from "../../../../src/agents/model.ts";
import { tokensIn } from "../../../../src/agents/state/budget.ts";
import { sum } from "../../../../src/agents/state/usage.ts";
import type { Usage } from "../../../../src/words/said.ts";

/** What others spent is in what it is given; what this agent spent is added as it is spent. */
export function worldDay() {
  let own: Usage = {};
  return {
    spend: (usage: Usage): void => void (own = sum(own, usage)),
    now: (day: DayStanding | null, at: Usage): DayStanding | null =>
      day && {
        ...day,
        spent: { tokens: day.spent.tokens + tokensIn(own), costUsd: day.spent.costUsd + (own.costUsd ?? 0) },
        at,
      },
  };
}
