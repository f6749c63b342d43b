/**
 * What can happen to an agent, and what must be done about it. What is known of one is in `words/agent.ts`. Data only.
 */
import type { Metering, ProviderFact } from "../providers/contract.ts";
import type {
  AgentState,
  CauseSource,
  ClosingStep,
  EndedTurn,
  Fed,
  InputState,
  Turn,
  TurnError,
  Verified,
} from "../words/agent.ts";
import type { Budget, DayBudget, DayBudgetKey, Standing } from "../words/budget.ts";
import type { Told } from "../words/events.ts";
import type { PermissionMode } from "../words/kinds.ts";
import type { AccountLimit, Allowance, OnLimit } from "../words/limits.ts";
import type { NoticeEvent } from "../words/notices.ts";
import type { SettledState, Settler, Usage, UsageKey, Verdict } from "../words/said.ts";

export type Fact =
  | ProviderFact
  | {
      readonly type: "input";
      readonly id: number;
      readonly key: string;
      readonly mode: "queue" | "interrupt";
    }
  | { readonly type: "drop_input"; readonly id: number }
  | { readonly type: "release" }
  | { readonly type: "abort"; readonly keepQueued: boolean }
  | { readonly type: "stop" }
  | { readonly type: "resume" }
  | { readonly type: "delete" }
  /** A person takes the conversation over in the program's own screen: our process ends and stays away. */
  | { readonly type: "attach" }
  /** The screen is closed: what came in meanwhile goes on. */
  | { readonly type: "detach" }
  | { readonly type: "configured" }
  /**
   * The time has come for a turn that waits for its account. `input`: a stored one that makes the program go on; null
   * where the turn's own input has not been written yet.
   */
  | { readonly type: "go_on"; readonly input: { readonly id: number; readonly key: string } | null }
  /** What is known of when that will be has changed. */
  | ({ readonly type: "limit_moved" } & Pick<AccountLimit, "resetsAt" | "guessed"> & { readonly resumesAt: number })
  | ({ readonly type: "decide"; readonly id: string } & Verdict)
  /** The tree was inspected. `clean`: it holds nothing but the program itself, so nothing is lost by ending it. */
  | { readonly type: "park"; readonly clean: boolean }
  | { readonly type: "tick" }
  /** What it shares with others, or the day, may have changed. */
  | { readonly type: "recheck" }
  /** The process cannot be started for want of a resource; it is tried again. */
  | { readonly type: "start_waits"; readonly message: string }
  /** A line to the child was cut by a death; only told for providers that cannot mend it. */
  | { readonly type: "torn" }
  /**
   * The process lives, but nothing can be done with it any more: it is given up, and its turn is lost with this cause.
   */
  | { readonly type: "broken"; readonly code: string; readonly message: string }
  /** Its start waits for something (`detail`) that is none of the program's own time, or may begin. */
  | { readonly type: "start_in_line"; readonly detail: string }
  | { readonly type: "start_begins" }
  /** What is done before a turn's end counts was done. */
  | { readonly type: "step_done"; readonly turn: string; readonly step: ClosingStep; readonly found: Finding }
  /** What is fed back to the agent is stored as an input. */
  | { readonly type: "fed"; readonly id: number; readonly key: string; readonly fed: Fed }
  /** A new daemon found a process whose handshake was cut in the middle: it is started again. */
  | { readonly type: "replace" }
  /** `never`: the process of this run did not come to be, so nothing can have reached it. */
  | {
      readonly type: "exit";
      readonly code: number | null;
      readonly stderrTail: string;
      readonly never?: boolean;
    };

/** What a step before a turn's end came to. `checked`: of one that ran a check. */
export type Finding =
  | { readonly is: "good"; readonly checked?: Omit<Verified, "attempts"> }
  /** The turn fails with it, and the agent is told, as often as its terms say; null: it can do nothing about it. */
  | {
      readonly is: "bad";
      readonly code: string;
      readonly message: string;
      readonly feedback: string | null;
      readonly checked?: Omit<Verified, "attempts">;
    }
  /** Nobody knows: it is done once more, and then given up. */
  | { readonly is: "lost"; readonly message: string };

/** What is done between the end that the program told and the one that counts. */
export interface ClosingTerms {
  readonly step: ClosingStep;
  readonly limitMs: number;
  /** How often the agent is told what was bad, instead of leaving it at that. */
  readonly attempts: number;
}

/** What was decided is carried out in five places, each of which knows its own effects and no others. */
export type Effect = StoreEffect | CodecEffect | WorldEffect | Notice | Feed;

/** Becomes an input of ours, which is told as a fact (`step.ts`). */
export interface Feed {
  readonly do: "feed";
  readonly text: string;
  readonly fed: Fed;
}

/** Becomes rows (`ledger.ts`). */
export type StoreEffect =
  | { readonly do: "open_turn"; readonly turn: Turn }
  | { readonly do: "close_turn"; readonly turn: EndedTurn }
  | {
      readonly do: "input_state";
      readonly id: number;
      readonly state: InputState;
      readonly turn?: string;
      readonly run?: number;
    }
  | {
      readonly do: "open_permission";
      readonly id: string;
      readonly fact: Extract<ProviderFact, { type: "permission" }>;
      readonly turn: string | null;
    }
  | {
      readonly do: "settle_permission";
      readonly id: string;
      readonly state: SettledState;
      readonly by: Settler;
      readonly answer?: Verdict;
    }
  /** More, or less where what was estimated became known, than was counted before. */
  | { readonly do: "spend"; readonly usage: Usage; readonly unpricedTokens: number }
  | { readonly do: "limit_found"; readonly limit: AccountLimit }
  | { readonly do: "limit_over"; readonly account: string; readonly scope: string }
  | { readonly do: "allowance"; readonly account: string; readonly windows: readonly Allowance[] }
  /** Of the project's budget of the day that began then; the store keeps which were told. */
  | { readonly do: "day_told"; readonly day: number; readonly word: string }
  | ({ readonly do: "event" } & Told);

/** Becomes lines for the program (`step.ts`). */
export type CodecEffect =
  | { readonly do: "prompt"; readonly input: number }
  | { readonly do: "interrupt" }
  | { readonly do: "answer"; readonly permission: string };

/** Touches the world, after the commit (`actor.ts`). */
export type WorldEffect =
  | { readonly do: "spawn"; readonly run: number }
  | { readonly do: "end"; readonly gently: boolean }
  | { readonly do: "inspect_tree" }
  /** What the agents of the project share is spent, or some of it was given back: they look at it again. */
  | { readonly do: "tell_sharers" }
  | { readonly do: "purge" }
  /** Whoever keeps the time of limits looks again. */
  | { readonly do: "limits_changed" }
  | { readonly do: "close_step"; readonly turn: string; readonly step: ClosingStep }
  /** The step under way is to end now and to say how. */
  | { readonly do: "close_expired" }
  /** Nobody wants to know any more. */
  | { readonly do: "close_cancel" };

/** Becomes a row of the outbox. */
export interface Notice {
  readonly do: "notice";
  readonly event: NoticeEvent;
  /** Those that ended and are told with it. */
  readonly turns: readonly string[];
  /** The one that runs, where it is about that. */
  readonly turn?: string;
  readonly permission?: string;
  readonly error?: TurnError;
  /** What it is about is a matter of the whole account: told once for it, whoever of its agents meets it. */
  readonly limit?: AccountLimit;
  readonly budget?: Standing;
}

/** How the project's budget of the day stands, as it is stored. */
export interface DayStanding {
  readonly budget: DayBudget;
  readonly beganAt: number;
  readonly endsAt: number;
  readonly spent: { readonly [K in DayBudgetKey]: number };
  /** Tokens without a price, and how many of its own this agent had when that was read. */
  readonly unpriced: { readonly tokens: number; readonly at: number };
  /** By other agents, for turns of theirs that run. */
  readonly reservedUsd: number;
  /** What this agent had spent in its life when that was read. */
  readonly at: Usage;
  readonly told: readonly string[];
}

export interface Limits {
  readonly parkIdleMs: number;
  readonly turnTimeoutMs: number;
  readonly stallWarnMs: number;
  readonly toolStallWarnMs: number;
  readonly permissionTimeoutMs: number;
  readonly limitMaxWaitMs: number;
}

/** What the reducer may know besides the state. */
export interface Surroundings {
  /** The wall clock, for what is shown. */
  readonly nowMs: number;
  /** The agent's running time, for what waits. */
  readonly ranMs: number;
  readonly source: CauseSource;
  /** Its process is gone: what it said before is read now, its exit comes right behind. */
  readonly lastWords: boolean;
  readonly agentId: string;
  readonly permissions: PermissionMode;
  readonly oneshot: boolean;
  readonly redelivery: "dedupe" | "history" | "none";
  readonly tornLine: "restart" | "newline";
  readonly startDeadlineMs: number;
  readonly carriedTotals: readonly UsageKey[];
  readonly totalsDieWithIt: boolean;
  readonly metering: Metering;
  readonly budget: Budget;
  readonly day: DayStanding | null;
  readonly limits: Limits;
  /** In their order; none: a turn is over when its program says so. */
  readonly closing: readonly ClosingTerms[];
  /** Who pays for what it does; "" as long as that is not known. */
  readonly account: string;
  /** What is known to be used up there. */
  readonly accountLimits: readonly AccountLimit[];
  /** null: the provider's own choice. */
  readonly model: string | null;
  readonly onLimit: OnLimit;
  /** Of the waits for limits, 1 but in tests. */
  readonly pace: number;
}

export interface Outcome {
  readonly state: AgentState;
  readonly effects: readonly Effect[];
}

/** How long an interrupt may take before a timed-out turn's process is ended, and before `abort` answers 504. */
export const INTERRUPT_GRACE_MS = 10_000;
