/** Every type of event there is: what it says, and the shape of its data. Streams, docs and the CLI are made of it. */
import type { Cause, CauseFrame, ClosingStep, EndedTurn, InputState, Retrying, Status, TurnOrigin } from "./agent.ts";
import type { Standing } from "./budget.ts";
import type { Decision, Message, PermissionKind, SettledState, Settler } from "./said.ts";
import type { WorkFigures, WorkspaceKind } from "./workspace.ts";

export const EVENT_TYPES = {
  project_created: "a project was made",
  project_updated: "a project was changed",
  project_deleted: "a project was forgotten",
  agent_created: "an agent was made",
  agent_updated: "its settings were changed",
  agent_deleted: "it was forgotten",
  agent_status: "from, to and the cause",
  agent_stalled: "no progress for limits.stallWarnMs, or limits.toolStallWarnMs while a tool runs",
  agent_resumed_output: "frames again after a stall",
  turn_started: "id and origin of the turn",
  turn_closing: "the program has ended its turn; what is done before that counts has begun",
  turn_ended: "the turn with its outcome",
  turn_timeout: "limits.turnTimeoutMs is over, the turn is being interrupted",
  input: "an input and its new state",
  message: "a whole message",
  permission_requested: "the agent waits for an answer",
  permission_settled: "allowed, denied or withdrawn, and by whom",
  agent_budget: "a budget is nearly spent, or holds what waits",
  retrying: "the program repeats a failed model call",
  background: "how many background tasks live",
  workspace: "an agent's own folder was made",
  snapshot: "what lies in an agent's folder was kept",
  note: "something worth knowing that changes no status",
  delivery: "a webhook was delivered, or is dead",
  delta: "streamed text, without id, never replayed",
  activity: "what an agent does now, in a line; without id, never replayed, at most one a second",
} as const;

export type EventType = keyof typeof EVENT_TYPES;
export const EVENT_NAMES = Object.keys(EVENT_TYPES) as readonly EventType[] as readonly [EventType, ...EventType[]];

/** A turn as it is told: times as text. */
export type ToldTurn = Omit<EndedTurn, "startedAt" | "endedAt" | "parked"> & {
  readonly startedAt: string;
  readonly endedAt: string;
  /** When it waited for its account. */
  readonly parked?: readonly { readonly from: string; readonly to: string | null }[];
};

/** `frame`: the line that decided it, where one did. */
export type ToldCause = Omit<Cause, "at"> & { readonly at: string; readonly frame?: CauseFrame };

/** A message that is too large to be repeated is named. */
export type ToldMessage =
  Message | (Pick<Message, "id" | "key" | "turnId" | "role" | "createdAt"> & { readonly omitted: true });

interface Named {
  readonly id: string;
  readonly name: string | null;
}

/** Stored events by type. */
export interface EventData {
  readonly project_created: { readonly project: { readonly name: string } };
  readonly project_updated: { readonly project: { readonly name: string } };
  readonly project_deleted: { readonly project: { readonly name: string } };
  readonly agent_created: { readonly agent: Named & { readonly provider: string } };
  readonly agent_updated: { readonly agent: Named };
  readonly agent_deleted: { readonly agent: Named };
  readonly agent_status: { readonly from: Status; readonly to: Status; readonly cause: ToldCause };
  readonly agent_stalled: {
    readonly turn: string | undefined;
    readonly silentMs: number;
    /** The one that runs. */
    readonly tool: string | null;
  };
  readonly agent_resumed_output: { readonly turn: string | undefined };
  readonly turn_started: { readonly turn: { readonly id: string; readonly origin: TurnOrigin } };
  readonly turn_closing: { readonly turn: string; readonly step: ClosingStep };
  readonly turn_ended: { readonly turn: ToldTurn };
  readonly turn_timeout: { readonly turn: string | undefined; readonly limitMs: number };
  readonly input: {
    readonly input: { readonly n: number; readonly state: InputState; readonly turnId: string | null };
  };
  readonly message: { readonly message: ToldMessage };
  readonly permission_requested: {
    readonly permission: {
      readonly id: string;
      readonly kind: PermissionKind;
      readonly tool: string;
      readonly title: string;
      readonly options: readonly Decision[];
    };
  };
  readonly permission_settled: {
    readonly permission: { readonly id: string; readonly state: SettledState; readonly by: Settler };
  };
  readonly agent_budget: { readonly budget: Standing };
  readonly retrying: Retrying;
  readonly background: { readonly tasks: number };
  readonly workspace: {
    readonly workspace: { readonly kind: WorkspaceKind; readonly path: string; readonly branch: string | null };
  };
  /** What it comes to since the first. */
  readonly snapshot: { readonly snapshot: { readonly id: string; readonly skipped: number } & WorkFigures };
  readonly note: { readonly level: "info" | "warn"; readonly code: string; readonly message: string };
  readonly delivery: {
    readonly delivery: { readonly id: string; readonly event: string; readonly state: string };
  };
}

/** Shown live and never stored: without an id, not replayed. */
export type LiveEvent = "delta" | "activity";
export type StoredEvent = Exclude<EventType, LiveEvent>;

/** One event with the data of its type: `told("note", { level, code, message })`. */
export type Told = {
  readonly [T in StoredEvent]: { readonly type: T; readonly data: Each<EventData>[T] };
}[StoredEvent];

/** Every type of event says what its data is. */
type Each<D extends Readonly<Record<StoredEvent, object>>> = D;
