/** Claude Code's handshake: is this program new enough, does it have the conversation, and what is it waiting for? */
import { own } from "../../lib/own.ts";
import { freeSession } from "./launch.ts";
import { closePermissions, permissionAsked } from "./permissions.ts";
import { type Draft } from "./state.ts";
import { resultErrors, stateSaid } from "./turn.ts";
import type { ProviderFact } from "../contract.ts";
import { type Fields, fields, items, maybeIdOf, maybeText } from "../read.ts";
import { patch, say } from "../draft.ts";
import { given } from "../../lib/given.ts";

/**
 * The first version whose `initialize` reply is sure to list the permission requests that wait. What a program can do
 * decides, not its number: the reply names that only from 2.1.296 on.
 */
const NEEDED_VERSION = "2.1.268";

/** The response to `initialize`, of a new process (`first`) or of one that a new daemon took over. */
export function initialized(work: Draft, response: Fields): void {
  const reply = fields(response, "response");
  if (!work.state.ready) {
    const version = maybeText(reply, "claude_code_version");
    const capable =
      maybeText(reply, "session_state") !== undefined && Array.isArray(response["pending_permission_requests"]);
    if (!capable) {
      const found = version ?? "one that does not tell its version here (see claude --version)";
      const message = `Claude Code ${NEEDED_VERSION} or newer is needed, for it must tell what it waits for; found ${found}: update it (npm install -g @anthropic-ai/claude-code@latest)`;
      refuse(work, "VERSION_UNSUPPORTED", message);
      return;
    }
    patch(work, { ready: true });
    say(work, login(fields(reply, "account")), { type: "ready", ...given({ version }) });
  }
  const pending = items(response, "pending_permission_requests");
  const ids = pending.map((request) => maybeIdOf(request, "request_id"));
  closePermissions(work, (_open, id) => !ids.includes(id));
  for (const request of pending) {
    const id = maybeIdOf(request, "request_id");
    if (id !== undefined && own(work.state.open, id) === undefined)
      permissionAsked(work, id, fields(request, "request"));
  }
  const says = maybeText(reply, "session_state");
  if (says === "running" || says === "requires_action" || work.state.turn) stateSaid(work, says);
}

/** `apiKeySource` and `tokenSource` name where a credential was found, and are missing or "none" where none was. */
function login(account: Fields): Extract<ProviderFact, { type: "login" }> {
  const sources = [maybeText(account, "apiKeySource"), maybeText(account, "tokenSource")].filter(
    (source) => source !== undefined && source !== "none",
  );
  if (sources.length > 0) return { type: "login", loggedIn: true, detail: `credential from ${sources.join(", ")}` };
  return {
    type: "login",
    loggedIn: false,
    detail: "not logged in: run claude and /login once, or set ANTHROPIC_API_KEY",
  };
}

/** A `result` before the handshake: the program says why it will not start. */
export function startFailed(work: Draft, line: Fields): void {
  const message = resultErrors(line);
  const { resuming } = work.state;
  if (resuming !== null && message.includes("No conversation found")) {
    // Sessions are deleted after some weeks, or their process died before it wrote the first line. The id is free
    // again.
    say(work, { type: "session", id: freeSession(resuming) });
    const cure = "it was deleted, or its process died in its first moment; the next input begins a new conversation";
    refuse(work, "SESSION_NOT_FOUND", `Claude Code has no conversation ${resuming} any more: ${cure}`);
    return;
  }
  refuse(work, (maybeText(line, "startup_failure_reason") ?? "start_failed").toUpperCase(), message);
}

export function refuse(work: Draft, code: string, message: string): void {
  if (work.state.refused) return;
  patch(work, { refused: true });
  say(work, { type: "start_failed", code, message });
}
