/**
 * The beginning of a process and of a daemon's life: handshake, resuming, and what became of inputs that nobody saw
 * confirmed. Codex does not de-duplicate by our id, but keeps it: a stored turn shows whether the input arrived.
 */
import { isObject } from "../../lib/check.ts";
import { ask, type Call, type Draft } from "./state.ts";
import { endTurn, turnBegan } from "./turns.ts";
import { rpc } from "./wire.ts";
import type { RpcError } from "../../lib/jsonrpc.ts";
import { VERSION } from "../../lib/version.ts";
import { type Fields, fields, idOf, list, text } from "../read.ts";
import { note, patch, say, send } from "../draft.ts";

/** Unconfirmed inputs are the newest; more turns than this cannot lie behind them. */
const HISTORY_TURNS = 20;

/** Large or frequent, and nothing here listens to them. */
const UNWANTED = ["thread/readState/changed", "turn/diff/updated", "item/reasoning/textDelta"];

export function sendInitialize(draft: Draft): void {
  ask(draft, { kind: "initialize" }, "initialize", {
    clientInfo: { name: "agent-harness", title: "Agent Harness", version: VERSION },
    // Experimental: background terminals and paged turns.
    capabilities: { experimentalApi: true, requestAttestation: false, optOutNotificationMethods: UNWANTED },
  });
}

export function initialized(draft: Draft, result: unknown): void {
  const { opening } = draft.state;
  if (opening === null) return;
  // "agent-harness/0.169.0 (Linux; …)": the program's version under our name.
  const version = /^[^/]*\/(\S+)/.exec(text(result, "userAgent"))?.[1] ?? "";
  patch(draft, { opening: { ...opening, version } });
  send(draft, rpc.notification("initialized"));
  const { session, params, probe } = opening;
  if (probe) ask(draft, { kind: "account" }, "account/read", { refreshToken: false });
  if (session === null) ask(draft, { kind: "open", resumed: false }, "thread/start", params);
  else
    ask(draft, { kind: "open", resumed: true }, "thread/resume", { threadId: session, excludeTurns: true, ...params });
}

/** A custom provider may need no login of Codex's own. */
export function accountTold(draft: Draft, result: unknown): void {
  const { account, requiresOpenaiAuth } = isObject(result) ? result : {};
  if (isObject(account))
    return say(draft, { type: "login", loggedIn: true, detail: `logged in (${text(account, "type")})` });
  if (requiresOpenaiAuth !== true)
    return say(draft, {
      type: "login",
      loggedIn: true,
      detail: "the configured model provider needs no login of Codex",
    });
  say(draft, {
    type: "login",
    loggedIn: false,
    detail: "not logged in: run codex login, or configure a model provider with a key",
  });
}

export function opened(draft: Draft, call: Extract<Call, { kind: "open" }>, result: unknown): void {
  const { opening } = draft.state;
  const thread = idOf(fields(result, "thread"), "id");
  if (opening === null) return;
  if (thread === "")
    return say(draft, { type: "start_failed", code: "PROTOCOL", message: "Codex opened a thread without an id" });
  patch(draft, { thread });
  say(draft, { type: "session", id: thread });
  if (call.resumed && opening.unconfirmed.length > 0) return askHistory(draft, opening.unconfirmed);
  for (const key of opening.unconfirmed) say(draft, { type: "input_absent", key });
  beReady(draft);
}

export function openFailed(draft: Draft, call: Extract<Call, { kind: "open" }>, error: RpcError): void {
  const { opening } = draft.state;
  if (opening === null) return;
  if (!call.resumed || !error.message.includes("no rollout found")) {
    return say(draft, {
      type: "start_failed",
      code: call.resumed ? "RESUME_REFUSED" : "START_REFUSED",
      message: error.message,
    });
  }
  // A thread is stored with its first turn; one that never had any is begun again, and nothing is lost.
  note(
    draft,
    "warn",
    "conversation_restarted",
    `Codex has no stored conversation ${opening.session ?? ""}: a new one was begun`,
  );
  ask(draft, { kind: "open", resumed: false }, "thread/start", opening.params);
}

function beReady(draft: Draft): void {
  const version = draft.state.opening?.version ?? "";
  patch(draft, { opening: null });
  say(draft, { type: "ready", ...(version === "" ? {} : { version }) });
}

function askHistory(draft: Draft, keys: readonly string[]): void {
  const params = {
    threadId: draft.state.thread ?? "",
    limit: HISTORY_TURNS,
    sortDirection: "desc",
    itemsView: "summary",
  };
  ask(draft, { kind: "history", keys }, "thread/turns/list", params);
}

export function historyTold(draft: Draft, keys: readonly string[], result: unknown): void {
  const turns = list(result, "data");
  const stored = new Set(turns.flatMap((turn) => list(turn, "items")).map((item) => idOf(item, "clientId")));
  for (const key of keys) say(draft, { type: stored.has(key) ? "input_accepted" : "input_absent", key });
  if (draft.state.opening !== null) return beReady(draft);
  for (const turn of turns.slice(0, 1)) catchUp(draft, turn);
}

/**
 * After an adoption every frame has been read; only a line too long to be read can have hidden a turn's start or end.
 */
function catchUp(draft: Draft, newest: unknown): void {
  const { turn } = draft.state;
  const id = idOf(newest, "id");
  const status = text(newest, "status");
  if (status === "inProgress") {
    if (turn?.id !== id) turnBegan(draft, id, null, true);
  } else if (turn?.id === id) {
    endTurn(draft, id, status, fields(newest, "error"), 0); // of a window, that it is full must do
  }
}

export function historyFailed(draft: Draft, keys: readonly string[], error: RpcError): void {
  const fresh = error.message.includes("not materialized");
  for (const key of keys) {
    if (fresh) say(draft, { type: "input_absent", key });
    else
      say(draft, {
        type: "input_unknown",
        key,
        message: `Codex did not tell its history (${error.message}): the input may have been run`,
      });
  }
  if (draft.state.opening !== null) beReady(draft);
}

/** The same process after a daemon's death. `thread/read` is answered after the `turn/start` that stands before it. */
export function sendBarrier(draft: Draft, keys: readonly string[]): void {
  const { thread } = draft.state;
  if (thread !== null) ask(draft, { kind: "barrier", keys }, "thread/read", { threadId: thread, includeTurns: false });
}

/**
 * An input whose `turn/start` is still unanswered now was never read: its line was not written, or torn. One that was
 * answered is running, and its echo is to come; of any other the stored turns must tell.
 */
export function barrierPassed(draft: Draft, keys: readonly string[], status: Fields): void {
  const { calls, turn } = draft.state;
  const unread = Object.entries(calls).filter(([, call]) => call.kind === "turn" && keys.includes(call.key));
  patch(draft, {
    calls: Object.fromEntries(Object.entries(calls).filter((entry) => !unread.some(([id]) => id === entry[0]))),
  });
  const absent = unread.map(([, call]) => (call.kind === "turn" ? call.key : ""));
  for (const key of absent) say(draft, { type: "input_absent", key });
  const open = keys.filter((key) => !absent.includes(key) && key !== turn?.key);
  const active = text(status, "type") === "active";
  if (open.length > 0 || (turn !== null) !== active) askHistory(draft, open);
}
