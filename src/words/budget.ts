/** What may be spent: by an agent in its life, and by a project's agents together in a day. 0 and absent = no limit. */

export const BUDGET_KEYS = ["turns", "tokens", "costUsd", "wallMs"] as const;
export type BudgetKey = (typeof BUDGET_KEYS)[number];

/** `tokens`: all that the model read and wrote. `wallMs`: work, without waiting for a person. */
export type Budget = { readonly [K in BudgetKey]?: number };

/** Of all agents of a project, from midnight to midnight where the box is. */
export const DAY_BUDGET_KEYS = ["tokens", "costUsd"] as const;
export type DayBudgetKey = (typeof DAY_BUDGET_KEYS)[number];
export type DayBudget = { readonly [K in DayBudgetKey]?: number };

/** From this share of it on, its nearing end is told once. */
export const NEARLY = 0.8;

/** How one limit stands. */
export interface Standing {
  readonly scope: "agent" | "day";
  readonly key: BudgetKey;
  readonly limit: number;
  readonly used: number;
  /** Of a limit in dollars: so many tokens had no price, and what they cost is not in `used`. */
  readonly unpricedTokens?: number;
}

/** Why an agent does not go on. */
export interface Overspent extends Standing {
  /** Wall clock: when it goes on by itself; null = when somebody raises the budget. */
  readonly until: number | null;
  /** The rest is reserved by others that work: it goes on by itself when they are done and some is left. */
  readonly waits: boolean;
}

/** `$4.10`, `120000 tokens`, `3 turns`, `90 s of work`. */
export function spentWords(key: BudgetKey, value: number): string {
  if (key === "costUsd") return `$${value.toFixed(2)}`;
  return key === "wallMs" ? `${Math.round(value / 1000)} s of work` : `${value} ${key}`;
}

/** What keeps a limit in dollars from being held; empty where nothing does. */
export function unpricedWords(tokens: number): string {
  return tokens === 0 ? "" : `, and ${tokens} tokens whose price is not known`;
}
