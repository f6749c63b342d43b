/**
 * Budgets at the door: what cannot be metered is refused when it is asked for, and what would begin a turn when none
 * is left is refused with what raises the budget.
 */
import type { Actor } from "../agents/actor.ts";
import { spentError } from "../agents/state/budget.ts";
import { HarnessError } from "../lib/errors.ts";
import type { AnyCodec } from "../providers/contract.ts";
import type { Budget, BudgetKey, DayBudget } from "../words/budget.ts";
import { BUDGET_KEYS, DAY_BUDGET_KEYS } from "../words/budget.ts";

/** 422 for a limit of what the program does not tell. */
export function assertMetered(
  { kind, traits }: AnyCodec,
  budget: Budget,
  perDay: DayBudget | null,
  path = "budget",
): void {
  const told = (key: BudgetKey): boolean => key === "turns" || key === "wallMs" || traits.metering[key] !== "no";
  const wanted = BUDGET_KEYS.find((key) => (budget[key] ?? 0) > 0 && !told(key));
  const shared = DAY_BUDGET_KEYS.find((key) => (perDay?.[key] ?? 0) > 0 && !told(key));
  const missing = wanted ?? shared;
  if (missing === undefined) return;
  const can = BUDGET_KEYS.filter(told).join(", ");
  const where = wanted === undefined ? "the project's budgetPerDay" : path;
  const cure =
    wanted === undefined
      ? "take it out there, or use another provider"
      : `0 there lifts what the project or the config says`;
  throw new HarnessError(
    "BUDGET_NOT_METERED",
    `${where} limits ${missing}, which agents of kind ${kind} do not tell: they can be held by ${can}; ${cure}`,
    { issues: [{ path: `${path}.${missing}`, message: `cannot be metered, expected one of ${can}` }] },
  );
}

/** 409 while no further turn may begin. What waits only for others that work is queued. */
export function assertWithinBudget(actor: Actor): void {
  const { spent } = actor.budget();
  if (spent === null) return;
  const { code, message } = spentError(spent);
  if (code === "BUDGET_EXCEEDED") throw new HarnessError(code, message);
}

/** JSON Merge Patch of limits; null takes one away, and the nearest other word counts again. */
export function mergeBudget<B extends Budget>(
  old: B | undefined,
  patch: { readonly [K in keyof B]?: B[K] | null } | null,
): B | undefined {
  if (patch === null) return undefined;
  const left = Object.entries({ ...old, ...patch }).filter(([, value]) => value !== null && value !== undefined);
  return left.length === 0 ? undefined : (Object.fromEntries(left) as B); // both parts had its members alone
}
