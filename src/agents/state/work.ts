/** A step of the reducer under way: what its parts hand around. Types only. */
import type { Effect, Surroundings } from "../model.ts";
import type { AgentState } from "../../words/agent.ts";
import type { AccountLimit } from "../../words/limits.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A step under way. `s` is a fresh copy: its fields are replaced, never changed in depth. */
export interface Work {
  readonly s: Mutable<AgentState>;
  readonly out: Effect[];
  readonly env: Surroundings;
  /** What will be shown as the cause, should the status change. */
  detail: string;
  /** What is known to be used up, as this step leaves it. */
  accountLimits: readonly AccountLimit[];
  /** What the turn failed by is a matter of the whole account: it is told once for all of its agents. */
  limit?: AccountLimit;
}
