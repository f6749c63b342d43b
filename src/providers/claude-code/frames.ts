/** One line of Claude Code's stdout: which kind it is, and who knows about it. */
import { own } from "../../lib/own.ts";
import { initialized, refuse, startFailed } from "./handshake.ts";
import { assistantLine, streamEvent, userLine } from "./messages.ts";
import { rateLimitEvent, retryAnnounced } from "./limit.ts";
import { closePermissions, permissionAsked } from "./permissions.ts";
import { type Draft } from "./state.ts";
import { inputProgress, interruptAnswered, resultLine, retryOver, stateSaid } from "./turn.ts";
import { refusalLine } from "./wire.ts";
import { type Fields, fields, isFields, items, maybeIdOf, maybeText } from "../read.ts";
import { patch, say, send, without } from "../draft.ts";

/** Known kinds that carry nothing for us: progress of tasks and hooks, listings, screen matters. */
const silentSystem = new Set([
  "status",
  "thinking_tokens",
  "thinking",
  "task_started",
  "task_progress",
  "task_updated",
  "task_notification",
  "task_summary",
  "task_list_statuses",
  "hook_started",
  "hook_progress",
  "hook_response",
  "stop_hook_summary",
  "turn_duration",
  "commands_changed",
  "session_title_changed",
  "session_metadata",
  "files_persisted",
  "file_snapshot",
  "memory_recall",
  "memory_saved",
  "post_turn_summary",
  "permission_check_status",
  "per_turn_effort_changed",
  "shell_cwd",
  "vcs_state_changed",
  "plugin_install",
  "control_request_progress",
]);
/** Known kinds that a person may want to know of. */
const notedSystem: Readonly<Record<string, "info" | "warn">> = {
  permission_denied: "info",
  compact_boundary: "info",
  model_fallback: "warn",
  model_refusal_fallback: "warn",
  api_error: "warn",
  model_refusal_no_fallback: "warn",
  informational: "info",
  notification: "info",
  session_writes_lost: "warn",
  mirror_error: "warn",
  instruction_size_warning: "warn",
  local_command_output: "info",
  agents_killed: "info",
  late_allow_not_run: "warn",
};
const silentTypes = new Set(["keep_alive", "prompt_suggestion", "tool_progress", "tool_use_summary", "auth_status"]);

export function readLine(work: Draft, raw: string, line: unknown, nowMs: number): void {
  if (!isFields(line)) {
    if (raw.trim() !== "") say(work, { type: "unknown_frame", kind: "no JSON object" });
    return;
  }
  const type = maybeText(line, "type") ?? "?";
  if (type === "control_response") return controlResponse(work, fields(line, "response"));
  if (work.state.refused) return;
  if (!work.state.ready) {
    if (type === "result") startFailed(work, line);
    return; // Hooks of the start; an adopted process that was not ready yet tells everything again.
  }
  sessionSeen(work, type, line);
  switch (type) {
    case "system":
      return systemLine(work, line, nowMs);
    case "command_lifecycle":
      return inputProgress(work, line);
    case "assistant":
      retryOver(work);
      return assistantLine(work, line);
    case "user":
      return userLine(work, line);
    case "stream_event":
      retryOver(work);
      return streamEvent(work, line);
    case "result":
      retryOver(work);
      return resultLine(work, line);
    case "control_request":
      return controlRequest(work, line);
    case "control_cancel_request":
      return closePermissions(work, (_open, id) => id === maybeIdOf(line, "request_id"));
    case "rate_limit_event":
      return rateLimitEvent(work, line);
    case "conversation_reset":
      // `/clear`. Its `new_conversation_id` cannot be resumed; the id that can is in the lines that follow.
      say(work, {
        type: "note",
        level: "info",
        code: "conversation_reset",
        message: "the conversation was cleared and goes on under a new id",
      });
      return;
    default:
      if (!silentTypes.has(type)) say(work, { type: "unknown_frame", kind: type });
  }
}

/**
 * The conversation can be resumed only once its file exists, about 100 ms after `init`: a process killed before that
 * has left nothing. These are the first lines that come later than the file is begun.
 */
const afterFile = new Set(["assistant", "user", "result", "stream_event", "control_request"]);

function sessionSeen(work: Draft, type: string, line: Fields): void {
  const id = maybeIdOf(line, "session_id");
  const late = afterFile.has(type) || (type === "system" && line["subtype"] === "api_retry");
  if (id === undefined || id === work.state.session || !late) return;
  patch(work, { session: id });
  say(work, { type: "session", id });
}

function systemLine(work: Draft, line: Fields, nowMs: number): void {
  const subtype = maybeText(line, "subtype") ?? "?";
  switch (subtype) {
    case "session_state_changed":
      return stateSaid(work, maybeText(line, "state"));
    case "api_retry":
      return retryAnnounced(work, line, nowMs);
    case "init": {
      // Told before every turn; older programs name their version nowhere else.
      const version = maybeText(line, "claude_code_version");
      if (version !== undefined) say(work, { type: "ready", version });
      return;
    }
    case "background_tasks_changed": {
      const tasks = items(line, "tasks").length;
      patch(work, { tasks });
      say(work, { type: "background", tasks });
      return;
    }
    default: {
      const level = own(notedSystem, subtype);
      if (level !== undefined) say(work, { type: "note", level, code: subtype, message: noteText(line, subtype) });
      else if (!silentSystem.has(subtype)) say(work, { type: "unknown_frame", kind: `system/${subtype}` });
    }
  }
}

function noteText(line: Fields, subtype: string): string {
  const words = ["message", "content", "text", "error"]
    .map((name) => maybeText(line, name))
    .find((value) => value !== undefined);
  const tool = maybeText(line, "tool_name");
  return `${tool === undefined ? "" : `${tool}: `}${words ?? subtype.replaceAll("_", " ")}`;
}

function controlRequest(work: Draft, line: Fields): void {
  const id = maybeIdOf(line, "request_id");
  const request = fields(line, "request");
  if (id === undefined) return;
  if (request["subtype"] === "can_use_tool") {
    // The same request again (a resync) is the same question.
    if (own(work.state.open, id) === undefined) permissionAsked(work, id, request);
    return;
  }
  const kind = maybeText(request, "subtype") ?? "?";
  send(work, refusalLine(id, `${kind} is not supported by this host`));
  say(work, { type: "unknown_frame", kind: `control_request/${kind}` });
}

function controlResponse(work: Draft, response: Fields): void {
  const id = maybeIdOf(response, "request_id") ?? "";
  const purpose = own(work.state.asked, id);
  if (purpose === undefined) return; // Of a request that another daemon made, or of our farewell.
  patch(work, { asked: without(work.state.asked, id) });
  const failed = response["subtype"] !== "success";
  const error = maybeText(response, "error") ?? "no reason given";
  switch (purpose) {
    case "initialize":
      if (!failed) initialized(work, response);
      else if (work.state.ready) say(work, { type: "note", level: "warn", code: "resync_failed", message: error });
      else refuse(work, "HANDSHAKE_FAILED", `Claude Code refused the handshake: ${error}`);
      return;
    case "interrupt":
      if (failed) say(work, { type: "note", level: "warn", code: "interrupt_refused", message: error });
      else interruptAnswered(work, fields(response, "response"));
      return;
    case "grants":
      if (failed)
        say(work, {
          type: "note",
          level: "warn",
          code: "grants_dropped",
          message: `permissions given for good must be given again: ${error}`,
        });
  }
}
