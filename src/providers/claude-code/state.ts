/** What the Claude codec remembers between two lines: plain JSON, stored with the read offset. */
import { requestLine } from "./wire.ts";
import type { Fields } from "../read.ts";
import type { Draft as DraftOf } from "../draft.ts";
import { patch, send } from "../draft.ts";
import type { TurnError, TurnOutcome } from "../../words/agent.ts";
import type { LimitFound } from "../../words/limits.ts";

export interface ClaudeState {
  readonly ready: boolean;
  /** The handshake failed: whatever the dying process still says changes nothing. */
  readonly refused: boolean;
  /** As told by the program; null = it has not shown that the conversation is on disk. */
  readonly session: string | null;
  /** The conversation this process was asked to resume. */
  readonly resuming: string | null;
  /** Number of our next control request. */
  readonly next: number;
  /** Our control requests without a response, by id. */
  readonly asked: Readonly<Record<string, "initialize" | "interrupt" | "grants">>;
  /** The program's own word of what it does. */
  readonly says: "idle" | "running" | "requires_action";
  /** A turn is open: an input was written, or the program began by itself. */
  readonly turn: boolean;
  /** Inputs of this process without a terminal `command_lifecycle`. */
  readonly inputs: Readonly<Record<string, "written" | "queued" | "started">>;
  /** What the open turn has shown so far of how it ends. */
  readonly ending: Ending;
  /** The message whose blocks are arriving. `streamed`: its `message_stop` will tell its end. */
  readonly message: { readonly key: string; readonly streamed: boolean; readonly parts: boolean } | null;
  /** Open messages of sub-agents, by sub-agent. */
  readonly subagents: Readonly<Record<string, string>>;
  /** Permission requests that the program waits for, by its id. */
  readonly open: Readonly<Record<string, { readonly call: string; readonly answered: boolean }>>;
  /**
   * Requests that were allowed for good, exactly: the program's own rules leave out some that a person has just
   * allowed.
   */
  readonly always: readonly string[];
  /** The newest plan: the request to approve it does not repeat its text. */
  readonly plan: { readonly call: string; readonly text: string } | null;
  readonly retrying: boolean;
  readonly tasks: number;
  readonly answers: Answers;
}

interface Figures {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

/** What the model's answers used since the last totals. */
export interface Answers {
  /** The message under way: of the agent itself under the empty name, and of each sub-agent. */
  readonly lanes: Readonly<Record<string, Figures & { readonly id: string }>>;
  /** Of the messages before those. */
  readonly sum: Figures;
}

export const noAnswers: Answers = { lanes: {}, sum: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 } };

export interface Ending {
  /** Of the last `result`; null = none yet. */
  readonly result: { readonly outcome: TurnOutcome; readonly error?: TurnError; readonly limit?: LimitFound } | null;
  /** Code of the last API error that was shown as a message. */
  readonly apiError: string | null;
  /** The account cannot work on: of the last API error that was shown. */
  readonly limit: LimitFound | null;
  /** What the API refused last for want of allowance, as long as nothing else is known of it. */
  readonly rejected: { readonly scope: string; readonly resetsAt: number | null } | null;
  /** An input was completed without having run in this process: an earlier one had it. */
  readonly duplicate: boolean;
  /** An input was cancelled before the model saw it. */
  readonly cancelled: boolean;
  /** We asked for an interrupt when the answer was there and only background work kept the turn open. */
  readonly cutShort: boolean;
  /** An interrupt came before the program could obey: it is asked again when the input starts. */
  readonly interruptAgain: boolean;
}

export const noEnding: Ending = {
  result: null,
  apiError: null,
  limit: null,
  rejected: null,
  duplicate: false,
  cancelled: false,
  cutShort: false,
  interruptAgain: false,
};

export function initialState(resuming: string | null): ClaudeState {
  return {
    ready: false,
    refused: false,
    session: resuming,
    resuming,
    next: 1,
    asked: {},
    says: "idle",
    turn: false,
    inputs: {},
    ending: noEnding,
    message: null,
    subagents: {},
    open: {},
    always: [],
    plan: null,
    retrying: false,
    tasks: 0,
    answers: noAnswers,
  };
}

export type Draft = DraftOf<ClaudeState>;

export function patchEnding(work: Draft, changes: Partial<Ending>): void {
  patch(work, { ending: { ...work.state.ending, ...changes } });
}

/** Sends a control request and remembers what its response will be about. */
export function ask(work: Draft, purpose: ClaudeState["asked"][string], request: Fields): void {
  const id = `ah-${work.state.next}`;
  patch(work, { next: work.state.next + 1, asked: { ...work.state.asked, [id]: purpose } });
  send(work, requestLine(id, request));
}
