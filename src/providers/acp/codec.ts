/**
 * The codec of kind `acp`: any program that speaks the Agent Client Protocol, version 1, on its stdin and stdout.
 * Owns which line goes to which part of the protocol; the parts are in `acp/`. Nothing here knows a single program.
 * Source: https://agentclientprotocol.com (schema v1); the id spaces of the two sides are independent and begin at 0.
 */
import { classifyRpc, METHOD_NOT_FOUND, type RpcId } from "../../lib/jsonrpc.ts";
import { begin, proceed, refused } from "./handshake.ts";
import { answered, asked, askWithdrawn } from "./permissions.ts";
import { programExtras } from "./programs.ts";
import { type AcpState, lines, step } from "./state.ts";
import { readAcpState } from "./stored.ts";
import { beforeAsk, cancelPrompt, lastWords, promptAnswered, promptFailed, sendPrompt, sessionUpdate } from "./turn.ts";
import type { Codec, LaunchContext, ProviderFact, Step } from "../contract.ts";
import { isFields, maybeText } from "../read.ts";

export type { AcpState } from "./state.ts";

export const acpCodec: Codec<AcpState> = {
  kind: "acp",
  traits: {
    // No id of ours survives in an agent, and no history can be asked for a single input.
    redelivery: "none",
    tornLine: "newline",
    oneshot: false,
    // Some agents are started through a package runner that may have to unpack them first.
    startDeadlineMs: 60_000,
    // The agent's own figure for the session; tokens are added up here.
    carriedTotals: ["costUsd"],
    maxPromptChars: null,
    passEnv: [],
    stripEnv: [],
  },

  launch(context) {
    return { argv: [...context.command, ...context.args], env: programExtras(context).env };
  },

  start(context) {
    const first = begin(context);
    return { ...first, facts: [...first.facts, ...limits(context.launch)] };
  },

  /** Ids go on from the state; the agent notices nothing. */
  adopt(before, { unsettled, interrupting }) {
    let next = step(before);
    for (const answer of unsettled) next = joined(next, answered(next.state, answer));
    return interrupting ? joined(next, cancelPrompt(next.state)) : next;
  },

  isFrame: (json) => maybeText(json, "jsonrpc") === "2.0" && classifyRpc(json).kind !== "invalid",

  frame(state, { json }) {
    const message = classifyRpc(json);
    switch (message.kind) {
      case "request":
        return message.method === "session/request_permission"
          ? permission(state, message.id, message.params)
          : unsupported(state, message.id, message.method);
      case "notification":
        return notification(state, message.method, message.params);
      case "result":
        if (message.id === state.prompt?.id) return promptAnswered(state, message.result);
        if (message.id === state.waiting) return proceed(state, message.result);
        return step(state, [{ type: "unknown_frame", kind: "answer to nothing" }]);
      case "error":
        if (message.id !== null && message.id === state.prompt?.id) return promptFailed(state, message.error);
        if (message.id !== null && message.id === state.waiting) return refused(state, message.error);
        return step(state, [{ type: "note", level: "warn", code: "protocol_error", message: message.error.message }]);
      case "invalid":
        return step(state, [{ type: "unknown_frame", kind: message.reason }]);
    }
  },

  read: readAcpState,
  prompt: sendPrompt,
  interrupt: cancelPrompt,
  answer: answered,

  /** ACP has no word for goodbye. A running turn is cancelled, so that the agent can write its history down. */
  farewell(state) {
    if (state.prompt === null) return { lines: [], graceMs: 0 };
    return { lines: cancelPrompt(state).lines, graceMs: 1_000 };
  },

  exit: lastWords,
};

function permission(before: AcpState, id: RpcId, params: unknown): Step<AcpState> {
  const { state, facts } = beforeAsk(before);
  return joined(step(state, facts), asked(state, id, params));
}

/**
 * Files and terminals were not offered, but some agents ask all the same; a request left open would hang their turn.
 */
function unsupported(state: AcpState, id: RpcId, method: string): Step<AcpState> {
  const error = { code: METHOD_NOT_FOUND, message: `this client does not support ${method}` };
  return step(state, [{ type: "unknown_frame", kind: `request ${method}` }], [lines.error(id, error)]);
}

function notification(state: AcpState, method: string, params: unknown): Step<AcpState> {
  if (method === "session/update") return sessionUpdate(state, params);
  const requestId = method === "$/cancel_request" && isFields(params) ? params["requestId"] : undefined;
  if (typeof requestId === "number" || typeof requestId === "string") return askWithdrawn(state, requestId);
  return step(state, [{ type: "unknown_frame", kind: `notification ${method}` }]);
}

/** What an agent of this kind cannot be held to. */
function limits(launch: LaunchContext): readonly ProviderFact[] {
  if (launch.trusted || programExtras(launch).enforcesTrust) return [];
  const message =
    "ACP cannot keep the agent from loading what the untrusted project brings (settings, hooks, MCP servers): switch that off in providers.X.args";
  return [{ type: "note", level: "warn", code: "trust_not_enforced", message }];
}

function joined(first: Step<AcpState>, second: Step<AcpState>): Step<AcpState> {
  return { state: second.state, facts: [...first.facts, ...second.facts], lines: [...first.lines, ...second.lines] };
}
