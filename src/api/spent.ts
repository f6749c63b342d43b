/** Adds up what was used, by project, agent, account or day. */
import { dayName, startOfDay } from "../lib/day.ts";
import { findAgent } from "../store/agents.ts";
import type { UsageRow, UsageSum } from "../store/usage.ts";
import { usageRows } from "../store/usage.ts";
import type { USAGE_BY } from "../words/said.ts";
import type { ApiDeps } from "./deps.ts";
import { sinceMs } from "./since.ts";
import { iso } from "./views.ts";

type By = (typeof USAGE_BY)[number];

const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

interface Sum extends UsageSum {
  readonly estimated: boolean;
}

export function usageAnswer(
  { store, clock }: ApiDeps,
  { since, by = "project" }: { readonly since?: string; readonly by?: By },
): unknown {
  const now = clock.now();
  const from = since === undefined ? startOfDay(by === "day" ? now - WEEK_MS : now) : sinceMs(store, since, now);
  const rows = usageRows(store, from);
  const name = (agent: string): string | null => findAgent(store, agent)?.name ?? null;
  return {
    since: iso(from),
    by,
    usage: [...grouped(rows, by)].map(([key, of]) => ({
      key,
      ...(by === "agent" ? { project: of[0]?.project ?? null, name: name(key) } : {}),
      ...(by === "account" ? { account: isAccount(key) ? key : null } : {}),
      ...sumOf(of),
    })),
    total: sumOf(rows),
  };
}

/** Else it is a provider's name: used before its account was known. */
export const isAccount = (key: string): boolean => key.includes(":");

/** In the order of what each spent, but days in theirs. */
export function grouped(rows: readonly UsageRow[], by: By): ReadonlyMap<string, readonly UsageRow[]> {
  const groups = Map.groupBy(rows, (row) => (by === "day" ? dayName(row.at) : row[by]));
  if (by === "day") return groups;
  const bySpending = ([, a]: readonly [string, readonly UsageRow[]], [, b]: readonly [string, readonly UsageRow[]]) => {
    const [x, y] = [sumOf(a), sumOf(b)];
    return y.costUsd - x.costUsd || y.outputTokens - x.outputTokens;
  };
  return new Map([...groups].sort(bySpending));
}

export function sumOf(rows: readonly UsageRow[]): Sum {
  // What was estimated in one quarter hour may have been corrected in the next.
  const all = (key: keyof UsageSum): number =>
    Math.max(
      0,
      rows.reduce((total, row) => total + row[key], 0),
    );
  return {
    turns: all("turns"),
    inputTokens: all("inputTokens"),
    outputTokens: all("outputTokens"),
    cacheReadTokens: all("cacheReadTokens"),
    cacheWriteTokens: all("cacheWriteTokens"),
    costUsd: all("costUsd"),
    unpricedTokens: all("unpricedTokens"),
    estimated: rows.some(({ estimated }) => estimated > 0),
  };
}
