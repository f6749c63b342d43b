/**
 * The codec of kind `codex`: OpenAI's Codex through `codex app-server`, JSON-RPC over stdio, one process an agent.
 * Owns which line goes where; the parts are in `codex-*.ts`. Measured with 0.169.0, whose protocol is called
 * experimental.
 *
 * Traps: the two sides number their requests independently; sub-agents tell of their turns, items and questions on the
 * same stream under another thread id; `turn/start` during a turn does not queue but changes that turn.
 */
import { own } from "../../lib/own.ts";
import { classifyRpc, rpcIdKey, type RpcError } from "../../lib/jsonrpc.ts";
import { answerRequest, grantsOf, requestResolved, serverRequest } from "./approvals.ts";
import {
  accountTold,
  barrierPassed,
  historyFailed,
  historyTold,
  initialized,
  openFailed,
  opened,
  sendBarrier,
  sendInitialize,
} from "./history.ts";
import { itemCompleted, itemStarted, messageKey } from "./items.ts";
import { codexLaunch, threadParams } from "./launch.ts";
import { ask, type Call, type CodexState, type Draft, EMPTY, isOwn } from "./state.ts";
import { quiet, rateLimitsSaid, silence } from "./limit.ts";
import { readCodexState } from "./stored.ts";
import {
  commandsAlive,
  endTurn,
  errorSaid,
  interruptTurn,
  retryOver,
  tellBackground,
  terminalIds,
  turnBegan,
  turnCompleted,
  turnStarted,
  warned,
} from "./turns.ts";
import { usageSaid } from "./usage.ts";
import type { Codec } from "../contract.ts";
import { type Fields, fields, idOf, isFields, text } from "../read.ts";
import { draftOf, patch, say, send, stepOf, without } from "../draft.ts";

export type { CodexState } from "./state.ts";

export const codexCodec: Codec<CodexState> = {
  kind: "codex",
  traits: {
    redelivery: "history",
    tornLine: "newline",
    oneshot: false,
    results: {},
    startDeadlineMs: 60_000,
    // A path: as bytes in the line it is echoed several times, and takes many times as long.
    pictures: "path",
    carriedTotals: ["inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens"],
    metering: { tokens: "answer", costUsd: "no" },
    // Codex's own limit, over which it refuses the input.
    maxPromptChars: 1_048_576,
    passEnv: [
      "CODEX_HOME",
      "CODEX_API_KEY",
      "CODEX_CA_CERTIFICATE",
      "OPENAI_API_KEY",
      "OPENAI_BASE_URL",
      "OPENAI_ORGANIZATION",
      "OPENAI_PROJECT",
    ],
    // Set by Codex for what it runs, so a daemon that was started by one has them.
    stripEnv: ["CODEX_SANDBOX*", "CODEX_THREAD_ID", "CODEX_CI", "CODEX_INTERNAL_*", "CODEX_MANAGED_*"],
  },

  launch: codexLaunch,
  read: readCodexState,

  start({ launch, unconfirmed, grants, probe = false }) {
    const opening = {
      session: launch.session,
      params: threadParams(launch),
      unconfirmed: unconfirmed.map(({ key }) => key),
      version: "",
      probe,
    };
    const draft = draftOf({ ...EMPTY, opening, grants: grantsOf(grants) });
    sendInitialize(draft);
    return stepOf(draft);
  },

  /** No second handshake: Codex would refuse it. Answers sent twice are ignored by it. */
  adopt(state, { unconfirmed, unsettled, open, interrupting }) {
    const draft = draftOf(state);
    repeatOwn(draft);
    for (const id of open) {
      if (own(state.asks, id) === undefined) say(draft, { type: "permission_closed", id });
    }
    for (const answer of unsettled) answerRequest(draft, answer);
    if (interrupting) interruptTurn(draft);
    sendBarrier(
      draft,
      unconfirmed.map(({ key }) => key),
    );
    return stepOf(draft);
  },

  isFrame: (json) => classifyRpc(json).kind !== "invalid",

  frame(state, { json }, nowMs) {
    const draft = draftOf(state);
    const message = classifyRpc(json);
    switch (message.kind) {
      case "request":
        serverRequest(draft, message.id, message.method, message.params);
        break;
      case "notification":
        notification(draft, message.method, isFields(message.params) ? message.params : {}, nowMs);
        break;
      case "result":
        answered(draft, rpcIdKey(message.id), message.result);
        break;
      case "error":
        refused(draft, message.id === null ? "" : rpcIdKey(message.id), message.error);
        break;
      case "invalid":
        say(draft, { type: "unknown_frame", kind: message.reason });
    }
    return stepOf(draft);
  },

  silence,
  quiet(state) {
    const draft = draftOf(state);
    quiet(draft);
    return stepOf(draft);
  },

  prompt(state, { key, text: words, pictures = [], schema }) {
    const draft = draftOf(state);
    ask(draft, { kind: "turn", key }, "turn/start", {
      threadId: state.thread ?? "",
      clientUserMessageId: key,
      input: [
        { type: "text", text: words, text_elements: [] },
        ...pictures.map(({ path }) => ({ type: "localImage", path })),
      ],
      // Of this turn only.
      ...(schema === undefined ? {} : { outputSchema: schema }),
    });
    return stepOf(draft);
  },

  interrupt(state) {
    const draft = draftOf(state);
    interruptTurn(draft);
    return stepOf(draft);
  },

  answer(state, answer) {
    const draft = draftOf(state);
    answerRequest(draft, answer);
    return stepOf(draft);
  },

  /** Codex has no word for goodbye; it ends cleanly on SIGTERM. */
  farewell: () => ({ lines: [], graceMs: 0 }),
  /** The npm package's `codex` is a Node launcher that stays as the parent of the program. */
  ownProcesses: () => 2,
  exit: () => [],
};

/**
 * What the codec said by itself may have died with the daemon: it is said again. Prompts are not, they are kept
 * elsewhere.
 */
function repeatOwn(draft: Draft): void {
  const { calls, replies, thread } = draft.state;
  send(draft, ...Object.values(replies).map(({ line }) => line));
  patch(draft, { calls: Object.fromEntries(Object.entries(calls).filter(([, call]) => call.kind === "turn")) });
  if (thread === null) return;
  const kinds = Object.values(calls).map(({ kind }) => kind);
  if (kinds.includes("clean")) ask(draft, { kind: "clean" }, "thread/backgroundTerminals/clean", { threadId: thread });
  else if (kinds.includes("terminals"))
    ask(draft, { kind: "terminals" }, "thread/backgroundTerminals/list", { threadId: thread });
}

function takeCall(draft: Draft, id: string): Call | undefined {
  const call = own(draft.state.calls, id);
  patch(draft, { calls: without(draft.state.calls, id) });
  return call;
}

function answered(draft: Draft, id: string, result: unknown): void {
  const call = takeCall(draft, id);
  switch (call?.kind) {
    case "initialize":
      return initialized(draft, result);
    case "account":
      return accountTold(draft, result);
    case "open":
      return opened(draft, call, result);
    case "history":
      return historyTold(draft, call.keys, result);
    case "turn":
      return turnBegan(draft, idOf(fields(result, "turn"), "id"), call.key, false);
    case "clean":
      return commandsAlive(draft, []);
    case "terminals":
      return commandsAlive(draft, terminalIds(result));
    case "barrier":
      return barrierPassed(draft, call.keys, fields(fields(result, "thread"), "status"));
    case "interrupt":
      return;
    case undefined:
      say(draft, { type: "unknown_frame", kind: "answer to nothing" });
  }
}

function refused(draft: Draft, id: string, error: RpcError): void {
  const call = takeCall(draft, id);
  switch (call?.kind) {
    case "initialize":
      // Said to a second handshake, which does no harm.
      if (error.message === "Already initialized") return initialized(draft, {});
      return say(draft, { type: "start_failed", code: "START_REFUSED", message: error.message });
    case "open":
      return openFailed(draft, call, error);
    case "history":
      return historyFailed(draft, call.keys, error);
    case "turn": {
      // It never began, but Codex has read it: sending it again would change nothing.
      const code = text(error.data, "input_error_code") || "turn_refused";
      patch(draft, { interrupting: false });
      say(draft, { type: "input_accepted", key: call.key });
      return say(draft, { type: "turn_ended", outcome: "failed", error: { code, message: error.message } });
    }
    case "barrier":
      return historyFailed(draft, call.keys, error);
    case "account":
    // Refused when the turn has just ended, or nothing runs: its end tells what there is to know.
    case "interrupt":
    case "clean":
    case "terminals":
      return;
    case undefined:
      say(draft, { type: "unknown_frame", kind: `error: ${error.message}` });
  }
}

function notification(draft: Draft, method: string, params: Fields, nowMs: number): void {
  const thread = idOf(params, "threadId");
  const turn = idOf(params, "turnId");
  switch (method) {
    case "turn/started":
      return turnStarted(draft, thread, idOf(fields(params, "turn"), "id"));
    case "turn/completed":
      return turnCompleted(draft, thread, fields(params, "turn"), nowMs);
    case "item/started":
      if (isOwn(draft.state, thread)) retryOver(draft);
      return itemStarted(draft, fields(params, "item"), { thread, turn });
    case "item/completed":
      itemCompleted(draft, fields(params, "item"), { thread, turn });
      return tellBackground(draft);
    case "item/agentMessage/delta":
      if (isOwn(draft.state, thread))
        say(draft, { type: "delta", key: messageKey(turn, idOf(params, "itemId")), text: text(params, "delta") });
      return;
    case "error":
      return errorSaid(draft, params);
    case "account/rateLimits/updated":
      return rateLimitsSaid(draft, params);
    case "serverRequest/resolved":
      return requestResolved(draft, params);
    case "thread/tokenUsage/updated":
      return usageSaid(draft, params);
    case "warning":
    case "guardianWarning":
      return warned(draft, "warn", text(params, "message"));
    case "configWarning":
      return warned(draft, "info", text(params, "summary"));
    case "thread/closed":
      if (isOwn(draft.state, thread)) threadClosed(draft, nowMs);
      return;
    default:
      if (!QUIET.test(method)) say(draft, { type: "unknown_frame", kind: method });
  }
}

/** A thread that Codex let go runs nothing any more. */
function threadClosed(draft: Draft, nowMs: number): void {
  const { turn } = draft.state;
  warned(draft, "warn", "Codex closed the thread of this agent: stop and resume it");
  if (turn !== null) endTurn(draft, turn.id, "interrupted", {}, nowMs);
}

/** Known, and of no use here: progress, accounts, catalogues, and the status that says less than the turns do. */
const QUIET = new RegExp(
  `^(${[
    "deprecationNotice",
    "account/",
    "app/",
    "command/",
    "configWarning",
    "externalAgentConfig/",
    "fs/",
    "fuzzyFileSearch/",
    "hook/",
    "mcpServer/",
    "model/",
    "modelProvider/",
    "process/",
    "project/",
    "rawResponse",
    "remoteControl/",
    "skills/",
    "windows",
    "autoApprovalReview/",
    "item/(reasoning|plan|commandExecution|fileChange|mcpToolCall|autoApprovalReview)/",
    "turn/(diff|plan)/",
    "turn/moderationMetadata$",
    "thread/(realtime|goal|queue|attachment|section|settings|readState|name|status|prediction|project|environment)/",
    "thread/(started|archived|unarchived|compacted)$",
  ].join("|")})`,
);
