/**
 * What Pi writes on stdout in RPC mode: bytes become values here, each with a check. One JSON object a line; lines that
 * carry nothing for us are `silent`, kinds that we do not know are `unknown`. Facts about the wire: Pi's docs/rpc.md.
 */
import { excerpt } from "../../lib/text.ts";
import {
  type Fields,
  fields,
  idOf,
  isFields,
  items,
  NAME_CHARS,
  number,
  REASON_CHARS,
  strings,
  text,
} from "../read.ts";
import type { Part } from "../../words/said.ts";

export interface PiTotals {
  readonly input: number;
  readonly output: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly cost: number;
}

export type PiMessage =
  | { readonly role: "user"; readonly text: string }
  | {
      readonly role: "assistant";
      readonly parts: readonly Part[];
      readonly stopReason: string;
      readonly error: string;
      readonly usage: PiTotals | null;
    }
  | { readonly role: "toolResult"; readonly call: string; readonly part: Part }
  | { readonly role: "custom"; readonly text: string }
  | { readonly role: "other" };

export type DialogMethod = "select" | "confirm" | "input" | "editor";

export interface PiDialog {
  readonly id: string;
  readonly method: DialogMethod;
  readonly title: string;
  readonly message: string;
  readonly options: readonly string[];
}

export type PiFrame =
  | {
      readonly kind: "response";
      readonly id: string;
      readonly command: string;
      readonly ok: boolean;
      readonly error: string;
      readonly result: Fields;
    }
  | { readonly kind: "agent_start" | "agent_end" | "turn_end" | "retry_end" }
  /** `aborted` is null before version 1.1.0, which does not tell. */
  | { readonly kind: "agent_settled"; readonly aborted: boolean | null }
  | { readonly kind: "assistant_start" }
  | { readonly kind: "text_delta"; readonly text: string }
  | { readonly kind: "message_end"; readonly message: PiMessage }
  | { readonly kind: "tool_start" | "tool_update" | "tool_end"; readonly call: string }
  | { readonly kind: "retry_start"; readonly attempt: number; readonly reason: string }
  | { readonly kind: "compaction_start"; readonly reason: string }
  | { readonly kind: "compaction_end"; readonly error: string; readonly usage: PiTotals | null }
  | { readonly kind: "dialog"; readonly dialog: PiDialog }
  | {
      readonly kind: "notice";
      readonly level: "info" | "warn";
      readonly code: string;
      readonly text: string;
    }
  /** A known kind that is part of a run, or only news about the queue and the screen. */
  | { readonly kind: "silent"; readonly ofRun: boolean }
  | { readonly kind: "unknown"; readonly name: string };

const ofRun: PiFrame = { kind: "silent", ofRun: true };
const aside: PiFrame = { kind: "silent", ofRun: false };

export function readPiFrame(json: unknown): PiFrame {
  if (!isFields(json)) return { kind: "unknown", name: "not a JSON object" };
  const name = text(json, "type");
  switch (name) {
    case "response":
      return {
        kind: "response",
        id: idOf(json, "id"),
        command: text(json, "command"),
        ok: json["success"] === true,
        error: text(json, "error"),
        result: fields(json, "data"),
      };
    case "agent_start":
    case "agent_end":
    case "turn_end":
      return { kind: name };
    case "agent_settled":
      return { kind: name, aborted: typeof json["aborted"] === "boolean" ? json["aborted"] : null };
    case "message_start":
      return text(fields(json, "message"), "role") === "assistant" ? { kind: "assistant_start" } : ofRun;
    case "message_update":
      return readUpdate(fields(json, "assistantMessageEvent"));
    case "message_end":
      return { kind: "message_end", message: readMessage(fields(json, "message")) };
    case "tool_execution_start":
      return { kind: "tool_start", call: idOf(json, "toolCallId") };
    case "tool_execution_update":
      return { kind: "tool_update", call: idOf(json, "toolCallId") };
    case "tool_execution_end":
      return { kind: "tool_end", call: idOf(json, "toolCallId") };
    case "auto_retry_start":
      return { kind: "retry_start", attempt: number(json, "attempt"), reason: text(json, "errorMessage") };
    case "auto_retry_end":
      return { kind: "retry_end" };
    case "compaction_start":
      return { kind: "compaction_start", reason: text(json, "reason") };
    case "compaction_end":
      return {
        kind: "compaction_end",
        error: text(json, "errorMessage"),
        usage: readTotals(fields(json, "result")["usage"]),
      };
    case "extension_ui_request":
      return readDialog(json);
    case "extension_error":
      return {
        kind: "notice",
        level: "warn",
        code: "extension_error",
        text: `${text(json, "extensionPath")} (${text(json, "event")}): ${text(json, "error")}`,
      };
    case "turn_start":
      return ofRun;
    case "queue_update":
    case "entry_appended":
    case "session_info_changed":
    case "thinking_level_changed":
    case "summarization_retry_scheduled":
    case "summarization_retry_attempt_start":
    case "summarization_retry_finished":
    case "bash_execution_update":
    case "session":
      return aside;
    default:
      return { kind: "unknown", name: name === "" ? "without a type" : name };
  }
}

function readUpdate(event: Fields): PiFrame {
  return event["type"] === "text_delta" ? { kind: "text_delta", text: text(event, "delta") } : ofRun;
}

function readMessage(message: Fields): PiMessage {
  const role = text(message, "role");
  switch (role) {
    case "user":
      return { role, text: contentText(message["content"]) };
    case "assistant":
      return {
        role,
        parts: readParts(message["content"]),
        stopReason: excerpt(text(message, "stopReason"), NAME_CHARS),
        error: excerpt(text(message, "errorMessage"), REASON_CHARS),
        usage: readTotals(message["usage"]),
      };
    case "toolResult": {
      const call = idOf(message, "toolCallId");
      const part: Part = {
        type: "tool_result",
        id: call,
        text: contentText(message["content"]),
        isError: message["isError"] === true,
      };
      return { role, call, part };
    }
    case "custom":
      return message["display"] === false ? { role: "other" } : { role, text: contentText(message["content"]) };
    default:
      return { role: "other" }; // "system" is Pi's own prompt and tool list
  }
}

function readParts(content: unknown): Part[] {
  const parts: Part[] = [];
  for (const block of items({ content }, "content")) {
    const type = text(block, "type");
    if (type === "text" && text(block, "text") !== "") parts.push({ type, text: text(block, "text") });
    else if (type === "thinking" && text(block, "thinking") !== "") parts.push({ type, text: text(block, "thinking") });
    else if (type === "toolCall") {
      parts.push({
        type: "tool_use",
        id: idOf(block, "id"),
        name: text(block, "name"),
        input: block["arguments"] ?? {},
      });
    }
  }
  return parts;
}

/** The text of a user or tool message: a string, or blocks, of which pictures are only named. */
export function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  return items({ content }, "content")
    .map((block) => (block["type"] === "image" ? "[image]" : text(block, "text")))
    .join("");
}

/** `usage` of a message (`cost.total`) and `tokens` of the session's statistics have the same names. */
export function readTotals(usage: unknown): PiTotals | null {
  if (!isFields(usage)) return null;
  return {
    input: number(usage, "input"),
    output: number(usage, "output"),
    cacheRead: number(usage, "cacheRead"),
    cacheWrite: number(usage, "cacheWrite"),
    cost: number(fields(usage, "cost"), "total"),
  };
}

function readDialog(json: Fields): PiFrame {
  const method = text(json, "method");
  switch (method) {
    case "select":
    case "confirm":
    case "input":
    case "editor":
      return {
        kind: "dialog",
        dialog: {
          id: idOf(json, "id"),
          method,
          title: text(json, "title"),
          message: text(json, "message"),
          options: strings(json, "options"),
        },
      };
    case "notify":
      return {
        kind: "notice",
        level: json["notifyType"] === "info" ? "info" : "warn",
        code: "pi_notify",
        text: text(json, "message"),
      };
    case "setStatus":
    case "setWidget":
    case "setTitle":
    case "set_editor_text":
      return aside; // nobody waits for an answer
    default:
      return { kind: "unknown", name: `extension_ui_request ${method}` };
  }
}
