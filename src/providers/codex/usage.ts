/**
 * Codex's figures. Each thread tells its own total: the agent's goes on over resumes and is told again by each; those
 * of sub-agents are in no other total, and belong to this process.
 */
import { own } from "../../lib/own.ts";
import type { Usage } from "../../words/said.ts";
import { patch, say } from "../draft.ts";
import { type Fields, fields, idOf, maybeNumber } from "../read.ts";
import type { Draft, ThreadTotals } from "./state.ts";
import { isOwn } from "./state.ts";

/** So many sub-agents are told apart; of one more, the oldest is over. */
const THREADS = 32;

/** `thread/tokenUsage/updated`, after each answer of the model. */
export function usageSaid(draft: Draft, params: Fields): void {
  const thread = idOf(params, "threadId");
  const usage = fields(params, "tokenUsage");
  const total = fields(usage, "total");
  if (isOwn(draft.state, thread)) return say(draft, { type: "usage", usage: usageOf(total) });
  if (thread === "") return;
  const { threads, sum } = draft.state.subagents;
  // A thread that was forked off begins with what its origin had used: only its last answer is its own then.
  const base = own(threads, thread) ?? minus(plain(total), plain(fields(usage, "last")));
  const after = plus(sum, minus(plain(total), base));
  const kept = Object.entries(threads).filter(([id]) => id !== thread);
  patch(draft, {
    subagents: { threads: Object.fromEntries([...kept.slice(-THREADS + 1), [thread, plain(total)]]), sum: after },
  });
  say(draft, { type: "usage", usage: {}, beside: toUsage(after) });
}

function plain(tokens: Fields): ThreadTotals {
  const [input, output, cacheRead, cacheWrite] = [
    "inputTokens",
    "outputTokens",
    "cachedInputTokens",
    "cacheWriteInputTokens",
  ].map((name) => maybeNumber(tokens, name) ?? 0);
  return { input: input ?? 0, output: output ?? 0, cacheRead: cacheRead ?? 0, cacheWrite: cacheWrite ?? 0 };
}

/** Never below zero: a total that fell is a new base. */
function minus(a: ThreadTotals, b: ThreadTotals): ThreadTotals {
  return {
    input: Math.max(0, a.input - b.input),
    output: Math.max(0, a.output - b.output),
    cacheRead: Math.max(0, a.cacheRead - b.cacheRead),
    cacheWrite: Math.max(0, a.cacheWrite - b.cacheWrite),
  };
}

function plus(a: ThreadTotals, b: ThreadTotals): ThreadTotals {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
  };
}

/** Codex counts what came from the cache among the input; here each token is counted once. */
function toUsage({ input, output, cacheRead, cacheWrite }: ThreadTotals): Usage {
  return {
    inputTokens: Math.max(0, input - cacheRead),
    outputTokens: output,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
  };
}

/** What is not told stays unknown. */
function usageOf(total: Fields): Usage {
  const known = toUsage(plain(total));
  const told = (name: string) => maybeNumber(total, name) !== undefined;
  return {
    ...(told("inputTokens") ? { inputTokens: known.inputTokens } : {}),
    ...(told("outputTokens") ? { outputTokens: known.outputTokens } : {}),
    ...(told("cachedInputTokens") ? { cacheReadTokens: known.cacheReadTokens } : {}),
    ...(told("cacheWriteInputTokens") ? { cacheWriteTokens: known.cacheWriteTokens } : {}),
  };
}
