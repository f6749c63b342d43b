/** Messages as the API gives them, read. A part of a kind that is not known keeps its JSON, to be shown as it is. */
import { fields, list, number, numberOrNull, text, textOrNull, time } from "./read.ts";

export type Part =
  | { readonly type: "text" | "thinking"; readonly text: string; readonly bytes: number | null }
  | {
      readonly type: "tool_use";
      readonly id: string;
      readonly name: string;
      readonly input: unknown;
      readonly bytes: number | null;
    }
  | {
      readonly type: "tool_result";
      readonly id: string;
      readonly text: string;
      readonly isError: boolean;
      readonly bytes: number | null;
    }
  | { readonly type: "other"; readonly json: string };

export interface Message {
  readonly id: number;
  readonly key: string | null;
  readonly turnId: string | null;
  readonly role: string;
  readonly parts: readonly Part[];
  readonly at: number;
  readonly subagent: string | null;
  /** Named only: too large to be sent along. */
  readonly omitted: boolean;
}

/** Texts come cut at so many characters; the whole of one is fetched when somebody asks for it. */
export const CLIP = 16_000;

export function readMessage(value: unknown): Message | null {
  const message = fields(value);
  if (typeof message["id"] !== "number") return null;
  return {
    id: message["id"],
    key: textOrNull(message["key"]),
    turnId: textOrNull(message["turnId"]),
    role: text(message["role"]),
    parts: list(message["parts"]).map(readPart),
    at: time(message["createdAt"]) ?? 0,
    subagent: textOrNull(message["subagent"]),
    omitted: message["omitted"] === true,
  };
}

function readPart(value: unknown): Part {
  const part = fields(value);
  const bytes = numberOrNull(part["bytes"]);
  switch (part["type"]) {
    case "text":
    case "thinking":
      return { type: part["type"], text: text(part["text"]), bytes };
    case "tool_use":
      return { type: "tool_use", id: text(part["id"]), name: text(part["name"]), input: part["input"], bytes };
    case "tool_result":
      return {
        type: "tool_result",
        id: text(part["id"]),
        text: text(part["text"]),
        isError: part["isError"] === true,
        bytes,
      };
    default:
      return { type: "other", json: JSON.stringify(value) };
  }
}

/** What happened beside the words: shown where it happened. */
export interface Note {
  readonly id: number;
  readonly at: number;
  readonly text: string;
  readonly warn: boolean;
  /** Several of these in a row are one that counts. */
  readonly kind: string;
}

export const NOTE_TYPES = ["note", "retrying", "agent_stalled", "agent_resumed_output", "turn_timeout"] as const;

/** null: an event that is not shown in the conversation. */
export function readNote(value: unknown): Note | null {
  const { id, type, at, data } = fields(value);
  const inner = fields(data);
  const told = noteText(text(type), inner);
  if (told === null) return null;
  return { id: number(id), at: time(at) ?? 0, text: told, warn: inner["level"] === "warn", kind: text(type) };
}

function noteText(type: string, data: ReturnType<typeof fields>): string | null {
  switch (type) {
    case "note":
      return text(data["message"]);
    case "retrying": {
      const status = numberOrNull(data["status"]);
      return `Retry ${number(data["attempt"])}: ${text(data["reason"])}${status === null ? "" : ` (${status})`}`;
    }
    case "agent_stalled":
      return `No sign for ${Math.round(number(data["silentMs"]) / 60_000)} min`;
    case "agent_resumed_output":
      return "Signs of life again";
    case "turn_timeout":
      return "The turn took too long and is being interrupted";
    default:
      return null;
  }
}
