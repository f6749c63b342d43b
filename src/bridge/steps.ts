/**
 * What single answers of the model used since the session's totals were told last, also those of sub-agents. Each
 * counts once, however often it is told.
 */
import type { Usage } from "../words/said.ts";
import type { SessionTotals, WirePart } from "./wire.ts";
import { addTotals } from "./wire.ts";

export interface Steps {
  /** Null: nothing new. */
  take(part: WirePart): Usage | null;
  /** The totals were told, and hold all of them. */
  told(): void;
}

export function usageOf({ input, output, cacheRead, cacheWrite, cost }: SessionTotals): Usage {
  return {
    inputTokens: input,
    outputTokens: output,
    cacheReadTokens: cacheRead,
    cacheWriteTokens: cacheWrite,
    // Nothing for something: its model has no price there.
    ...(cost > 0 ? { costUsd: cost } : {}),
  };
}

/** So many ids are remembered: a part is told again right after it was told, if at all. */
const REMEMBERED = 1000;

export function createSteps(): Steps {
  const seen = new Set<string>();
  let open = addTotals([]);
  return {
    take({ id, used }) {
      if (used === null || seen.has(id) || Object.values(used).every((each) => each === 0)) return null;
      seen.add(id);
      for (const oldest of seen) if (seen.size > REMEMBERED) seen.delete(oldest);
      open = addTotals([open, used]);
      return usageOf(open);
    },
    told: () => void (open = addTotals([])),
  };
}
