/**
 * The codec of kind `acp`: any program that speaks the Agent Client Protocol, version 1, on its stdin and stdout.
 * Owns which line goes to which part of the protocol; the parts are in `acp/`. Nothing here knows a single program.
 * Source: https://agentclientprotocol.com (schema v1); the id spaces of the two sides are independent and begin at 0.
 */
import { classifyRpc, METHOD_NOT_FOUND, type RpcId } from "../../lib/jsonrpc.ts";
import type { Codec, LaunchContext } from "../contract.ts";
import { type Draft as DraftOf, draftOf, note, say, send, stepOf } from "../draft.ts";
import { isFields, maybeText } from "../read.ts";
import { begin, proceed, refused } from "./handshake.ts";
import { answered, asked, askWithdrawn } from "./permissions.ts";
import { processesOf, programExtras } from "./programs.ts";
import { type AcpState, type Draft, lines } from "./state.ts";
import { readAcpState } from "./stored.ts";
import {
  beforeAsk,
  cancelPrompt,
  lastWords,
  promptAnswered,
  promptFailed,
  quiet,
  sendPrompt,
  sessionUpdate,
  silence,
  stillTalks,
} from "./turn.ts";

export type { AcpState } from "./state.ts";

/** One step of this codec. */
function worked(state: AcpState, work: (draft: Draft) => void) {
  const draft: DraftOf<AcpState> = draftOf(state);
  work(draft);
  return stepOf(draft);
}

export const acpCodec: Codec<AcpState> = {
  kind: "acp",
  traits: {
    // No id of ours survives in an agent, and no history can be asked for a single input.
    redelivery: "none",
    tornLine: "newline",
    oneshot: false,
    // Some agents are started through a package runner that may have to unpack them first.
    startDeadlineMs: 60_000,
    pictures: "data",
    carriedTotals: ["costUsd"],
    // Some agents tell it, and none says beforehand whether it does.
    metering: { tokens: "no", costUsd: "no" },
    maxPromptChars: null,
    passEnv: [],
    stripEnv: [],
  },

  launch(context) {
    return { argv: [...context.command, ...context.args], env: programExtras(context).env };
  },

  read: readAcpState,
  isFrame: (json) => maybeText(json, "jsonrpc") === "2.0" && classifyRpc(json).kind !== "invalid",

  start(context) {
    const draft = begin(context);
    sayLimits(draft, context.launch);
    return stepOf(draft);
  },

  /** Ids go on from the state; the agent notices nothing. */
  adopt: (state, { unsettled, interrupting }) =>
    worked(state, (draft) => {
      for (const answer of unsettled) answered(draft, answer);
      if (interrupting) cancelPrompt(draft);
    }),

  frame: (state, { json }) =>
    worked(state, (draft) => {
      onMessage(draft, json);
      stillTalks(draft);
    }),

  silence,
  quiet: (state) => worked(state, quiet),
  prompt: (state, input) => worked(state, (draft) => sendPrompt(draft, input)),
  interrupt: (state) => worked(state, cancelPrompt),
  answer: (state, answer) => worked(state, (draft) => answered(draft, answer)),

  /** ACP has no word for goodbye. A running turn is cancelled, so that the agent can write its history down. */
  farewell(state) {
    if (state.prompt === null) return { lines: [], graceMs: 0 };
    return { lines: worked(state, cancelPrompt).lines, graceMs: 1_000 };
  },

  ownProcesses: ({ agent }) => processesOf(agent.program),
  exit: (state) => worked(state, lastWords).facts,
};

function onMessage(draft: Draft, json: unknown): void {
  const message = classifyRpc(json);
  const { prompt, waiting } = draft.state;
  switch (message.kind) {
    case "request":
      if (message.method !== "session/request_permission") return unsupported(draft, message.id, message.method);
      beforeAsk(draft);
      return asked(draft, message.id, message.params);
    case "notification":
      return notification(draft, message.method, message.params);
    case "result":
      if (message.id === prompt?.id) return promptAnswered(draft, message.result);
      if (message.id === waiting) return proceed(draft, message.result);
      return say(draft, { type: "unknown_frame", kind: "answer to nothing" });
    case "error":
      if (message.id !== null && message.id === prompt?.id) return promptFailed(draft, message.error);
      if (message.id !== null && message.id === waiting) return refused(draft, message.error);
      return note(draft, "warn", "protocol_error", message.error.message);
    case "invalid":
      return say(draft, { type: "unknown_frame", kind: message.reason });
  }
}

/**
 * Files and terminals were not offered, but some agents ask all the same; a request left open would hang their turn.
 */
function unsupported(draft: Draft, id: RpcId, method: string): void {
  say(draft, { type: "unknown_frame", kind: `request ${method}` });
  send(draft, lines.error(id, { code: METHOD_NOT_FOUND, message: `this client does not support ${method}` }));
}

function notification(draft: Draft, method: string, params: unknown): void {
  if (method === "session/update") return sessionUpdate(draft, params);
  const requestId = method === "$/cancel_request" && isFields(params) ? params["requestId"] : undefined;
  if (typeof requestId === "number" || typeof requestId === "string") return askWithdrawn(draft, requestId);
  say(draft, { type: "unknown_frame", kind: `notification ${method}` });
}

/** What an agent of this kind cannot be held to. */
function sayLimits(draft: Draft, launch: LaunchContext): void {
  if (launch.trusted || programExtras(launch).enforcesTrust) return;
  const message =
    "ACP cannot keep the agent from loading what the untrusted project brings (settings, hooks, MCP servers): switch that off in providers.X.args";
  note(draft, "warn", "trust_not_enforced", message);
}
