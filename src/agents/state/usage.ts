/**
 * What a turn used. Programs tell totals: of their process, or of the whole conversation, which a new process goes on
 * counting. Only what was added is spent; a total that falls within a process is a new base.
 */
import type { Meter } from "../../words/agent.ts";
import type { Usage, UsageKey } from "../../words/said.ts";
import { USAGE_KEYS } from "../../words/said.ts";

/** `carried`: totals that a new process goes on with, instead of counting from zero. */
export function metered(meter: Meter, run: number, total: Usage, carried: readonly UsageKey[]): Meter {
  const added: Partial<Record<UsageKey, number>> = {};
  for (const key of USAGE_KEYS) {
    const value = total[key];
    if (value === undefined) continue;
    const last = meter.total[key] ?? 0;
    if (meter.run === run) added[key] = Math.max(0, value - last);
    // A total that should go on and is lower was lost with its session: it has begun anew.
    else added[key] = carried.includes(key) && value >= last ? value - last : value;
  }
  const before = meter.run === run ? meter.total : pick(meter.total, carried);
  return { run, total: { ...before, ...total }, spent: sum(meter.spent, added) };
}

/** What is told in neither stays untold. */
export function sum(a: Usage, b: Usage): Usage {
  const total: Partial<Record<UsageKey, number>> = {};
  for (const key of USAGE_KEYS) {
    if (a[key] !== undefined || b[key] !== undefined) total[key] = (a[key] ?? 0) + (b[key] ?? 0);
  }
  return total;
}

function pick(usage: Usage, keys: readonly UsageKey[]): Usage {
  return Object.fromEntries(keys.flatMap((key) => (usage[key] === undefined ? [] : [[key, usage[key]]])));
}
