/** What the Pi codec remembers between two lines: plain JSON, stored with the read offset. */
import type { PiTotals } from "./wire.ts";
import type { Draft as DraftOf } from "../draft.ts";
import { send } from "../draft.ts";
import type { Fields } from "../read.ts";

export interface PiState {
  /** Handshake commands whose responses are missing; empty = ready. */
  readonly awaited: readonly string[];
  readonly refused: boolean;
  readonly session: string | null;
  /** Was a model given? Otherwise Pi chooses one by itself, which is said in a note. */
  readonly modelGiven: boolean;
  /** The prompt whose turn has not ended. */
  readonly prompt: {
    readonly key: string;
    /** Pi has answered the command. */
    readonly answered: boolean;
    /** A run was going on when it was sent, so it waits in Pi's own queue. */
    readonly queued: boolean;
    readonly accepted: boolean;
  } | null;
  /**
   * `started`: agent_start came, and no attempt of this run has ended since; an agent_settled now belongs to something
   * else. `ending`: an attempt has ended (agent_end or turn_end); more may follow until agent_settled.
   */
  readonly run: "none" | "started" | "ending";
  /** `wanted`: an abort before agent_start would be answered and do nothing, so it waits. */
  readonly interrupt: "none" | "wanted" | "sent";
  /** How the last assistant message of the run ended. */
  readonly last: { readonly stopReason: string; readonly error: string } | null;
  /** Assistant and tool messages of this process so far: makes the keys of parts. */
  readonly messages: number;
  readonly retrying: boolean;
  /** Tool calls that run now. */
  readonly tools: readonly string[];
  readonly dialogs: Readonly<Record<string, OpenDialog>>;
  /** What was allowed for the agent's life; asked for again by a new process, answered by us. */
  readonly grants: readonly string[];
  readonly totals: PiTotals;
  readonly history: HistoryCheck | null;
  /** A line that it could not read was told; more are only counted. */
  readonly torn: boolean;
}

export interface OpenDialog {
  /** The tool call that waits for it; null = unknown. */
  readonly call: string | null;
  readonly answered: boolean;
  /** Answered by us, because of an earlier "allow_always". */
  readonly granted: boolean;
}

/** The question whether inputs that were written, but not confirmed, ever reached Pi. */
export interface HistoryCheck {
  readonly inputs: readonly {
    readonly key: string;
    readonly text: string;
    readonly raw: boolean;
    readonly writtenAtMs: number;
    readonly sameBefore?: number;
  }[];
  /** What is waited for: the end of the handshake, then the answers to two questions. */
  readonly stage: "handshake" | "users" | "entries";
}

export const emptyTotals: PiTotals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cost: 0 };

export const initialState: PiState = {
  awaited: [],
  refused: false,
  session: null,
  modelGiven: false,
  prompt: null,
  run: "none",
  interrupt: "none",
  last: null,
  messages: 0,
  retrying: false,
  tools: [],
  dialogs: {},
  grants: [],
  totals: emptyTotals,
  torn: false,
  history: null,
};

export type Draft = DraftOf<PiState>;

/** One command for Pi. A line that is JSON `null` would crash it, so only objects are ever written. */
export function command(work: Draft, fields: Fields): void {
  send(work, JSON.stringify(fields));
}
