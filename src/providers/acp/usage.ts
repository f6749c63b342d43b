/**
 * Token and cost figures. What agents tell differs: turns or single calls, which are added up; the cost is the agent's
 * own running total.
 */
import { own } from "../../lib/own.ts";
import type { Usage } from "../../words/said.ts";
import { patch, say } from "../draft.ts";
import { fields, type Fields, maybeNumber, maybeText } from "../read.ts";
import type { Draft } from "./state.ts";

/** The result of a prompt: `usage` (ACP, unstable), or Gemini's `_meta.quota.token_count`. */
export function turnUsage(draft: Draft, result: unknown): void {
  const usage = fields(result, "usage");
  const quota = fields(fields(fields(result, "_meta"), "quota"), "token_count");
  add(draft, {
    inputTokens: maybeNumber(usage, "inputTokens") ?? maybeNumber(quota, "input_tokens"),
    outputTokens: maybeNumber(usage, "outputTokens") ?? maybeNumber(quota, "output_tokens"),
    cacheReadTokens: maybeNumber(usage, "cachedReadTokens"),
    cacheWriteTokens: maybeNumber(usage, "cachedWriteTokens"),
  });
}

/**
 * Qwen Code tells the figures of each model call in `_meta.usage` of an empty chunk of text, what was cached among the
 * input. An agent that does so and sums up in the answer to the prompt as well is not counted twice.
 */
export function callUsage(draft: Draft, update: Fields): void {
  const usage = fields(fields(update, "_meta"), "usage");
  const input = maybeNumber(usage, "inputTokens");
  if (input === undefined) return;
  const cached = maybeNumber(usage, "cachedReadTokens");
  add(draft, {
    inputTokens: Math.max(0, input - (cached ?? 0)),
    outputTokens: maybeNumber(usage, "outputTokens"),
    cacheReadTokens: cached,
  });
  const { prompt } = draft.state;
  if (prompt !== null) patch(draft, { prompt: { ...prompt, counted: true } });
}

function add(draft: Draft, told: Partial<Record<keyof Usage, number | undefined>>): void {
  let total: Usage = draft.state.usage;
  for (const name of ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"] as const) {
    const figure = own(told, name);
    if (figure !== undefined) total = { ...total, [name]: (total[name] ?? 0) + figure };
  }
  tell(draft, total);
}

/** `usage_update`: the session's cost so far. Its `used` is the size of the context, which is no usage. */
export function costUpdate(draft: Draft, update: Fields): void {
  const cost = fields(update, "cost");
  const amount = maybeNumber(cost, "amount");
  if (amount === undefined || maybeText(cost, "currency") !== "USD") return;
  tell(draft, { ...draft.state.usage, costUsd: amount });
}

function tell(draft: Draft, usage: Usage): void {
  if (usage === draft.state.usage) return;
  patch(draft, { usage });
  say(draft, { type: "usage", usage });
}
