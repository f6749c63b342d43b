/**
 * What `opencode serve` says, checked: JSON becomes values here and nowhere else in the bridge. Facts: its own OpenAPI
 * (`GET /doc`) and wire captures of 1.18.33.
 */
import { accountOfError } from "../providers/opencode/limit.ts";
import type { AccountTrouble, Asked, QuestionItem } from "../providers/opencode/lines.ts";
import { readAsked, readQuestions } from "../providers/opencode/lines.ts";
import { type Fields, fields, isFields, list, maybeNumber, maybeText, number, text } from "../providers/read.ts";
import type { TurnError } from "../words/agent.ts";
import { given } from "../lib/given.ts";

/** "busy" also stands for states of newer versions: whatever is not idle works. */
export type SessionStatus =
  | { readonly type: "idle" }
  | { readonly type: "busy" }
  | {
      readonly type: "retry";
      readonly attempt: number;
      readonly message: string;
      /** Epoch ms of the next try. */
      readonly next?: number;
      /** Ms until then when it was read: the time of day may be another one when the daemon does. */
      readonly inMs?: number;
      readonly action?: string;
    };

/** `account`: only a person can mend it, by paying or at the login. */
export type WireError = TurnError & { readonly account?: AccountTrouble };

export interface MessageInfo {
  readonly id: string;
  readonly session: string;
  readonly role: "user" | "assistant";
  /** The user message that it answers; empty for one of the user. */
  readonly answers: string;
  readonly completed: boolean;
  /** Why the model stopped: "stop", "tool-calls", "length" …; empty while it runs, and for good when it was aborted. */
  readonly finish: string;
  readonly error: (WireError & { readonly aborted: boolean }) | null;
}

export interface WirePart {
  readonly id: string;
  readonly message: string;
  readonly session: string;
  readonly type: string;
  readonly text: string;
  /** Text and reasoning: nothing more is added. */
  readonly ended: boolean;
  /** Put there by OpenCode, not by the one who speaks. */
  readonly synthetic: boolean;
  readonly tool: WireTool | null;
  /** What one answer of the model used, behind it. */
  readonly used: SessionTotals | null;
}

export interface WireTool {
  readonly call: string;
  readonly name: string;
  readonly status: string;
  readonly input: unknown;
  readonly output: string;
}

export interface WireMessage {
  readonly info: MessageInfo;
  readonly parts: readonly WirePart[];
}

export interface WireAsk {
  readonly id: string;
  readonly session: string;
  readonly request:
    | { readonly kind: "permission"; readonly asked: Asked }
    | { readonly kind: "question"; readonly questions: readonly QuestionItem[] };
}

export type WireEvent =
  | { readonly type: "status"; readonly session: string; readonly status: SessionStatus }
  | { readonly type: "session"; readonly session: string; readonly parent: string | null }
  | { readonly type: "error"; readonly session: string; readonly error: NonNullable<MessageInfo["error"]> }
  | { readonly type: "message"; readonly info: MessageInfo }
  | { readonly type: "part"; readonly part: WirePart }
  | {
      readonly type: "delta";
      readonly session: string;
      readonly message: string;
      readonly part: string;
      readonly text: string;
    }
  | { readonly type: "asked"; readonly ask: WireAsk }
  | { readonly type: "settled"; readonly id: string }
  | { readonly type: "compacted"; readonly session: string }
  | { readonly type: "silent" }
  | { readonly type: "unknown"; readonly kind: string };

/** News about things that are nobody's status: files, projects, the catalogue of models … */
const SILENT =
  /^(server|plugin|catalog|reference|integration|models-dev|lsp|file|vcs|pty|installation|ide|mcp|project|worktree|workspace|storage|global|tui|todo|command|skill|agent|config|account|sync)\.|^session\.(idle|diff|updated|deleted|next)|^(message|message\.part)\.removed$/;

export function readEvent(json: unknown, nowMs: number): WireEvent {
  if (!isFields(json)) return { type: "unknown", kind: "no JSON object" };
  const type = text(json, "type");
  const properties = fields(json, "properties");
  const session = text(properties, "sessionID");
  switch (type) {
    case "session.status":
      return { type: "status", session, status: readStatus(fields(properties, "status"), nowMs) };
    case "session.created": {
      const parent = text(fields(properties, "info"), "parentID");
      return {
        type: "session",
        session: session || text(fields(properties, "info"), "id"),
        parent: parent === "" ? null : parent,
      };
    }
    case "session.error":
      return { type: "error", session, error: readError(fields(properties, "error")) };
    case "session.compacted":
      return { type: "compacted", session };
    case "message.updated": {
      const info = readInfo(fields(properties, "info"));
      return info === null
        ? { type: "unknown", kind: "message.updated without its message" }
        : { type: "message", info };
    }
    case "message.part.updated":
      return { type: "part", part: readPart(fields(properties, "part")) };
    case "message.part.delta":
      if (text(properties, "field") !== "text") return { type: "silent" };
      return {
        type: "delta",
        session,
        message: text(properties, "messageID"),
        part: text(properties, "partID"),
        text: text(properties, "delta"),
      };
    case "permission.asked":
      return { type: "asked", ask: readPermission(properties) };
    case "question.asked":
      return { type: "asked", ask: readQuestion(properties) };
    case "permission.replied":
    case "question.replied":
    case "question.rejected":
      return { type: "settled", id: text(properties, "requestID") };
    default:
      return SILENT.test(type) ? { type: "silent" } : { type: "unknown", kind: type };
  }
}

function readStatus(json: Fields, nowMs: number): SessionStatus {
  const type = text(json, "type");
  if (type === "retry") {
    const next = maybeNumber(json, "next");
    const action = maybeText(fields(json, "action"), "reason");
    return {
      type,
      attempt: number(json, "attempt"),
      message: text(json, "message"),
      ...given({ next, inMs: next === undefined ? next : next - nowMs, action }),
    };
  }
  return { type: type === "idle" ? "idle" : "busy" };
}

/** What of it is told as the reason. */
export function reasonOf({ code, message, account }: WireError): WireError {
  return { code, message, ...given({ account }) };
}

/** `GET /session/status`: sessions that are idle are not in it. */
export function readStatuses(json: unknown, nowMs: number): ReadonlyMap<string, SessionStatus> {
  if (!isFields(json)) return new Map();
  return new Map(
    Object.entries(json).flatMap(([id, status]) =>
      isFields(status) ? [[id, readStatus(status, nowMs)] as const] : [],
    ),
  );
}

function readInfo(json: Fields): MessageInfo | null {
  const id = text(json, "id");
  const role = text(json, "role");
  if (id === "" || (role !== "user" && role !== "assistant")) return null;
  return {
    id,
    role,
    session: text(json, "sessionID"),
    answers: text(json, "parentID"),
    finish: text(json, "finish"),
    completed: typeof fields(json, "time")["completed"] === "number",
    error: isFields(json["error"]) ? readError(json["error"]) : null,
  };
}

export function readMessages(json: unknown): readonly WireMessage[] {
  return (Array.isArray(json) ? json : []).filter(isFields).flatMap((each) => {
    const info = readInfo(fields(each, "info"));
    return info === null ? [] : [{ info, parts: list(each, "parts").filter(isFields).map(readPart) }];
  });
}

function readPart(json: Fields): WirePart {
  const type = text(json, "type");
  const state = fields(json, "state");
  return {
    id: text(json, "id"),
    message: text(json, "messageID"),
    session: text(json, "sessionID"),
    type,
    text: text(json, "text"),
    ended: typeof fields(json, "time")["end"] === "number",
    synthetic: json["synthetic"] === true || json["ignored"] === true,
    used: type === "step-finish" ? readTotals(json) : null,
    tool:
      type !== "tool"
        ? null
        : {
            call: text(json, "callID"),
            name: text(json, "tool"),
            status: text(state, "status"),
            input: state["input"],
            output: text(state, "status") === "error" ? text(state, "error") : text(state, "output"),
          },
  };
}

/** A stack trace may follow the first line of a message; a person needs the first one. */
function readError(json: Fields): NonNullable<MessageInfo["error"]> {
  const name = text(json, "name");
  const inner = fields(json, "data");
  const status = number(inner, "statusCode");
  const message =
    (text(inner, "message") || text(json, "message") || name || "OpenCode tells no reason").split("\n    at ")[0] ?? "";
  const account = accountOfError(inner);
  return {
    code: name === "" ? "UnknownError" : name,
    message: status === 0 ? message : `${message} (HTTP ${status})`,
    ...(account === null ? {} : { account }),
    aborted: name === "MessageAbortedError",
  };
}

export function readPermission(json: Fields): WireAsk {
  return {
    id: text(json, "id"),
    session: text(json, "sessionID"),
    request: { kind: "permission", asked: readAsked(json) },
  };
}

export function readQuestion(json: Fields): WireAsk {
  return {
    id: text(json, "id"),
    session: text(json, "sessionID"),
    request: { kind: "question", questions: readQuestions(list(json, "questions")) },
  };
}

export interface SessionTotals {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cost: number;
}

export function readTotals(json: unknown): SessionTotals {
  const session = isFields(json) ? json : {};
  const tokens = fields(session, "tokens");
  const cache = fields(tokens, "cache");
  return {
    input: number(tokens, "input"),
    output: number(tokens, "output") + number(tokens, "reasoning"),
    cacheRead: number(cache, "read"),
    cacheWrite: number(cache, "write"),
    cost: number(session, "cost"),
  };
}

export function addTotals(all: readonly SessionTotals[]): SessionTotals {
  const sum = (pick: (each: SessionTotals) => number) => all.reduce((total, each) => total + pick(each), 0);
  return {
    input: sum((t) => t.input),
    output: sum((t) => t.output),
    cacheRead: sum((t) => t.cacheRead),
    cacheWrite: sum((t) => t.cacheWrite),
    cost: sum((t) => t.cost),
  };
}
