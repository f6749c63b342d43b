/**
 * What an agent spends, out of what its program tells: totals of the process, or of the whole conversation, which a new
 * process goes on counting, and meanwhile what single answers say. Only what was added is spent, and nothing counts
 * twice: a total that falls is a new base, and what was counted ahead of a total is taken off it.
 */
import type { ToldUsage } from "../../providers/contract.ts";
import type { Meter } from "../../words/agent.ts";
import type { Spent, Usage, UsageKey } from "../../words/said.ts";
import { USAGE_KEYS } from "../../words/said.ts";

/** Who tells it. `carried`: totals that a new process goes on with, instead of counting from zero. */
export interface Teller {
  readonly run: number;
  readonly session: string | null;
  readonly carried: readonly UsageKey[];
}

type Sum = { -readonly [K in UsageKey]?: number };

export function metered(meter: Meter, { usage, beside = {}, open = {} }: ToldUsage, teller: Teller): Meter {
  const sameRun = meter.run === teller.run;
  const known = meter.session !== null && teller.session !== null;
  const other = !sameRun && known && meter.session !== teller.session;
  const added: Sum = {};
  const ahead: Sum = other ? {} : { ...meter.ahead };
  const aheadHere: Sum = sameRun ? { ...meter.aheadHere } : {};
  for (const key of USAGE_KEYS) {
    const value = usage[key];
    if (value === undefined) continue;
    const last = meter.total[key] ?? 0;
    const goesOn = sameRun || (!other && teller.carried.includes(key));
    // A total of the same conversation that is lower is a new base. When it is not known to be the same, a lower one
    // was lost with its session and has begun anew.
    const more = goesOn && (sameRun || known || value >= last) ? Math.max(0, value - last) : value;
    added[key] = Math.max(0, more - (goesOn ? (ahead[key] ?? 0) : 0));
    if (more === 0 && goesOn) continue;
    delete ahead[key];
    delete aheadHere[key];
  }
  for (const key of USAGE_KEYS) {
    const value = beside[key];
    if (value === undefined) continue;
    added[key] = (added[key] ?? 0) + Math.max(0, value - (sameRun ? (meter.beside[key] ?? 0) : 0));
  }
  return {
    run: teller.run,
    session: teller.session ?? meter.session,
    total: { ...(sameRun ? meter.total : other ? {} : pick(meter.total, teller.carried)), ...usage },
    beside: { ...(sameRun ? meter.beside : {}), ...beside },
    spent: sum(meter.spent, added),
    // What was counted ahead is still among what this run's answers have told.
    open: less(open, aheadHere),
    ahead,
    aheadHere,
    estimated: meter.estimated,
  };
}

/** No total will come for what its answers told: it counts as it was told, should a later total hold it or not. */
export function settled(meter: Meter): Meter {
  const { open, ahead, aheadHere, spent } = meter;
  if (Object.keys(open).length === 0) return meter;
  return {
    ...meter,
    spent: sum(spent, open),
    open: {},
    ahead: sum(ahead, open),
    aheadHere: sum(aheadHere, open),
    estimated: true,
  };
}

/** Its process was killed, and what this run counted ahead of a total went with it: none will ever hold that. */
export function killed(meter: Meter, run: number): Meter {
  if (meter.run !== run) return meter;
  return { ...settled(meter), ahead: less(meter.ahead, meter.aheadHere), aheadHere: {} };
}

/** A turn is over, and what follows is spent on the next one. */
export function closedTurn(meter: Meter, lost: boolean): { readonly meter: Meter; readonly usage: Spent | null } {
  const { spent, estimated, ...rest } = settled(meter);
  const unsure = estimated || lost;
  const usage = unsure ? { ...spent, estimated: true as const } : spent;
  return {
    meter: { ...rest, spent: {}, estimated: false },
    usage: Object.keys(usage).length === 0 ? null : usage,
  };
}

/** All of it that counts by now. */
export function counted({ spent, open }: Meter): Usage {
  return sum(spent, open);
}

/** What is told in neither stays untold. */
export function sum(a: Usage, b: Usage): Usage {
  return both(a, b, (x, y) => x + y);
}

/** Of two states of one meter: what the later one has more, or less, than the earlier one. */
export function difference(later: Usage, earlier: Usage): Usage {
  return both(later, earlier, (x, y) => x - y);
}

function less(a: Usage, b: Usage): Usage {
  const left = difference(
    a,
    pick(
      b,
      USAGE_KEYS.filter((key) => a[key] !== undefined),
    ),
  );
  return Object.fromEntries(Object.entries(left).filter(([, value]) => value > 0));
}

function both(a: Usage, b: Usage, of: (x: number, y: number) => number): Usage {
  const total: Sum = {};
  for (const key of USAGE_KEYS) {
    if (a[key] !== undefined || b[key] !== undefined) total[key] = of(a[key] ?? 0, b[key] ?? 0);
  }
  return total;
}

function pick(usage: Usage, keys: readonly UsageKey[]): Usage {
  return Object.fromEntries(keys.flatMap((key) => (usage[key] === undefined ? [] : [[key, usage[key]]])));
}
