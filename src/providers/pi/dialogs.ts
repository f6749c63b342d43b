/**
 * What Pi waits for a person with: the dialogs of our own extension (permission for a tool, a question of the model)
 * and those of the user's other extensions (shown as questions). Pi never says that a dialog is over, so that is
 * inferred.
 */
import { own } from "../../lib/own.ts";
import type { ProviderFact } from "../contract.ts";
import type { Answer } from "../../words/said.ts";
import { titleText } from "../../lib/text.ts";
import { ANSWERS, MARK } from "./extension.ts";
import type { Draft } from "./state.ts";
import { command } from "./state.ts";
import type { PiDialog, PiFrame } from "./wire.ts";
import { grantName } from "../grant.ts";
import { type Fields, idOf, isFields, text } from "../read.ts";
import { patch, say } from "../draft.ts";

export function openDialog(work: Draft, dialog: PiDialog): void {
  const mark = readMark(dialog.title);
  const grant = grantName(text(mark, "grant"));
  const granted = mark["ask"] === "tool" && work.state.grants.includes(grant);
  const running = work.state.tools;
  const call = idOf(mark, "call") || (running.length === 1 ? (running[0] ?? null) : null);
  patch(work, { dialogs: { ...work.state.dialogs, [dialog.id]: { call, answered: granted, granted } } });
  if (granted) return sendGrant(work, dialog.id);
  say(work, mark["ask"] === "tool" ? toolPermission(dialog, mark, grant) : question(dialog, mark));
}

/** Allowed for the agent's life before this process began: from now on the extension remembers it itself. */
function sendGrant(work: Draft, id: string): void {
  command(work, { type: "extension_ui_response", id, value: ANSWERS.allowAlways });
}

/** A new daemon says again what the old one may have died before saying. */
export function repeatGrants(work: Draft): void {
  for (const [id, dialog] of Object.entries(work.state.dialogs)) if (dialog.granted) sendGrant(work, id);
}

function toolPermission(dialog: PiDialog, mark: Fields, grant: string): ProviderFact {
  const tool = text(mark, "tool");
  const input = mark["input"];
  const subject = isFields(input) ? text(input, "command") || text(input, "path") || JSON.stringify(input) : "";
  return {
    type: "permission",
    id: dialog.id,
    kind: "tool",
    tool,
    title: titleText(`${tool}: ${subject}`),
    detail: { input, allowAlways: text(mark, "scope") },
    options: ["allow", "allow_always", "deny"],
    data: { method: dialog.method, grant },
  };
}

function question(dialog: PiDialog, mark: Fields): ProviderFact {
  const asked = text(mark, "question") || dialog.title;
  return {
    type: "permission",
    id: dialog.id,
    kind: "question",
    tool: mark["ask"] === "question" ? "ask_user" : dialog.method,
    title: titleText(asked),
    detail: {
      questions: [{ question: asked, options: dialog.options.map((label) => ({ label })), multiSelect: false }],
      ...(dialog.message === "" ? {} : { message: dialog.message }),
    },
    options: ["allow", "deny"],
    data: { method: dialog.method, question: asked },
  };
}

/** The line that answers a dialog. Late, double and unknown answers are ignored by Pi. */
export function answerDialog(work: Draft, answer: Answer): void {
  const data = isFields(answer.data) ? answer.data : {};
  const grant = grantName(text(data, "grant"));
  if (answer.decision === "allow_always" && grant !== "" && !work.state.grants.includes(grant)) {
    patch(work, { grants: [...work.state.grants, grant] });
  }
  command(work, {
    type: "extension_ui_response",
    id: answer.id,
    ...answerValue(answer, text(data, "method"), text(data, "question")),
  });
  const open = own(work.state.dialogs, answer.id);
  if (open !== undefined) patch(work, { dialogs: { ...work.state.dialogs, [answer.id]: { ...open, answered: true } } });
}

function answerValue(answer: Answer, method: string, asked: string): Fields {
  if (answer.kind === "tool") {
    if (answer.decision === "allow") return { value: ANSWERS.allow };
    if (answer.decision === "allow_always") return { value: ANSWERS.allowAlways };
    return { value: answer.message === undefined ? ANSWERS.deny : `${ANSWERS.deny}: ${answer.message}` };
  }
  if (answer.decision === "deny") return { cancelled: true };
  if (method === "confirm") return { confirmed: true };
  const chosen = answer.answers?.[asked] ?? Object.values(answer.answers ?? {})[0] ?? answer.message;
  if (chosen === undefined) return { cancelled: true }; // an answer is never made up
  return { value: typeof chosen === "string" ? chosen : chosen.join(", ") };
}

/**
 * Closes what this frame shows to be over. An answered dialog is over at the next frame of the run. One that nobody
 * answered (abort, timeout of its extension) is over when its tool call goes on or ends, or when the whole batch has:
 * other calls of the batch may run on while it is open.
 */
export function closeDialogs(work: Draft, frame: PiFrame): void {
  if (frame.kind === "response" || frame.kind === "dialog" || frame.kind === "notice" || frame.kind === "unknown")
    return;
  if (frame.kind === "silent" && !frame.ofRun) return;
  const batchOver =
    frame.kind === "assistant_start" ||
    frame.kind === "turn_end" ||
    frame.kind === "agent_start" ||
    frame.kind === "agent_end" ||
    frame.kind === "agent_settled";
  const ownCall = frame.kind === "tool_update" || frame.kind === "tool_end" ? frame.call : undefined;
  for (const [id, dialog] of Object.entries(work.state.dialogs)) {
    if (dialog.answered || batchOver || (ownCall !== undefined && dialog.call === ownCall)) forget(work, id);
  }
}

export function forget(work: Draft, id: string): void {
  const { [id]: _closed, ...dialogs } = work.state.dialogs;
  patch(work, { dialogs });
  say(work, { type: "permission_closed", id });
}

/** The `data` of earlier answers "allow_always". */
export function readGrants(grants: readonly unknown[]): string[] {
  return [...new Set(grants.map((data) => grantName(text(data, "grant"))).filter((grant) => grant !== ""))];
}

function readMark(title: string): Fields {
  if (!title.startsWith(MARK)) return {};
  try {
    const mark: unknown = JSON.parse(title.slice(MARK.length));
    return isFields(mark) ? mark : {};
  } catch {
    return {}; // somebody else's dialog that begins like ours: shown as it is
  }
}
