/**
 * The words of the state machine: what is known of an agent, what can happen to it, and what must be done about it.
 * Data only.
 */
import type { Answer, PermissionMode, ProviderFact, TurnError, TurnOutcome, Usage } from "../providers/contract.ts";

export type Status = "starting" | "idle" | "processing" | "waiting_input" | "error" | "exited";
export type ProcessState = "none" | "running" | "parking" | "parked" | "stopped" | "gone";
export type CauseSource = "frame" | "exit" | "timer" | "api" | "reconcile";

/** Why the process is being ended by us. Committed before the first signal, so that the exit is known as asked for. */
export type Intent = "park" | "stop" | "delete" | "attach" | "restart" | "refused" | "timeout" | "interrupt";

export interface Cause {
  readonly source: CauseSource;
  readonly detail: string;
}

export interface Turn {
  readonly id: string;
  readonly origin: "input" | "agent";
  readonly input: number | null;
  readonly startedAt: number;
  /** Time spent working, without waiting for a person, up to `countingSince`. */
  readonly activeMs: number;
  /** null while the turn waits for a person. */
  readonly countingSince: number | null;
  readonly interrupt: { readonly at: number; readonly reason: "abort" | "input" | "timeout" } | null;
  /** Its process was replaced for a torn line. Once is mending, twice would be a loop. */
  readonly mended: boolean;
}

export interface EndedTurn {
  readonly id: string;
  readonly origin: "input" | "agent";
  readonly startedAt: number;
  readonly endedAt: number;
  readonly outcome: TurnOutcome;
  readonly error?: TurnError;
}

/** The input that the open turn answers. */
export interface Flight {
  readonly input: number;
  readonly key: string;
  /** The run it was written to; null = not written yet (still deletable). */
  readonly run: number | null;
  readonly accepted: boolean;
}

export interface OpenPermission {
  /** Our id, as in the API. */
  readonly id: string;
  /** The provider's id, unique in the run. */
  readonly ref: string;
  readonly kind: "tool" | "question" | "plan";
  /** The turn it was asked in, with whose end it is withdrawn; null = a sub-agent asked between two turns. */
  readonly turn: string | null;
  readonly askedAt: number;
  /** Answered, but the program has not yet shown that it took the answer. */
  readonly answered: boolean;
}

export interface AgentState {
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
  readonly queue: readonly { readonly id: number; readonly key: string; readonly run: number | null }[];
  readonly flight: Flight | null;
  readonly held: boolean;
  readonly permissions: number;
  readonly open: readonly OpenPermission[];
  readonly background: number;
  readonly retrying: { readonly attempt: number; readonly reason: string; readonly status: number | null } | null;
  readonly usage: Usage;
  readonly session: string | null;
  /** Last sign of life in the running turn. */
  readonly lastFrameAt: number;
  readonly stalled: boolean;
  /** Since when nothing goes on; what parking counts from. */
  readonly quietSince: number;
  /** Turns that ended since the last completion notice. */
  readonly unnoticed: readonly string[];
  readonly startFailed: boolean;
  /** Why the last start failed, until the next one. */
  readonly startError: TurnError | null;
  /** Model or permissions were changed: the process is replaced before the next turn. */
  readonly stale: boolean;
}

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
  | { readonly type: "attach" }
  | { readonly type: "configured" }
  | {
      readonly type: "decide";
      readonly id: string;
      readonly decision: Answer["decision"];
      readonly message?: string;
      readonly answers?: NonNullable<Answer["answers"]>;
    }
  /** The tree was inspected. `clean`: it holds nothing but the program itself, so nothing is lost by ending it. */
  | { readonly type: "park"; readonly clean: boolean }
  | { readonly type: "tick" }
  /** A line to the child was cut by a death; only told for providers that cannot mend it. */
  | { readonly type: "torn" }
  /** A new daemon found a process whose handshake was cut in the middle: it is started again. */
  | { readonly type: "replace" }
  /** `never`: the process of this run did not come to be, so nothing can have reached it. */
  | {
      readonly type: "exit";
      readonly code: number | null;
      readonly stderrTail: string;
      readonly never?: boolean;
    };

export type Effect =
  | { readonly do: "spawn"; readonly run: number }
  | { readonly do: "prompt"; readonly input: number }
  | { readonly do: "interrupt" }
  | { readonly do: "answer"; readonly permission: string }
  | { readonly do: "end"; readonly gently: boolean }
  | { readonly do: "inspect_tree" }
  | { readonly do: "purge" }
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
      readonly state: "allowed" | "denied" | "withdrawn";
      readonly by: "user" | "policy" | "timeout" | "agent" | "turn_end" | "exit";
      readonly answer?: {
        readonly decision: Answer["decision"];
        readonly message?: string;
        readonly answers?: NonNullable<Answer["answers"]>;
      };
    }
  | { readonly do: "event"; readonly type: string; readonly data: Readonly<Record<string, unknown>> }
  | {
      readonly do: "notice";
      readonly event: NoticeEvent;
      readonly turns: readonly string[];
      readonly permission?: string;
      readonly error?: TurnError;
    };

export type InputState = "queued" | "written" | "accepted" | "ended" | "unknown" | "cancelled";
export type NoticeEvent = "agent_completed" | "agent_error" | "agent_aborted" | "agent_exited" | "agent_waiting_input";

export interface Limits {
  readonly parkIdleMs: number;
  readonly turnTimeoutMs: number;
  readonly stallWarnMs: number;
  readonly permissionTimeoutMs: number;
}

/** What the reducer may know besides the state. */
export interface Surroundings {
  readonly nowMs: number;
  readonly source: CauseSource;
  readonly agentId: string;
  readonly permissions: PermissionMode;
  readonly oneshot: boolean;
  readonly redelivery: "dedupe" | "history" | "none";
  readonly tornLine: "restart" | "newline";
  readonly startDeadlineMs: number;
  readonly limits: Limits;
}

export interface Outcome {
  readonly state: AgentState;
  readonly effects: readonly Effect[];
}

/** How long an interrupt may take before a timed-out turn's process is ended, and before `abort` answers 504. */
export const INTERRUPT_GRACE_MS = 10_000;

export function initialState(nowMs: number): AgentState {
  return {
    status: "idle",
    cause: { source: "api", detail: "created" },
    process: "none",
    rest: "idle",
    run: 0,
    ready: false,
    spawnedAt: 0,
    intent: null,
    wanted: false,
    starts: 1,
    turns: 0,
    turn: null,
    lastTurn: null,
    queue: [],
    flight: null,
    held: false,
    permissions: 0,
    open: [],
    background: 0,
    retrying: null,
    usage: {},
    session: null,
    lastFrameAt: nowMs,
    stalled: false,
    quietSince: nowMs,
    unnoticed: [],
    startFailed: false,
    startError: null,
    stale: false,
  };
}

export function isBusy(status: Status): boolean {
  return status === "starting" || status === "processing" || status === "waiting_input";
}
