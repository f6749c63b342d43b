/** Rows of the last hours, summed up by agent. Pure. What of a time lies before `since` does not count. */
import type { Status, TurnError, TurnOutcome } from "../words/agent.ts";
import { TURN_OUTCOMES } from "../words/agent.ts";
import type { Parking } from "../words/limits.ts";
import type { Settler } from "../words/said.ts";
import type { ChangesRow, DeadRow, StartRow, TurnRow, WaitRow } from "../store/report.ts";
import type { UsageRow } from "../store/usage.ts";

/** An agent that is there now. */
export interface Present {
  readonly project: string;
  readonly name: string | null;
  readonly status: Status;
  readonly busy: boolean;
  /** Of its open turn. */
  readonly parked: readonly Parking[];
}

export interface Night {
  readonly since: number;
  readonly now: number;
  readonly present: ReadonlyMap<string, Present>;
  readonly turns: readonly TurnRow[];
  readonly waits: readonly WaitRow[];
  readonly changes: readonly ChangesRow[];
  readonly dead: readonly DeadRow[];
  readonly starts: readonly StartRow[];
  readonly used: readonly UsageRow[];
}

export interface AgentNight {
  readonly id: string;
  readonly project: string | null;
  readonly name: string | null;
  /** null: it is forgotten, and only what it used is still known. */
  readonly status: Status | null;
  readonly turns: Readonly<Record<TurnOutcome, number>>;
  /** Of its last turn. */
  readonly error: TurnError | null;
  readonly checks: { readonly passed: number; readonly failed: number };
  readonly changes: Omit<ChangesRow, "agent"> | null;
  /** For a person: how many questions, for how long, who or what settled them, how many are open. */
  readonly waits: {
    readonly asked: number;
    readonly open: number;
    readonly ms: number;
    readonly by: Partial<Readonly<Record<Settler, number>>>;
  };
  readonly limited: { readonly times: number; readonly ms: number; readonly now: boolean };
  readonly deadDeliveries: number;
  readonly spent: readonly UsageRow[];
}

export interface Restart {
  readonly at: number;
  readonly lived: readonly string[];
  readonly ended: readonly string[];
  /** Those that were not taken over in time to say it. */
  readonly unknown: readonly string[];
}

export function summaryOf(night: Night): { agents: AgentNight[]; restarts: Restart[] } {
  const by = <T extends { readonly agent: string | null }>(rows: readonly T[]) => Map.groupBy(rows, (row) => row.agent);
  const [turns, waits, changes] = [by(night.turns), by(night.waits), by(night.changes)];
  const [dead, used] = [by(night.dead), by(night.used)];
  const busy = [...night.present].filter(([, { busy }]) => busy).map(([id]) => id);
  const seen = [turns, waits, changes, dead, used].flatMap((rows) => [...rows.keys()]);
  const ids = new Set([...busy, ...seen].filter((id) => id !== null));
  const agents = [...ids].map((id): AgentNight => {
    const agent = night.present.get(id);
    const own = turns.get(id) ?? [];
    const [change] = changes.get(id) ?? [];
    const spent = used.get(id) ?? [];
    const parked = [...own.flatMap((turn) => turn.parked), ...(agent?.parked ?? [])];
    return {
      id,
      project: agent?.project ?? spent[0]?.project ?? null,
      name: agent?.name ?? null,
      status: agent?.status ?? null,
      turns: outcomes(own),
      error: own.at(-1)?.error ?? null,
      checks: {
        passed: own.filter(({ verify }) => verify?.passed === true).length,
        failed: own.filter(({ verify }) => verify?.passed === false).length,
      },
      changes:
        change === undefined
          ? null
          : { files: change.files, insertions: change.insertions, deletions: change.deletions },
      waits: waited(waits.get(id) ?? [], night),
      limited: {
        times: parked.filter(({ to }) => (to ?? night.now) >= night.since).length,
        ms: covered(parked, night),
        now: agent?.status === "limited",
      },
      deadDeliveries: dead.get(id)?.length ?? 0,
      spent,
    };
  });
  return { agents: agents.sort(byUrgency), restarts: restartsOf(night.starts) };
}

function outcomes(turns: readonly TurnRow[]): Readonly<Record<TurnOutcome, number>> {
  const counted: Record<TurnOutcome, number> = { completed: 0, interrupted: 0, failed: 0, lost: 0 };
  for (const { outcome } of turns) counted[outcome] += 1;
  return counted;
}

function waited(rows: readonly WaitRow[], night: Night): AgentNight["waits"] {
  const by: Partial<Record<Settler, number>> = {};
  for (const { settledBy } of rows) if (settledBy !== null) by[settledBy] = (by[settledBy] ?? 0) + 1;
  return {
    asked: rows.length,
    open: rows.filter(({ state }) => state === "pending").length,
    ms: covered(
      rows.map(({ createdAt, settledAt }) => ({ from: createdAt, to: settledAt })),
      night,
    ),
    by,
  };
}

/** How much of the night lies in any of these times; two at once count once, no clock makes it less than nothing. */
function covered(times: readonly Parking[], { since, now }: Night): number {
  let [sum, upTo] = [0, since];
  for (const { from, to } of [...times].sort((a, b) => a.from - b.from)) {
    const [begin, end] = [Math.max(from, upTo), Math.min(to ?? now, now)];
    if (end <= begin) continue;
    sum += end - begin;
    upTo = end;
  }
  return sum;
}

/** Those that need a person first, then those that wait, then by what they did. */
function byUrgency(a: AgentNight, b: AgentNight): number {
  return rank(a) - rank(b) || done(b) - done(a) || nameOf(a).localeCompare(nameOf(b));
}

function rank({ status, waits, error, limited }: AgentNight): number {
  if (waits.open > 0) return 0;
  if (status === "error") return 1;
  if (error !== null) return 2;
  return limited.now ? 3 : 4;
}

const done = ({ turns }: AgentNight): number => TURN_OUTCOMES.reduce((sum, outcome) => sum + turns[outcome], 0);
const nameOf = ({ project, name, id }: AgentNight): string => `${project}/${name ?? id}`;

function restartsOf(rows: readonly StartRow[]): Restart[] {
  return [...Map.groupBy(rows, ({ start }) => start).values()].map((of) => {
    const those = (lived: number | null): string[] =>
      of.flatMap((row) => (row.agent !== null && row.lived === lived ? [row.agent] : []));
    return { at: of[0]?.at ?? 0, lived: those(1), ended: those(0), unknown: those(null) };
  });
}
