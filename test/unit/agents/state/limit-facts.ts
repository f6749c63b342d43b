/** Facts about an account, short enough for a row. */
import type { Fact } from "../../../../src/agents/model.ts";
import type { LimitClass } from "../../../../src/words/limits.ts";

/** The end of a turn by its account. */
export const limited = (kind: LimitClass = "limit", scope = "five_hour", resetsAt: number | null = null): Fact => ({
  type: "turn_ended",
  outcome: "failed",
  error: { code: "rate_limit", message: "used up" },
  limit: { class: kind, scope, resetsAt, message: "used up" },
});
/** The program waits for it by itself. */
export const waitsInside = (kind: LimitClass = "limit"): Fact => ({
  type: "limited",
  class: kind,
  scope: "account",
  resetsAt: null,
  message: "used up",
});
export const goOn = (id: number): Fact => ({ type: "go_on", input: { id, key: `k${id}` } });
export const goOnUnsent: Fact = { type: "go_on", input: null };
