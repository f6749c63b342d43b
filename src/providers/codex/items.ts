/**
 * Codex's items as parts of messages. An item is said twice, when it starts and when it is done; a tool call is told at
 * its start, its result and every text when they are whole. What never completes (a dropped stream, an interrupt) was
 * never said.
 */
import { own } from "../../lib/own.ts";
import type { ProviderFact } from "../contract.ts";
import { type Draft, isOwn, type OpenItem, subagentOf } from "./state.ts";
import { texts } from "./wire.ts";
import { type Fields, fields, idOf, isFields, list, maybeNumber, text } from "../read.ts";
import { note, patch, say, without } from "../draft.ts";
import type { Part } from "../../words/said.ts";

interface Tool {
  readonly name: string;
  readonly input: unknown;
}

/** Where an item belongs, as its notification says. */
export interface Place {
  readonly thread: string;
  readonly turn: string;
}

/** The diffs of an open file change are kept for the question about it, but not without bound. */
const MAX_CHANGES_CHARS = 65_536;

export function messageKey(turn: string, itemId: string): string {
  // Some model servers number their messages anew in every answer.
  return `${turn}:${itemId}`;
}

export function itemStarted(draft: Draft, item: Fields, place: Place): void {
  const tool = toolOf(item);
  if (tool !== undefined) openTool(draft, item, tool, place);
}

export function itemCompleted(draft: Draft, item: Fields, place: Place): void {
  const id = idOf(item, "id");
  const tool = toolOf(item);
  if (tool !== undefined) {
    if (own(draft.state.items, id) === undefined) openTool(draft, item, tool, place);
    patch(draft, { items: without(draft.state.items, id) });
    const result: Part = { type: "tool_result", id, text: resultText(item), isError: !succeeded(item) };
    return message(draft, `${messageKey(place.turn, id)}:result`, "tool", result, place);
  }
  const key = messageKey(place.turn, id);
  switch (text(item, "type")) {
    case "userMessage":
      return userMessage(draft, item, key, place);
    case "agentMessage":
    case "plan":
      if (text(item, "text") !== "")
        message(draft, key, "assistant", { type: "text", text: text(item, "text") }, place);
      return;
    case "reasoning": {
      const thought = texts(list(item, "summary")) || texts(list(item, "content"));
      if (thought !== "") message(draft, key, "assistant", { type: "thinking", text: thought }, place);
      return;
    }
    case "contextCompaction":
      return note(draft, "info", "compacted", "Codex shortened the conversation to make room");
    case "hookPrompt":
    case "subAgentActivity":
    case "enteredReviewMode":
    case "exitedReviewMode":
      return;
    default:
      say(draft, { type: "unknown_frame", kind: `item ${text(item, "type")}` });
  }
}

function openTool(draft: Draft, item: Fields, { name, input }: Tool, place: Place): void {
  const id = idOf(item, "id");
  const open: OpenItem = { ...place, command: text(item, "type") === "commandExecution", ...changesOf(item) };
  patch(draft, { items: { ...draft.state.items, [id]: open } });
  message(draft, messageKey(place.turn, id), "assistant", { type: "tool_use", id, name, input }, place);
}

function changesOf(item: Fields): { readonly changes?: unknown } {
  if (text(item, "type") !== "fileChange") return {};
  const changes = list(item, "changes");
  if (JSON.stringify(changes).length <= MAX_CHANGES_CHARS) return { changes };
  return {
    changes: changes.map((change) => ({
      path: text(change, "path"),
      kind: fields(change, "kind"),
      diff: "(too long to be shown here: see the messages)",
    })),
  };
}

/** The echo of an input carries our key; anything else was typed by somebody on the same thread. */
function userMessage(draft: Draft, item: Fields, key: string, place: Place): void {
  if (!isOwn(draft.state, place.thread)) return;
  const ours = idOf(item, "clientId");
  if (ours === "") return message(draft, key, "user", { type: "text", text: texts(list(item, "content")) }, place);
  say(draft, { type: "input_accepted", key: ours });
  const { turn } = draft.state;
  if (turn?.key === ours) patch(draft, { turn: { ...turn, key: null } });
}

function message(draft: Draft, key: string, role: "user" | "assistant" | "tool", part: Part, { thread }: Place): void {
  const said: ProviderFact = { type: "part", key, role, part, ...subagentOf(draft.state, thread) };
  say(draft, said, { type: "message_done", key });
}

function toolOf(item: Fields): Tool | undefined {
  const type = text(item, "type");
  switch (type) {
    case "commandExecution":
      return { name: "shell", input: { command: text(item, "command"), cwd: text(item, "cwd") } };
    case "fileChange":
      return { name: "apply_patch", input: { changes: list(item, "changes") } };
    case "mcpToolCall":
      return { name: `${text(item, "server")}.${text(item, "tool")}`, input: item["arguments"] };
    case "dynamicToolCall":
      return { name: text(item, "tool"), input: item["arguments"] };
    case "collabAgentToolCall":
      return { name: text(item, "tool"), input: { prompt: text(item, "prompt") } };
    case "webSearch":
      return { name: "web_search", input: { query: text(item, "query"), action: item["action"] } };
    case "imageView":
      return { name: "view_image", input: { path: text(item, "path") } };
    case "imageGeneration":
    case "sleep":
    case "functionCallOutput":
      return { name: type, input: {} };
    default:
      return undefined;
  }
}

function succeeded(item: Fields): boolean {
  const status = text(item, "status");
  return (status === "" || status === "completed") && item["error"] == null && item["success"] !== false;
}

function resultText(item: Fields): string {
  switch (text(item, "type")) {
    case "commandExecution": {
      const output = text(item, "aggregatedOutput");
      const code = maybeNumber(item, "exitCode");
      if (output !== "" || code === 0) return output;
      return code === undefined ? text(item, "status") : `exit code ${code}`;
    }
    case "fileChange":
      return `${text(item, "status")}: ${list(item, "changes")
        .map((change) => text(change, "path"))
        .join(", ")}`;
    case "mcpToolCall":
      return text(fields(item, "error"), "message") || texts(list(fields(item, "result"), "content"));
    case "dynamicToolCall":
      return texts(list(item, "contentItems"));
    case "collabAgentToolCall":
      return Object.values(fields(item, "agentsStates"))
        .filter(isFields)
        .map((agent) => text(agent, "message") || text(agent, "status"))
        .join("\n");
    default:
      return text(item, "status") || text(item, "result");
  }
}
