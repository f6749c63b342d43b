/**
 * What is known after a storm, from three sides that do not know of each other: what our clients were promised, what
 * the fakes noted in their own journals, and what the API, the receiver and the processes of the box show at the end.
 * Plain data, so that a test can falsify it.
 */
import type { JournalRecord } from "../fakes/journal.ts";
import type { Json } from "../support/api.ts";

export interface AgentSeen {
  readonly id: string;
  readonly provider: string;
}

/** Of the box's running time, in ms, as the journals have it: no clock that is set moves it. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** What the storm did to an agent. `damaged`: what its run's files held may be gone; `shaken`: a process of it was. */
export interface Harm extends Span {
  readonly agent: string;
  readonly how: "shaken" | "damaged";
  /** Whose files were damaged. */
  readonly run: number | null;
}

/** An input as its client saw it. */
export interface Sent {
  readonly agent: string;
  /** The first line of the text; no other input has it. */
  readonly tag: string;
  /** When it was first tried. */
  readonly at: number;
  /** 202, or what it was refused with for good; null = never answered. */
  readonly status: number | null;
  readonly n: number | null;
}

/** From its asking to its answer. */
export interface Act extends Span {
  readonly agent: string;
  readonly act: "abort" | "stop" | "resume" | "cancel" | "interrupt";
  /** Of the input that was cancelled or that interrupted. */
  readonly tag: string | null;
}

/** A webhook request as it came in at the receiver's door. */
export interface Arrival {
  readonly id: string;
  readonly body: string;
  /** How the door behaved just then; null = it passed the request on. */
  readonly how: string | null;
  /** What its sender was answered; null = the connection was cut. */
  readonly status: number | null;
}

export interface Resources {
  readonly what: string;
  readonly before: number;
  readonly after: number;
}

export interface Evidence {
  readonly agents: readonly AgentSeen[];
  readonly sent: readonly Sent[];
  readonly acts: readonly Act[];
  readonly harms: readonly Harm[];
  /** By agent. */
  readonly journals: Readonly<Record<string, readonly JournalRecord[]>>;
  readonly shown: {
    readonly agents: readonly Json[];
    /** By agent. */
    readonly inputs: Readonly<Record<string, readonly Json[]>>;
    readonly messages: Readonly<Record<string, readonly Json[]>>;
    readonly events: Readonly<Record<string, readonly Json[]>>;
    readonly deliveries: readonly Json[];
  };
  readonly arrivals: readonly Arrival[];
  readonly receiver: {
    readonly deliveries: readonly Json[];
    /**
     * The short delivery id of each message in the channel, in order; but for those that its sender was told nothing
     * of.
     */
    readonly posts: readonly string[];
    /** Those that we asked for once more while they waited. */
    readonly askedAgain: readonly string[];
  };
  /** Answers that no request of ours should have got. */
  readonly badAnswers: readonly string[];
  /** Processes that should be gone, after all agents were deleted. */
  readonly left: readonly string[];
  readonly resources: readonly Resources[];
  /** What was done when and to whom, for people. */
  readonly strikes: readonly string[];
}

export type Check = (evidence: Evidence) => readonly string[];
