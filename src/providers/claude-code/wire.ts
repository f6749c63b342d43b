/**
 * Claude Code's stream-json lines: reading members of untrusted JSON, and making the lines we send.
 * Lines in: https://docs.claude.com/en/docs/claude-code/sdk; measured on 2.1.330.
 */
import type { PromptInput } from "../contract.ts";

export type Fields = Readonly<Record<string, unknown>>;

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The member when it is an object, else an empty one. */
export function fields(of: Fields, name: string): Fields {
  const value = of[name];
  return isFields(value) ? value : {};
}

/** The member when it is an array, else an empty one; items that are no objects are dropped. */
export function items(of: Fields, name: string): readonly Fields[] {
  const value = of[name];
  return Array.isArray(value) ? value.filter(isFields) : [];
}

export function text(of: Fields, name: string): string | undefined {
  const value = of[name];
  return typeof value === "string" ? value : undefined;
}

export function number(of: Fields, name: string): number | undefined {
  const value = of[name];
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

export function strings(of: Fields, name: string): readonly string[] {
  const value = of[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
}

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
    message: { role: "user", content: input.text },
    parent_tool_use_id: null,
    uuid: input.key,
    ...(input.raw ? { client_composed: true } : {}),
  });
}

/** Text of a tool result: a string, or blocks of which only the text ones can be shown. */
export function resultText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return content === undefined || content === null ? "" : JSON.stringify(content);
  return content
    .map((block: unknown) => {
      if (!isFields(block)) return String(block);
      return text(block, "text") ?? `[${text(block, "type") ?? "unknown"}]`;
    })
    .join("\n");
}
