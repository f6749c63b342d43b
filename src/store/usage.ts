/**
 * What was used, by quarters of an hour, so that a day of any time zone can be added up: one row for all of us, which
 * stays for good, and one for each agent that used something, which stays as long as events do, also without the agent.
 */
import type { Usage } from "../words/said.ts";
import type { Store } from "./database.ts";

const QUARTER_MS = 15 * 60_000;
const TWO_DAYS_MS = 2 * 24 * 60 * 60_000;

export interface UsageSum extends Required<Usage> {
  readonly turns: number;
  /** Of the tokens, those for which nobody told a price: what they cost is not in `costUsd`. */
  readonly unpricedTokens: number;
}

/** `estimated`: in how many of the turns some of it was never told. */
export interface UsageRow extends UsageSum {
  readonly at: number;
  readonly project: string;
  readonly agent: string;
  readonly account: string;
  readonly estimated: number;
}

/** Whose it is. */
export interface Spender {
  readonly project: string;
  readonly agent: string;
}

/** More than was counted before, or less. */
export function addUsage(store: Store, of: Spender, usage: Usage, unpricedTokens: number, now: number): void {
  add(store, of, { turns: 0, estimated: 0, unpricedTokens }, usage, now);
}

/** A turn ended now; what it used was added before. */
export function addTurn(store: Store, of: Spender, estimated: boolean, now: number): void {
  add(store, of, { turns: 1, estimated: estimated ? 1 : 0, unpricedTokens: 0 }, {}, now);
}

const FIGURES = "input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, unpriced_tokens";
const MORE = `turns = turns + excluded.turns, input_tokens = input_tokens + excluded.input_tokens,
  output_tokens = output_tokens + excluded.output_tokens,
  cache_read_tokens = cache_read_tokens + excluded.cache_read_tokens,
  cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens, cost_usd = cost_usd + excluded.cost_usd,
  unpriced_tokens = unpriced_tokens + excluded.unpriced_tokens`;

/**
 * The account of its latest run. Before one is known, and in what was counted before accounts were, its provider's name
 * stands for it: no account's name is without a colon.
 */
const PAYER = `coalesce((SELECT account FROM runs WHERE agent = ? ORDER BY n DESC LIMIT 1),
  (SELECT provider FROM agents WHERE id = ?), '')`;

function add(
  store: Store,
  { project, agent }: Spender,
  more: { readonly turns: number; readonly estimated: number; readonly unpricedTokens: number },
  usage: Usage,
  now: number,
): void {
  const at = now - (now % QUARTER_MS);
  const { turns, estimated, unpricedTokens } = more;
  const figures = [
    usage.inputTokens ?? 0,
    usage.outputTokens ?? 0,
    usage.cacheReadTokens ?? 0,
    usage.cacheWriteTokens ?? 0,
    usage.costUsd ?? 0,
    unpricedTokens,
  ];
  store.run(
    `INSERT INTO usage (at, turns, ${FIGURES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (at) DO UPDATE SET ${MORE}`,
    at,
    turns,
    ...figures,
  );
  store.run(
    `INSERT INTO spending (at, project, agent, account, turns, estimated, ${FIGURES})
     VALUES (?, ?, ?, ${PAYER}, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (at, project, agent, account) DO UPDATE SET estimated = estimated + excluded.estimated, ${MORE}`,
    at,
    project,
    agent,
    agent,
    agent,
    turns,
    estimated,
    ...figures,
  );
}

/** What was estimated in one quarter hour may have been corrected in the next: no sum is below zero. */
const SUMS = Object.entries({
  turns: "turns",
  inputTokens: "input_tokens",
  outputTokens: "output_tokens",
  cacheReadTokens: "cache_read_tokens",
  cacheWriteTokens: "cache_write_tokens",
  costUsd: "cost_usd",
  unpricedTokens: "unpriced_tokens",
})
  .map(([name, column]) => `max(0, coalesce(sum(${column}), 0)) AS ${name}`)
  .join(", ");

const NOTHING: UsageSum = {
  turns: 0,
  inputTokens: 0,
  outputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  costUsd: 0,
  unpricedTokens: 0,
};

/** From `since` on; 0 = all that was ever counted. */
export function usageSince(store: Store, since: number): UsageSum {
  return store.get<UsageSum>(`SELECT ${SUMS} FROM usage WHERE at >= ?`, quarter(since)) ?? NOTHING;
}

/** Of all agents of a project, also of those that are gone. */
export function projectUsageSince(store: Store, project: string, since: number): UsageSum {
  const sql = `SELECT ${SUMS} FROM spending WHERE project = ? AND at >= ?`;
  return store.get<UsageSum>(sql, project, quarter(since)) ?? NOTHING;
}

/** Each quarter hour of each agent. */
export function usageRows(store: Store, since: number): UsageRow[] {
  return store.all<UsageRow>(
    `SELECT at, project, agent, account, turns, estimated, input_tokens AS inputTokens, output_tokens AS outputTokens,
       cache_read_tokens AS cacheReadTokens, cache_write_tokens AS cacheWriteTokens, cost_usd AS costUsd,
       unpriced_tokens AS unpricedTokens
     FROM spending WHERE at >= ? ORDER BY at`,
    quarter(since),
  );
}

/** Which limits of the project's budget of that day were told of. */
export function dayTold(store: Store, project: string, day: number): string[] {
  const sql = "SELECT word FROM budget_told WHERE project = ? AND day = ?";
  return store.all<{ word: string }>(sql, project, day).map(({ word }) => word);
}

/** Those of earlier days are over. */
export function saveDayTold(store: Store, project: string, day: number, word: string): void {
  store.run("DELETE FROM budget_told WHERE day < ?", day - TWO_DAYS_MS);
  store.run("INSERT OR IGNORE INTO budget_told (project, day, word) VALUES (?, ?, ?)", project, day, word);
}

export function pruneUsage(store: Store, before: number, batch: number): number {
  return store.run(
    "DELETE FROM spending WHERE (at, project, agent, account) IN (SELECT at, project, agent, account FROM spending WHERE at < ? LIMIT ?)",
    before,
    batch,
  ).changes;
}

/** What began in it is counted whole. */
function quarter(at: number): number {
  return at - (at % QUARTER_MS);
}
