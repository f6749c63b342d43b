/**
 * Budgets: what is spent compared with what may be. Only figures that the program tells with each answer end a turn in
 * its middle; what it tells at the end of one only keeps the next from beginning, and its own fence holds it meanwhile.
 */
import { given } from "../../lib/given.ts";
import { unreachable } from "../../lib/unreachable.ts";
import type { AgentState, TurnError } from "../../words/agent.ts";
import type { BudgetKey, Overspent, Standing } from "../../words/budget.ts";
import { BUDGET_KEYS, DAY_BUDGET_KEYS, NEARLY, spentWords } from "../../words/budget.ts";
import type { Usage } from "../../words/said.ts";
import type { Surroundings } from "../model.ts";
import type { Work } from "./work.ts";

type Terms = Pick<Surroundings, "budget" | "day" | "ranMs">;

export function tokensIn({
  inputTokens = 0,
  outputTokens = 0,
  cacheReadTokens = 0,
  cacheWriteTokens = 0,
}: Usage): number {
  return inputTokens + outputTokens + cacheReadTokens + cacheWriteTokens;
}

function usedOf(s: AgentState, key: BudgetKey, ranMs: number): number {
  switch (key) {
    case "turns":
      return s.turns;
    case "tokens":
      return tokensIn(s.usage);
    case "costUsd":
      return s.usage.costUsd ?? 0;
    case "wallMs": {
      const { turn } = s;
      if (turn === null) return s.workedMs;
      return s.workedMs + turn.activeMs + (turn.countingSince === null ? 0 : ranMs - turn.countingSince);
    }
    default:
      return unreachable(key);
  }
}

/** Each limit there is, the agent's own before those it shares. */
export function standings(s: AgentState, { budget, day, ranMs }: Terms): readonly Standing[] {
  // Asked several times for each answer of a program, and most agents have no budget.
  if (day === null && !BUDGET_KEYS.some((key) => (budget[key] ?? 0) > 0)) return NONE;
  const own = BUDGET_KEYS.flatMap((key) => {
    const limit = budget[key] ?? 0;
    const used = usedOf(s, key, ranMs);
    return limit > 0 ? [{ scope: "agent" as const, key, limit, used, ...unpriced(key, s.unpricedTokens) }] : [];
  });
  if (day === null) return own;
  // What is stored of the day does not yet hold what this very step has counted.
  const more = {
    tokens: tokensIn(s.usage) - tokensIn(day.at),
    costUsd: (s.usage.costUsd ?? 0) - (day.at.costUsd ?? 0),
  };
  const shared = DAY_BUDGET_KEYS.flatMap((key) => {
    const limit = day.budget[key] ?? 0;
    const used = day.spent[key] + more[key];
    const without = day.unpriced.tokens + s.unpricedTokens - day.unpriced.at;
    return limit > 0 ? [{ scope: "day" as const, key, limit, used, ...unpriced(key, without) }] : [];
  });
  return [...own, ...shared];
}

const NONE: readonly Standing[] = [];

const unpriced = (key: BudgetKey, tokens: number): Pick<Standing, "unpricedTokens"> =>
  key === "costUsd" && tokens > 0 ? { unpricedTokens: tokens } : {};

const isSpent = ({ used, limit }: Standing): boolean => used >= limit;

/** The limit that lets no further turn begin; null: none does. The running turn counts as begun. */
export function spentOf(s: AgentState, terms: Terms): Overspent | null {
  const found = standings(s, terms).find(isSpent);
  return found === undefined ? null : overspent(found, terms);
}

function overspent(standing: Standing, { day }: Terms): Overspent {
  return { ...standing, until: standing.scope === "day" && day !== null ? day.endsAt : null, waits: false };
}

/** In words, with what raises it. */
export function spentError(of: Overspent): TurnError {
  const { scope, key, limit, used, waits } = of;
  const whose = scope === "day" ? "the project's budget of the day" : "the agent's budget";
  if (waits) {
    const message = `what is left of ${whose} is reserved by agents that work: ${spentWords(key, used)} of ${spentWords(key, limit)} are spent; it goes on when some is left`;
    return { code: "BUDGET_EXCEEDED", message };
  }
  const raise =
    scope === "day"
      ? `PATCH the project with {"budgetPerDay":{"${key}":N}}, or wait until midnight`
      : `PATCH the agent with {"budget":{"${key}":N}}`;
  const message = `${whose} is spent: ${spentWords(key, used)} of ${spentWords(key, limit)}; ${raise}`;
  return { code: "BUDGET_EXCEEDED", message };
}

/** Is a turn that runs ended when this is spent? The number of turns is spent by beginning the last one. */
function endsTurns({ key }: Standing, { metering }: Surroundings): boolean {
  return key === "wallMs" || (key !== "turns" && metering[key] === "answer");
}

/** The limit that ends the running turn; null: none does. */
export function cutting(s: AgentState, env: Surroundings): Overspent | null {
  if (s.turn === null) return null;
  const over = standings(s, env).find(
    (each) =>
      (isSpent(each) && endsTurns(each, env)) ||
      // It began by itself, though no turn was left.
      (each.key === "turns" && each.used > each.limit && s.turn?.origin === "agent"),
  );
  return over === undefined ? null : overspent(over, env);
}

/** Tells once of each limit that it is nearly reached, that what waits is held by it, or that it cannot be held. */
export function tellNearing(work: Work): void {
  const { s, env } = work;
  for (const each of standings(s, env)) {
    if (each.used >= each.limit * NEARLY) tellOnce(work, each, "");
    if (each.unpricedTokens !== undefined) tellOnce(work, each, " unpriced");
  }
}

export function tellHeld(work: Work, standing: Standing): void {
  tellOnce(work, standing, " held");
}

function tellOnce({ s, out, env }: Work, standing: Standing, about: string): void {
  const { scope, key, limit, used, unpricedTokens } = standing;
  const word = `${key} ${limit}${about}`;
  const budget = { scope, key, limit, used, ...given({ unpricedTokens }) };
  if (scope === "day") {
    if (env.day === null || env.day.told.includes(word) || out.some((e) => e.do === "day_told" && e.word === word))
      return;
    out.push({ do: "day_told", word, day: env.day.beganAt });
  } else {
    if (s.budgetTold.includes(word)) return;
    s.budgetTold = [...s.budgetTold.slice(-20), word];
  }
  out.push(
    { do: "event", type: "agent_budget", data: { budget } },
    {
      do: "notice",
      event: "agent_budget",
      turns: [],
      ...(s.turn === null ? {} : { turn: s.turn.id }),
      budget,
    },
  );
}

/** When the running turn's work nears, and when it reaches the limit of `wallMs`, in running time. */
export function workDeadlines(s: AgentState, { budget }: Pick<Surroundings, "budget">): readonly number[] {
  const limit = budget.wallMs ?? 0;
  const { turn } = s;
  const since = turn?.countingSince ?? null;
  if (limit === 0 || turn === null || since === null || turn.interrupt !== null) return [];
  const spent = s.workedMs + turn.activeMs;
  const nearly = s.budgetTold.includes(`wallMs ${limit}`) ? [] : [limit * NEARLY];
  return [...nearly, limit].map((at) => Math.ceil(since + at - spent));
}
