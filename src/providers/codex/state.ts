/**
 * What the Codex codec remembers between two lines, and the draft in which one line is worked out. Plain JSON, small:
 * what was said goes out as facts at once.
 */
import type { ProviderFact } from "../contract.ts";
import { rpc } from "./wire.ts";
import type { Fields } from "../read.ts";
import type { Draft as DraftOf } from "../draft.ts";
import { patch, send } from "../draft.ts";

/** A request of ours that has no answer yet. */
export type Call =
  | { readonly kind: "initialize" }
  /** Is there a login? Asked by a probe only. */
  | { readonly kind: "account" }
  | { readonly kind: "open"; readonly resumed: boolean }
  /** Which of these inputs are in the stored conversation? */
  | { readonly kind: "history"; readonly keys: readonly string[] }
  | { readonly kind: "turn"; readonly key: string }
  | { readonly kind: "interrupt" }
  /** Ends the background commands. */
  | { readonly kind: "clean" }
  /** Which commands run in the background? */
  | { readonly kind: "terminals" }
  /** After an adoption: answered strictly after everything that was written before it. */
  | { readonly kind: "barrier"; readonly keys: readonly string[] };

/** What the handshake still needs; dropped when it is over. */
export interface Opening {
  readonly session: string | null;
  /** For `thread/start` and `thread/resume` alike. */
  readonly params: Fields;
  readonly unconfirmed: readonly string[];
  readonly version: string;
  readonly probe: boolean;
}

export interface OpenItem {
  readonly thread: string;
  readonly turn: string;
  readonly command: boolean;
  /** What an approval of a file change needs, for its request names the item only. */
  readonly changes?: unknown;
}

export interface Ask {
  readonly thread: string;
  readonly permission: Extract<ProviderFact, { type: "permission" }>;
}

/** An allowance; `resetsAt` in epoch ms. */
export interface Window {
  readonly scope: string;
  readonly usedPercent: number;
  readonly resetsAt: number | null;
}

export interface Reply {
  readonly thread: string;
  readonly line: string;
}

export interface CodexState {
  /** Counts on over daemon lives, so that an answer to an earlier life is never taken for a new one. */
  readonly nextId: number;
  readonly calls: Readonly<Record<string, Call>>;
  readonly opening: Opening | null;
  readonly thread: string | null;
  /**
   * `key`: the input that it answers, as long as Codex has not shown that it has it. `begun`: it can be interrupted.
   */
  readonly turn: { readonly id: string; readonly key: string | null; readonly begun: boolean } | null;
  /** An answer to `turn/start` may come after its turn ended, and must not open it again. */
  readonly lastEnded: string;
  readonly interrupting: boolean;
  /** Open requests of the server that wait for a person, by `rpcIdKey`. */
  readonly asks: Readonly<Record<string, Ask>>;
  /** Our own answers to requests, until Codex says that they are settled: a daemon may die before it wrote one. */
  readonly replies: Readonly<Record<string, Reply>>;
  /** Tool calls without a result, by item id. */
  readonly items: Readonly<Record<string, OpenItem>>;
  /** Running turns of sub-agents: thread → turn. */
  readonly others: Readonly<Record<string, string>>;
  /** As last told. */
  readonly background: number;
  readonly retrying: boolean;
  /** A refused call (429) was announced to be tried again, and nothing came since. */
  readonly stuck: boolean;
  /** How many such there were. */
  readonly refusals: number;
  /** The account's allowances, as last told. */
  readonly windows: readonly Window[];
  readonly grants: readonly string[];
  /** Warnings that were passed on; Codex repeats them every turn. */
  readonly warned: readonly string[];
  /** What the threads of sub-agents told last, and what all of them used in this process. */
  readonly subagents: { readonly threads: Readonly<Record<string, ThreadTotals>>; readonly sum: ThreadTotals };
}

/** As Codex counts: what came from the cache is among the input. */
export interface ThreadTotals {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
}

const NOTHING: ThreadTotals = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 };

export const EMPTY: CodexState = {
  nextId: 1,
  calls: {},
  opening: null,
  thread: null,
  turn: null,
  lastEnded: "",
  interrupting: false,
  asks: {},
  replies: {},
  items: {},
  others: {},
  background: 0,
  retrying: false,
  stuck: false,
  refusals: 0,
  windows: [],
  grants: [],
  warned: [],
  subagents: { threads: {}, sum: NOTHING },
};

export type Draft = DraftOf<CodexState>;

/** Sends a request and remembers what its answer will mean. */
export function ask(draft: Draft, call: Call, method: string, params: Fields): void {
  const id = draft.state.nextId;
  patch(draft, { nextId: id + 1, calls: { ...draft.state.calls, [String(id)]: call } });
  send(draft, rpc.request(id, method, params));
}

export function isOwn({ thread }: CodexState, threadId: string): boolean {
  return thread !== null && threadId === thread;
}

/** Parts of other threads carry the thread, so that a sub-agent is never taken for the agent. */
export function subagentOf(state: CodexState, threadId: string): { readonly subagent?: string } {
  return isOwn(state, threadId) || threadId === "" ? {} : { subagent: threadId };
}
