/**
 * What was used, by quarters of an hour: one row each, so that a day of any time zone can be added up, and a sum that
 * stays when its agents are forgotten.
 */
import type { Usage } from "../words/said.ts";
import type { Store } from "./database.ts";

const QUARTER_MS = 15 * 60_000;

export interface UsageSum extends Required<Usage> {
  readonly turns: number;
}

/** Of a turn that ended now. */
export function addUsage(store: Store, usage: Usage, now: number): void {
  store.run(
    `INSERT INTO usage (at, turns, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
     VALUES (?, 1, ?, ?, ?, ?, ?)
     ON CONFLICT (at) DO UPDATE SET turns = turns + 1, input_tokens = input_tokens + excluded.input_tokens,
       output_tokens = output_tokens + excluded.output_tokens,
       cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
       cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens, cost_usd = cost_usd + excluded.cost_usd`,
    now - (now % QUARTER_MS),
    usage.inputTokens ?? 0,
    usage.outputTokens ?? 0,
    usage.cacheReadTokens ?? 0,
    usage.cacheWriteTokens ?? 0,
    usage.costUsd ?? 0,
  );
}

/** Of the turns that ended at `since` or later; 0 = all that was ever counted. */
export function usageSince(store: Store, since: number): UsageSum {
  const sum = store.get<UsageSum>(
    `SELECT coalesce(sum(turns), 0) AS turns, coalesce(sum(input_tokens), 0) AS inputTokens,
       coalesce(sum(output_tokens), 0) AS outputTokens, coalesce(sum(cache_read_tokens), 0) AS cacheReadTokens,
       coalesce(sum(cache_write_tokens), 0) AS cacheWriteTokens, coalesce(sum(cost_usd), 0) AS costUsd
     FROM usage WHERE at >= ?`,
    since,
  );
  return sum ?? { turns: 0, inputTokens: 0, outputTokens: 0, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 };
}
