/** Budgets as the config, a project and an agent say them in the same words. 0 = no limit. */
import type { Schema } from "./check.ts";
import { describe, integer, object, optional } from "./check.ts";

const MOST_USD = 1_000_000;

const usd: Schema<number> = {
  expects: `a number of dollars from 0 to ${MOST_USD}`,
  json: { type: "number", minimum: 0, maximum: MOST_USD },
  parse(value, path, issues) {
    if (typeof value === "number" && value >= 0 && value <= MOST_USD) return value;
    issues.push({ path, message: `got ${describe(value)}, expected a number of dollars from 0 to ${MOST_USD}` });
    return undefined;
  },
};

const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

export const budgetMembers = {
  turns: integer({ min: 0, max: 1_000_000 }),
  tokens: integer({ min: 0, max: 1e12 }),
  costUsd: usd,
  wallMs: integer({ min: 0, max: YEAR_MS }),
};

/** In the life of an agent. */
export const budget = object({
  turns: optional(budgetMembers.turns),
  tokens: optional(budgetMembers.tokens),
  costUsd: optional(budgetMembers.costUsd),
  wallMs: optional(budgetMembers.wallMs),
});

/** Of all agents of a project, each day. */
export const budgetPerDay = object({
  tokens: optional(budgetMembers.tokens),
  costUsd: optional(budgetMembers.costUsd),
});
