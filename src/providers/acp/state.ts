/**
 * What the ACP codec must remember between two lines, as plain JSON, and the small moves that several of its files
 * make.
 */
import { rpcLines, type RpcId } from "../../lib/jsonrpc.ts";
import type { Draft as DraftOf } from "../draft.ts";
import { patch, send } from "../draft.ts";
import type { Fields } from "../read.ts";
import type { TurnError, TurnOutcome } from "../../words/agent.ts";
import type { PermissionMode } from "../../words/kinds.ts";
import type { Usage } from "../../words/said.ts";

/**
 * "initialize" → "open" (session/new or resume) or "load" → "mode" (where the agent would act unasked) → "model" (only
 * where one is set) → "sync" (after load) → "ready". "login" comes in between when the session wants one that needs no
 * person.
 */
export const PHASES = ["initialize", "open", "load", "login", "mode", "model", "sync", "ready", "failed"] as const;
export type Phase = (typeof PHASES)[number];

export interface AcpState {
  readonly phase: Phase;
  readonly nextId: number;
  /** Id of our open handshake request. */
  readonly waiting: number | null;
  readonly setup: Setup;
  /** What is left to be set before the agent is ready. */
  readonly offered: Offered | null;
  /** The mode in which the agent asks before it acts, where it has such a one. */
  readonly askingMode: string | null;
  /** The request that opens the session, to be sent again after a login; null once it was sent again. */
  readonly opening: Opening | null;
  readonly agent: Agent;
  readonly session: string | null;
  /** The conversation's id is told with its first accepted prompt: an agent need not keep an empty session. */
  readonly sessionTold: boolean;
  /** Sent before the first input of a new session; ACP has no system prompt. */
  readonly preamble: string | null;
  readonly prompt: OpenPrompt | null;
  /** The prompt was answered, but its last words may still be on their way. */
  readonly ending: Ending | null;
  /** Counts the signs of life behind the answers to prompts. */
  readonly late: number;
  /** The last message of the turn: a late chunk with its id still belongs to it. */
  readonly closed: { readonly key: string; readonly messageId: string | null } | null;
  readonly message: OpenMessage | null;
  readonly tools: Readonly<Record<string, Tool>>;
  /** Permission requests that the agent waits on, by our id of the question. */
  readonly asks: Readonly<Record<string, Ask>>;
  readonly asked: number;
  readonly messages: number;
  readonly usage: Usage;
}

export interface Opening {
  readonly phase: "open" | "load";
  readonly method: string;
  readonly params: Fields;
}

export interface Setup {
  readonly cwd: string;
  readonly resume: string | null;
  readonly model: string | null;
  readonly permissions: PermissionMode;
  /** Id of the login method that the environment's key is for. */
  readonly login: string | null;
  /** How a person starts the program, for messages that say how to log in. */
  readonly program: string;
}

/** How the session is set up, as the agent told when it opened it; null = all of it is set. */
export interface Offered {
  readonly loaded: boolean;
  readonly model: { readonly method: string; readonly params: Fields } | null;
}

export interface Agent {
  /** For people. */
  readonly name: string;
  /** What the program calls itself. */
  readonly program: string | null;
  /** Does it take pictures in a prompt? */
  readonly images: boolean;
  readonly version: string | null;
  readonly authMethods: readonly {
    readonly id: string;
    readonly name: string;
    /** The agent's own words for what a person has to do; empty where it has none. */
    readonly description: string;
  }[];
}

export interface OpenPrompt {
  readonly id: number;
  readonly key: string;
  readonly accepted: boolean;
  readonly cancelling: boolean;
  /** The agent tells its tokens call by call. */
  readonly counted: boolean;
}

export interface Ending {
  readonly outcome: TurnOutcome;
  readonly error: TurnError | null;
  /** What `late` was when the answer came: tells it from other endings. */
  readonly of: number;
}

/** The message that is being streamed: ACP v1 never sends a text whole. */
export interface OpenMessage {
  readonly key: string;
  readonly messageId: string | null;
  /** A part of it went out as a fact. */
  readonly begun: boolean;
  /** Text of it came, so `messageId` is known to be its id, or that it has none. */
  readonly spoken: boolean;
  /** The block that still grows. */
  readonly block: { readonly type: "text" | "thinking"; readonly text: string };
}

export interface Tool {
  readonly title: string;
  readonly kind: string;
  readonly name: string | null;
  readonly input: unknown;
  readonly output: string;
  /** tool_use went out. */
  readonly used: boolean;
  /** tool_result went out: later updates are repeats. */
  readonly done: boolean;
}

export interface Ask {
  readonly rpc: RpcId;
  readonly toolCallId: string;
  readonly answered: boolean;
}

export const lines = rpcLines({ header: true });

export function initialState(setup: Setup): AcpState {
  return {
    phase: "initialize",
    nextId: 1,
    waiting: null,
    setup,
    offered: null,
    askingMode: null,
    opening: null,
    agent: { name: "the agent", program: null, images: false, version: null, authMethods: [] },
    session: setup.resume,
    sessionTold: false,
    preamble: null,
    prompt: null,
    ending: null,
    late: 0,
    closed: null,
    message: null,
    tools: {},
    asks: {},
    asked: 0,
    messages: 0,
    usage: {},
  };
}

export type Draft = DraftOf<AcpState>;

/** Takes the next of our request ids; the agent numbers its own requests on its own. */
function takeId(draft: Draft): number {
  const { nextId } = draft.state;
  patch(draft, { nextId: nextId + 1 });
  return nextId;
}

export function takeMessageKey(draft: Draft): string {
  const messages = draft.state.messages + 1;
  patch(draft, { messages });
  return `m${messages}`;
}

export function request(draft: Draft, method: string, params: Fields): number {
  const id = takeId(draft);
  send(draft, lines.request(id, method, params));
  return id;
}
