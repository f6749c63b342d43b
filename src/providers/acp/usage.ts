/** Token and cost figures. What agents tell differs; turns are added up, the cost is the agent's own running total. */
import type { ProviderFact } from "../contract.ts";
import type { Moved } from "./message.ts";
import type { AcpState } from "./state.ts";
import { type Fields, fields, maybeNumber, maybeText } from "../read.ts";
import type { Usage } from "../../words/said.ts";

/** The result of a prompt: `usage` (ACP, unstable), or Gemini's `_meta.quota.token_count`. */
export function turnUsage(state: AcpState, result: unknown): Moved {
  const usage = fields(result, "usage");
  const quota = fields(fields(fields(result, "_meta"), "quota"), "token_count");
  const told = {
    inputTokens: maybeNumber(usage, "inputTokens") ?? maybeNumber(quota, "input_tokens"),
    outputTokens: maybeNumber(usage, "outputTokens") ?? maybeNumber(quota, "output_tokens"),
    cacheReadTokens: maybeNumber(usage, "cachedReadTokens"),
    cacheWriteTokens: maybeNumber(usage, "cachedWriteTokens"),
  };
  let total: Usage = state.usage;
  if (told.inputTokens !== undefined) total = { ...total, inputTokens: (total.inputTokens ?? 0) + told.inputTokens };
  if (told.outputTokens !== undefined)
    total = { ...total, outputTokens: (total.outputTokens ?? 0) + told.outputTokens };
  if (told.cacheReadTokens !== undefined)
    total = { ...total, cacheReadTokens: (total.cacheReadTokens ?? 0) + told.cacheReadTokens };
  if (told.cacheWriteTokens !== undefined)
    total = { ...total, cacheWriteTokens: (total.cacheWriteTokens ?? 0) + told.cacheWriteTokens };
  return changed(state, total);
}

/** `usage_update`: the session's cost so far. Its `used` is the size of the context, which is no usage. */
export function costUpdate(state: AcpState, update: Fields): Moved {
  const cost = fields(update, "cost");
  const amount = maybeNumber(cost, "amount");
  if (amount === undefined || maybeText(cost, "currency") !== "USD") return { state, facts: [] };
  return changed(state, { ...state.usage, costUsd: amount });
}

function changed(state: AcpState, usage: Usage): Moved {
  if (usage === state.usage) return { state, facts: [] };
  const facts: ProviderFact[] = [{ type: "usage", usage }];
  return { state: { ...state, usage }, facts };
}
