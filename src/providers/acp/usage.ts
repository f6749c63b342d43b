/** Token and cost figures. What agents tell differs; turns are added up, the cost is the agent's own running total. */
import { own } from "../../lib/own.ts";
import type { Usage } from "../../words/said.ts";
import { patch, say } from "../draft.ts";
import { fields, type Fields, maybeNumber, maybeText } from "../read.ts";
import type { Draft } from "./state.ts";

/** The result of a prompt: `usage` (ACP, unstable), or Gemini's `_meta.quota.token_count`. */
export function turnUsage(draft: Draft, result: unknown): void {
  const usage = fields(result, "usage");
  const quota = fields(fields(fields(result, "_meta"), "quota"), "token_count");
  const told: Partial<Record<keyof Usage, number | undefined>> = {
    inputTokens: maybeNumber(usage, "inputTokens") ?? maybeNumber(quota, "input_tokens"),
    outputTokens: maybeNumber(usage, "outputTokens") ?? maybeNumber(quota, "output_tokens"),
    cacheReadTokens: maybeNumber(usage, "cachedReadTokens"),
    cacheWriteTokens: maybeNumber(usage, "cachedWriteTokens"),
  };
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
