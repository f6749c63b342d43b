/**
 * What is known of an agent: its status and the reason for it, its process, its turns and its inputs. Only
 * `agents/state/` decides any of it; everybody else stores, shows or waits for it.
 */
import type { Limited, Parking } from "./limits.ts";
import type { Overspent } from "./budget.ts";
import type { PermissionKind, Spent, Usage } from "./said.ts";

export const STATUSES = ["starting", "idle", "processing", "waiting_input", "error", "exited", "limited"] as const;
export type Status = (typeof STATUSES)[number];

/** Busy = a turn runs, waits or is about to begin: more input is queued, and the end of it is told. */
const BUSY: Readonly<Record<Status, boolean>> = {
  starting: true,
  idle: false,
  processing: true,
  waiting_input: true,
  error: false,
  exited: false,
  // The turn is not over: it goes on by itself when the account may work again.
  limited: true,
};

export function isBusy(status: Status): boolean {
  return BUSY[status];
}

/** `attached`: a person uses the program's own screen, and our process is away meanwhile. */
export const PROCESS_STATES = ["none", "running", "parking", "parked", "stopped", "gone", "attached"] as const;
export type ProcessState = (typeof PROCESS_STATES)[number];

export const CAUSE_SOURCES = ["frame", "exit", "timer", "api", "reconcile", "check"] as const;
export type CauseSource = (typeof CAUSE_SOURCES)[number];

export interface Cause {
  readonly source: CauseSource;
  readonly detail: string;
  readonly at: number;
}

/** The line that decided a status, as it is stored with it: without secrets, cut. */
export interface CauseFrame {
  readonly run: number;
  /** Where its line begins in the output of the run. */
  readonly offset: number;
  readonly text: string;
  readonly truncated: boolean;
}

/** Why the process is being ended by us. Committed before the first signal, so that the exit is known as asked for. */
export const INTENTS = ["park", "stop", "delete", "attach", "restart", "refused", "timeout", "interrupt"] as const;
export type Intent = (typeof INTENTS)[number];

export const TURN_OUTCOMES = ["completed", "interrupted", "failed", "lost"] as const;
export type TurnOutcome = (typeof TURN_OUTCOMES)[number];

/** What began a turn: an input, or the program by itself (a background task, a goal). */
export const TURN_ORIGINS = ["input", "agent"] as const;
export type TurnOrigin = (typeof TURN_ORIGINS)[number];

/** Whose input it is: a person's or script's, another agent's, or one of ours (a check, a limit that is over, …). */
export const INPUT_ORIGINS = ["user", "agent", "verify", "limit", "attach"] as const;
export type InputOrigin = (typeof INPUT_ORIGINS)[number];

export const INPUT_STATES = ["queued", "written", "accepted", "ended", "unknown", "cancelled"] as const;
export type InputState = (typeof INPUT_STATES)[number];

export const INPUT_MODES = ["queue", "interrupt", "reject"] as const;
export type InputMode = (typeof INPUT_MODES)[number];

/** What is done when the program has ended its turn, and before that counts: in this order. */
export const CLOSING_STEPS = ["snapshot", "result", "check"] as const;
export type ClosingStep = (typeof CLOSING_STEPS)[number];

/** How it is checked what an agent has done. */
export interface Verify {
  /** For a shell, or a program with its arguments. */
  readonly command: string | readonly string[];
  readonly timeoutMs: number;
  /** How often a failure is told the agent; 0 = only looked at. */
  readonly attempts: number;
}

/** What the result of each turn must look like: a JSON Schema. */
export interface ResultTerms {
  readonly schema: Readonly<Record<string, unknown>>;
}

/** How often something was fed back to the agent since the last input of somebody else. */
export type Fed = Readonly<Partial<Record<ClosingStep, number>>>;

/** What a check came to. */
export interface Verified {
  readonly passed: boolean;
  /** null: it was ended for its time, or nobody knows. */
  readonly exitCode: number | null;
  /** How often its failure was fed back before. */
  readonly attempts: number;
  /** The end of what it printed. */
  readonly tail: string;
}

/** The program has ended its turn, and something is done before that counts: the turn is still open. */
export interface Closing {
  /** What the turn ends as, as far as it is known. */
  readonly outcome: TurnOutcome;
  readonly error: TurnError | null;
  /** The queue is held when it ends. */
  readonly held: boolean;
  /** What the agent is then: its process was lost with it, or ended on request; null = what the outcome says. */
  readonly rest: "exited" | "idle" | null;
  /** What is left; the first is under way. None: what it came to is being fed back. */
  readonly steps: readonly ClosingStep[];
  /** When the first of them began, a moment of the running time, and how long it may take. */
  readonly since: number;
  readonly limitMs: number;
  /** How often it was begun before, and lost. */
  readonly lost: number;
  /** Its time is over, and it was told so. */
  readonly expired: boolean;
  /** The program has begun something by itself meanwhile. */
  readonly again: boolean;
}

/** What lies in the folder is still being saved, though the turn that left it is over: nothing new begins there. */
export interface Saving {
  readonly turn: string;
  /** When that began, a moment of the running time, and how long it may take. */
  readonly since: number;
  readonly limitMs: number;
  /** Its time is over, and it was told so. */
  readonly expired: boolean;
}

export interface TurnError {
  /** UPPER_SNAKE when ours (`TURN_TIMEOUT`), the provider's own word otherwise (`rate_limit`). */
  readonly code: string;
  readonly message: string;
}

/** Whose wish it is: a person's, that of an input which goes first, or one of two limits. */
export const INTERRUPT_REASONS = ["abort", "input", "timeout", "budget"] as const;
export type InterruptReason = (typeof INTERRUPT_REASONS)[number];

export interface Turn {
  readonly id: string;
  readonly origin: TurnOrigin;
  readonly input: number | null;
  readonly startedAt: number;
  /** Time spent working, without waiting for a person, up to `countingSince`. */
  readonly activeMs: number;
  /** A moment of the running time; null while the turn waits for a person. */
  readonly countingSince: number | null;
  readonly interrupt: { readonly at: number; readonly reason: InterruptReason } | null;
  /** Its process was replaced for a torn line. Once is mending, twice would be a loop. */
  readonly mended: boolean;
  /** It was told once that it makes no progress. */
  readonly stallTold: boolean;
  /** Its input was fed back to the agent by us. */
  readonly fed: boolean;
  /** null: the program works on it, or has yet to begin. */
  readonly closing: Closing | null;
  /** What a check said of it so far. */
  readonly verify: Verified | null;
  /** When it waited for its account. */
  readonly parked: readonly Parking[];
  /** A moment of the running time: what `limits.limitMaxWaitMs` counts from. */
  readonly limitedFrom: number | null;
}

export interface EndedTurn {
  readonly id: string;
  readonly origin: TurnOrigin;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: TurnOutcome;
  readonly error?: TurnError;
  /** Spent since the turn before, as far as the provider tells. */
  readonly usage?: Spent;
  /** Where it was checked. */
  readonly verify?: Verified;
  readonly parked?: readonly Parking[];
}

/** The input that the open turn answers. */
export interface Flight {
  readonly input: number;
  readonly key: string;
  /** The run it was written to; null = not written yet (still deletable). */
  readonly run: number | null;
  readonly accepted: boolean;
}

/** An input that waits for its turn. */
export interface Queued {
  readonly id: number;
  readonly key: string;
  /** The run it was written to before it was put back. */
  readonly run: number | null;
  /** Present when it is one that we feed back. */
  readonly fed?: boolean;
}

export interface OpenPermission {
  /** Our id, as in the API. */
  readonly id: string;
  /** The provider's id, unique in the run. */
  readonly ref: string;
  readonly kind: PermissionKind;
  /** The turn it was asked in, with whose end it is withdrawn; null = a sub-agent asked between two turns. */
  readonly turn: string | null;
  readonly askedAt: number;
  /** Answered, but the program has not yet shown that it took the answer. */
  readonly answered: boolean;
}

export interface Retrying {
  readonly attempt: number;
  readonly reason: string;
  readonly status: number | null;
  /** Epoch ms of the next try, where the program tells it. */
  readonly nextAt?: number;
}

/** Counts what is spent out of totals, each of a run of a conversation. */
export interface Meter {
  /** The run that told `total`, and its conversation; null = not known. */
  readonly run: number;
  readonly session: string | null;
  readonly total: Usage;
  /** What this run's sub-agents have told, from zero on: it is in no total of the conversation. */
  readonly beside: Usage;
  /** Since the last turn ended. */
  readonly spent: Usage;
  /** What single answers have told since the last total, which will have it too. */
  readonly open: Usage;
  /** Counted from single answers with what is over by now: the next total of the conversation brings it once more. */
  readonly ahead: Usage;
  /** The part of it that this run's answers told. */
  readonly aheadHere: Usage;
  /** Some of what was spent since the last turn ended was never told. */
  readonly estimated: boolean;
}

/**
 * The agent's running time when it was stored, and the machine's at that moment: how much of a wait is left follows
 * from it, also for the next daemon.
 */
export interface Elapsed {
  readonly ms: number;
  readonly bootId: string;
  readonly uptimeMs: number;
}

/**
 * Moments that waits count from (`spawnedAt`, `lastFrameAt`, `progressAt`, `quietSince`, `countingSince`, `askedAt`,
 * `interrupt.at`) are of the agent's running time, `elapsed.ms`; all others are of the wall clock.
 */
export interface AgentState {
  readonly elapsed: Elapsed;
  readonly status: Status;
  readonly cause: Cause;
  readonly process: ProcessState;
  /** Status when nothing goes on. */
  readonly rest: "idle" | "error" | "exited";
  /** Number of the latest run; 0 = none yet. */
  readonly run: number;
  readonly ready: boolean;
  readonly spawnedAt: number;
  readonly intent: Intent | null;
  /** A process was asked for though no input waits (`resume`). */
  readonly wanted: boolean;
  /** Automatic starts left from the last user action: this is what makes crash loops impossible. */
  readonly starts: number;
  readonly turns: number;
  readonly turn: Turn | null;
  readonly lastTurn: EndedTurn | null;
  readonly saving: Saving | null;
  readonly queue: readonly Queued[];
  readonly flight: Flight | null;
  readonly fed: Fed;
  readonly held: boolean;
  /** The open turn waits for its account's allowance, or was taken up again and has no answer yet. */
  readonly limited: Limited | null;
  readonly permissions: number;
  readonly open: readonly OpenPermission[];
  readonly background: number;
  readonly retrying: Retrying | null;
  /** All that was spent in the agent's life. */
  readonly usage: Usage;
  /** Of its tokens, those for which nobody told a price. */
  readonly unpricedTokens: number;
  readonly meter: Meter;
  /** Work of the turns that are over, without waiting for a person. */
  readonly workedMs: number;
  /** Limits of its budget of which it was told that they are nearly reached. */
  readonly budgetTold: readonly string[];
  /** What ends its turn, or holds its queue. */
  readonly overspent: Overspent | null;
  /** Of the project's budget of the day, for the running turn: nobody else may spend it meanwhile. */
  readonly reservedUsd: number | null;
  /** What its process was told to spend at most, and what the agent had spent when it began. */
  readonly fence: { readonly usd: number; readonly from: number } | null;
  readonly session: string | null;
  /** Last sign of life in the running turn. */
  readonly lastFrameAt: number;
  /** Last frame that was more than a repeated retry. */
  readonly progressAt: number;
  /** The tool that runs. */
  readonly tool: { readonly id: string; readonly name: string } | null;
  readonly stalled: boolean;
  /** Since when nothing goes on; what parking counts from. */
  readonly quietSince: number;
  /** Turns that ended since the last completion notice. */
  readonly unnoticed: readonly string[];
  readonly startFailed: boolean;
  /**
   * The last start failed for want of something, before anything was written to the program: it is tried again at `at`
   * of the running time, without a start being counted. `tries`: how often that was.
   */
  readonly again: { readonly tries: number; readonly at: number } | null;
  /** Its start waits, for others of its provider or for what it needs: no process is there yet, no deadline counts. */
  readonly startInLine: boolean;
  /** The first line of the present process that was no frame: it may explain a start that fails. */
  readonly foreign: string | null;
  /** Why the present process was given up while it lived, until the next one. */
  readonly broken: TurnError | null;
  /** Why the last start failed, until the next one. */
  readonly startError: TurnError | null;
  /** Model or permissions were changed: the process is replaced before the next turn. */
  readonly stale: boolean;
}

/** What an agent is busy with; `answer` = what it said last, when its turn is over. */
export const ACTIVITY_KINDS = ["tool", "text", "thinking", "permission", "answer"] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

/** One line for a list. Made in memory of what was stored, never stored itself. */
export interface Activity {
  readonly kind: ActivityKind;
  readonly text: string;
  readonly at: number;
}

/** The screen's process; another boot id means that it is gone. */
export interface ScreenIdentity {
  readonly bootId: string;
  readonly pid: number;
  readonly startTicks: number;
}
