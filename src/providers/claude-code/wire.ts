/**
 * The lines of Claude Code's stream-json that we send, and the text of a tool's result.
 * Lines in: https://docs.claude.com/en/docs/claude-code/sdk; measured on 2.1.330.
 */
import { type Fields, isFields, maybeText } from "../read.ts";
import type { PromptInput } from "../../words/said.ts";

export function requestLine(id: string, request: Fields): string {
  return JSON.stringify({ type: "control_request", request_id: id, request });
}

export function responseLine(id: string, response: Fields): string {
  return JSON.stringify({ type: "control_response", response: { subtype: "success", request_id: id, response } });
}

/** Claude waits for ever for an answer to a request it sent, so also those we do not know are answered. */
export function refusalLine(id: string, error: string): string {
  return JSON.stringify({ type: "control_response", response: { subtype: "error", request_id: id, error } });
}

/** `uuid` makes it safe to send the same input again; `client_composed` switches off slash commands and `@file`. */
export function promptLine(input: PromptInput): string {
  return JSON.stringify({
    type: "user",
    message: { role: "user", content: content(input) },
    parent_tool_use_id: null,
    uuid: input.key,
    ...(input.raw ? { client_composed: true } : {}),
  });
}

function content({ text, pictures = [] }: PromptInput): unknown {
  if (pictures.length === 0) return text;
  const images = pictures.map(({ mediaType, dataBase64 }) => ({
    type: "image",
    source: { type: "base64", media_type: mediaType, data: dataBase64 },
  }));
  return [{ type: "text", text }, ...images];
}

/** Text of a tool result: a string, or blocks of which only the text ones can be shown. */
export function resultText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content === undefined || content === null ? "" : JSON.stringify(content);
  return content
    .map((block: unknown) => {
      if (!isFields(block)) return String(block);
      return maybeText(block, "text") ?? `[${maybeText(block, "type") ?? "unknown"}]`;
    })
    .join("\n");
}
