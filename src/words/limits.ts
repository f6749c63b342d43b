/** Why an account cannot work on, what a program says of it, and what is kept of it. */

/** Its allowance is used up for a while; somebody has to pay; somebody has to log in. */
export const LIMIT_CLASSES = ["limit", "billing", "auth"] as const;
export type LimitClass = (typeof LIMIT_CLASSES)[number];

/** What becomes of a turn that meets a limit: it waits and goes on, or it fails at once. The first is the default. */
export const ON_LIMIT = ["park", "fail"] as const;
export type OnLimit = (typeof ON_LIMIT)[number];

/** What a program told of its account. */
export interface LimitFound {
  readonly class: LimitClass;
  /** Which allowance, in the provider's word (`five_hour`). One that names a model holds for that model alone. */
  readonly scope: string;
  /** Epoch ms; null: not told. */
  readonly resetsAt: number | null;
  readonly message: string;
}

/** What is known of an account, for all of its agents. */
export interface AccountLimit extends LimitFound {
  readonly account: string;
  readonly since: number;
  /** Epoch ms at which one agent tries again; null: a person has to do something first. */
  readonly resumesAt: number | null;
  /** The provider told no time, or none that can be true. */
  readonly guessed: boolean;
  /** How often it was tried in vain. */
  readonly attempts: number;
  /** Who met it first. */
  readonly agent: string;
}

/**
 * Where a waiting turn stands. `leaving`: the program waits by itself and is being taken out of that; `parked`: nothing
 * runs; `going`: it was taken up again and has no answer yet.
 */
export const LIMIT_STAGES = ["leaving", "parked", "going"] as const;
export type LimitStage = (typeof LIMIT_STAGES)[number];

/** The open turn waits for its account. */
export interface Limited extends LimitFound {
  readonly stage: LimitStage;
  /** A moment of the running time. */
  readonly stageAt: number;
  readonly account: string;
  /** Epoch ms of the first wait of this turn for this limit. */
  readonly since: number;
  readonly resumesAt: number;
  readonly guessed: boolean;
  /** How often the turn was taken up again for it. */
  readonly attempts: number;
}

/** A time in which a turn waited for its account; `to` is null while it does. Epoch ms. */
export interface Parking {
  readonly from: number;
  readonly to: number | null;
}

/** How much of an allowance is used, where the provider tells it. */
export interface Allowance {
  readonly scope: string;
  readonly usedPercent: number;
  readonly resetsAt: number | null;
}
