/**
 * What the ACP codec must remember between two lines, as plain JSON, and the small moves that several of its files
 * make.
 */
import { rpcLines, type RpcId } from "../../lib/jsonrpc.ts";
import type { ProviderFact, Step } from "../contract.ts";
import type { Fields } from "../read.ts";
import type { PermissionMode } from "../../words/kinds.ts";
import type { Usage } from "../../words/said.ts";

/**
 * "initialize" → "open" (session/new or resume) or "load" → "model" (only where one is set) or "sync" (after load) →
 * "ready". "login" comes in between when the session wants one that needs no person.
 */
export const PHASES = ["initialize", "open", "load", "login", "model", "sync", "ready", "failed"] as const;
export type Phase = (typeof PHASES)[number];

export interface AcpState {
  readonly phase: Phase;
  readonly nextId: number;
  /** Id of our open handshake request. */
  readonly waiting: number | null;
  readonly setup: Setup;
  /** The request that opens the session, to be sent again after a login; null once it was sent again. */
  readonly opening: Opening | null;
  readonly agent: Agent;
  readonly session: string | null;
  /** The conversation's id is told with its first accepted prompt: an agent need not keep an empty session. */
  readonly sessionTold: boolean;
  /** Sent before the first input of a new session; ACP has no system prompt. */
  readonly preamble: string | null;
  readonly prompt: OpenPrompt | null;
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

export interface Agent {
  readonly name: string;
  readonly version: string | null;
  readonly authMethods: readonly { readonly id: string; readonly name: string }[];
}

export interface OpenPrompt {
  readonly id: number;
  readonly key: string;
  readonly accepted: boolean;
  readonly cancelling: boolean;
}

/** The message that is being streamed: ACP v1 never sends a text whole. */
export interface OpenMessage {
  readonly key: string;
  readonly messageId: string | null;
  /** A part of it went out as a fact. */
  readonly begun: boolean;
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

export function step(
  state: AcpState,
  facts: readonly ProviderFact[] = [],
  out: readonly string[] = [],
): Step<AcpState> {
  return { state, facts, lines: out };
}

/** Takes the next of our request ids; the agent numbers its own requests on its own. */
export function takeId(state: AcpState): { readonly state: AcpState; readonly id: number } {
  return { state: { ...state, nextId: state.nextId + 1 }, id: state.nextId };
}

export function takeMessageKey(state: AcpState): { readonly state: AcpState; readonly key: string } {
  return { state: { ...state, messages: state.messages + 1 }, key: `m${state.messages + 1}` };
}
