/**
 * Claude Code's message lines: one `assistant` line per content block, tool results in `user` lines, deltas in
 * `stream_event` lines. Owns which blocks make one message and when it is whole; deltas are shown and never stored.
 */
import { own } from "../../lib/own.ts";
import { accountFailure } from "./limit.ts";
import { closePermissions } from "./permissions.ts";
import { type Draft, patchEnding } from "./state.ts";
import { answerEnds, answerSaid } from "./usage.ts";
import { resultText } from "./wire.ts";
import { type Fields, fields, isFields, items, maybeIdOf, maybeText } from "../read.ts";
import { patch, say, without } from "../draft.ts";
import type { Part } from "../../words/said.ts";
import { given } from "../../lib/given.ts";

export function assistantLine(work: Draft, line: Fields): void {
  const message = fields(line, "message");
  const key = maybeIdOf(message, "id") ?? maybeIdOf(line, "uuid") ?? "message";
  const subagent = subagentOf(line);
  const error = maybeText(line, "error");
  if (error !== undefined || line["is_api_error_message"] === true) {
    // Not the model's words: the program made this message of an API failure, and the `result` will call it a success.
    closeMessage(work, subagent);
    if (subagent === undefined) patchEnding(work, { apiError: error ?? "api_error", limit: accountFailure(line) });
    for (const block of items(message, "content"))
      addPart(work, key, "system", { type: "text", text: maybeText(block, "text") ?? "" }, subagent);
    say(work, { type: "message_done", key });
    return;
  }
  answerSaid(work, message, subagent);
  openMessage(work, key, subagent);
  for (const block of items(message, "content")) {
    const part = partOf(block);
    if (part === undefined) say(work, { type: "unknown_frame", kind: `assistant/${maybeText(block, "type") ?? "?"}` });
    if (part === undefined || part === "silent") continue;
    if (part.type === "tool_use" && part.name === "ExitPlanMode" && isFields(part.input)) {
      patch(work, { plan: { call: part.id, text: maybeText(part.input, "plan") ?? "" } });
    }
    addPart(work, key, "assistant", part, subagent);
    if (subagent === undefined && work.state.message !== null)
      patch(work, { message: { ...work.state.message, parts: true } });
  }
}

function partOf(block: Fields): Part | "silent" | undefined {
  switch (block["type"]) {
    case "text":
      return { type: "text", text: maybeText(block, "text") ?? "" };
    case "thinking":
      return { type: "thinking", text: maybeText(block, "thinking") ?? "" };
    case "redacted_thinking":
      return "silent";
    case "tool_use":
    case "server_tool_use":
      return {
        type: "tool_use",
        id: maybeIdOf(block, "id") ?? "",
        name: maybeText(block, "name") ?? "",
        input: block["input"] ?? {},
      };
    default: {
      const call = maybeIdOf(block, "tool_use_id");
      if (call === undefined) return undefined;
      return { type: "tool_result", id: call, text: resultText(block["content"]), isError: block["is_error"] === true };
    }
  }
}

/** A `user` line that the program wrote: tool results, its own notes to the model, a sub-agent's task. */
export function userLine(work: Draft, line: Fields): void {
  if (line["isReplay"] === true) return; // Our own input, come back.
  const key = maybeIdOf(line, "uuid") ?? "user";
  const subagent = subagentOf(line);
  const content = fields(line, "message")["content"];
  const blocks =
    typeof content === "string" ? [{ type: "text", text: content }] : items(fields(line, "message"), "content");
  let parts = 0;
  for (const block of blocks) {
    const part = partOf(block);
    if (part === undefined || part === "silent") continue;
    if (part.type === "tool_result") {
      closePermissions(work, ({ call }) => call === part.id);
      if (parts === 0) toolResultArrived(work, subagent);
    }
    const role =
      part.type === "tool_result" ? "tool" : subagent === undefined || isNotice(line, part) ? "system" : "user";
    addPart(work, key, role, part, subagent);
    parts += 1;
  }
  if (parts > 0) say(work, { type: "message_done", key });
}

function isNotice(line: Fields, part: Part): boolean {
  return line["isSynthetic"] === true || (part.type === "text" && part.text.startsWith("[Request interrupted by user"));
}

/** `parent_tool_use_id` is what marks a line of a sub-agent; its own id is better where the line carries it. */
function subagentOf(line: Fields): string | undefined {
  const parent = maybeIdOf(line, "parent_tool_use_id");
  return parent === undefined ? undefined : (maybeIdOf(line, "agent_id") ?? parent);
}

export function streamEvent(work: Draft, line: Fields): void {
  if (maybeIdOf(line, "parent_tool_use_id") !== undefined) return;
  const event = fields(line, "event");
  switch (event["type"]) {
    case "message_delta":
      return answerEnds(work, event);
    case "message_start": {
      answerSaid(work, fields(event, "message"));
      const key = maybeIdOf(fields(event, "message"), "id");
      if (key === undefined || work.state.message?.key === key) return;
      closeMessage(work, undefined);
      patch(work, { message: { key, streamed: true, parts: false } });
      return;
    }
    case "content_block_delta": {
      const delta = fields(event, "delta");
      const words = delta["type"] === "text_delta" ? maybeText(delta, "text") : undefined;
      if (words !== undefined && work.state.message !== null)
        say(work, { type: "delta", key: work.state.message.key, text: words });
      return;
    }
    case "message_stop":
      closeMessage(work, undefined);
      return;
    default: // The rest of the Messages API's events says nothing that the whole blocks do not say.
  }
}

function openMessage(work: Draft, key: string, subagent: string | undefined): void {
  if (subagent === undefined) {
    if (work.state.message?.key === key) return;
    closeMessage(work, undefined);
    patch(work, { message: { key, streamed: false, parts: false } });
  } else if (own(work.state.subagents, subagent) !== key) {
    closeMessage(work, subagent);
    patch(work, { subagents: { ...work.state.subagents, [subagent]: key } });
  }
}

/** A read-only tool may answer while later blocks of the message still stream: then only `message_stop` ends it. */
function toolResultArrived(work: Draft, subagent: string | undefined): void {
  if (subagent !== undefined || work.state.message?.streamed !== true) closeMessage(work, subagent);
}

export function closeMessage(work: Draft, subagent: string | undefined): void {
  if (subagent === undefined) {
    const { message } = work.state;
    if (message?.parts === true) say(work, { type: "message_done", key: message.key });
    if (message !== null) patch(work, { message: null });
    return;
  }
  const key = own(work.state.subagents, subagent);
  if (key === undefined) return;
  say(work, { type: "message_done", key });
  patch(work, { subagents: without(work.state.subagents, subagent) });
}

function addPart(
  work: Draft,
  key: string,
  role: "assistant" | "tool" | "system" | "user",
  part: Part,
  subagent: string | undefined,
): void {
  say(work, { type: "part", key, role, part, ...given({ subagent }) });
}
