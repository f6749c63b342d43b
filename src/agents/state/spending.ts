/** What the program tells of its use, counted once: for its turn, the agent's life, and the sums in the store. */
import type { ToldUsage } from "../../providers/contract.ts";
import { counted, difference, killed, metered, settled, sum } from "./usage.ts";
import type { Work } from "./work.ts";

export function onUsage({ s, out, env }: Work, told: ToldUsage): void {
  const before = counted(s.meter);
  s.meter = metered(s.meter, told, { run: s.run, session: s.session, carried: env.carriedTotals });
  const more = difference(counted(s.meter), before);
  if (Object.values(more).every((each) => each === 0)) return;
  s.usage = sum(s.usage, more);
  out.push({ do: "spend", usage: more });
}

/** Its process is gone. What its answers told has to stand for what no total will tell. */
export function processGone({ s, env }: Work, exitCode: number | null): void {
  const wasKilled = exitCode === null || exitCode === 128 + 9;
  s.meter = wasKilled && env.totalsDieWithIt ? killed(s.meter, s.run) : settled(s.meter);
}
