/** What an agent is doing, in a few words, and since when: the same words in `ps`, `show` and `wait`. Pure. */
import type { AgentShape, PermissionShape, UsageShape } from "./shapes.ts";
import { squeezed } from "./text.ts";

export function doingOf(agent: AgentShape, asks?: Pick<PermissionShape, "title" | "tool">): string {
  const { status, turn, error, cause, retrying, activity, queuedInputs, held } = agent;
  const fault = error ?? (turn?.outcome === "failed" || turn?.outcome === "lost" ? turn.error : undefined);
  const queue = queuedInputs === 0 ? "" : `, ${queuedInputs} ${held ? "held" : "queued"}`;
  switch (status) {
    case "waiting_input":
      return squeezed(asks === undefined ? cause.detail : asks.title);
    case "error":
    case "exited":
      return `${squeezed(fault == null ? cause.detail : `${fault.code}: ${fault.message}`)}${queue}`;
    case "processing":
      if (retrying !== null) return `tries again (${retrying.attempt}): ${squeezed(retrying.reason)}`;
      return squeezed(activity?.text ?? cause.detail);
    case "limited":
      return agent.limit === undefined
        ? squeezed(cause.detail)
        : `${agent.limit.scope} used up, ${agent.limit.guessed ? "tries at" : "goes on at"} ${agent.limit.resumesAt.slice(0, 16)}Z${queue}`;
    default:
      return `${squeezed(activity?.text ?? cause.detail)}${queue}`;
  }
}

/** Since when it stands as it does. */
export function sinceOf(agent: AgentShape, asks?: Pick<PermissionShape, "createdAt">): string {
  if (agent.status === "waiting_input" && asks !== undefined) return asks.createdAt;
  const { turn } = agent;
  if (turn === null) return agent.updatedAt;
  return turn.endedAt ?? turn.startedAt;
}

/** All that went in and came out. */
export function tokensOf({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens }: UsageShape): number | null {
  const all = [inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens].filter((n) => n !== undefined);
  return all.length === 0 ? null : all.reduce((sum, n) => sum + n, 0);
}

/** The most urgent first. */
const URGENCY = ["waiting_input", "error", "exited", "limited", "processing", "starting", "idle"];

export function byUrgency(a: AgentShape, b: AgentShape): number {
  const rank = ({ status }: AgentShape): number =>
    (URGENCY.indexOf(status) + URGENCY.length + 1) % (URGENCY.length + 1);
  return rank(a) - rank(b) || sinceOf(b).localeCompare(sinceOf(a));
}
