/**
 * The Pi coding agent in RPC mode (`pi --mode rpc`): commands and answers as JSON lines on stdin and stdout.
 *
 * Pi prints nothing by itself at the start: it is ready when it has answered our questions. Commands are serialised
 * against its races: a second prompt before the first one's agent_start would be lost, an abort before it ignored.
 */
import { own } from "../../lib/own.ts";
import { answerDialog, closeDialogs, forget, openDialog, readGrants, repeatGrants } from "./dialogs.ts";
import { askHistory, onHistoryResponse, pendingCheck, wireText } from "./history.ts";
import { launch, traits } from "./launch.ts";
import {
  abort,
  addUsage,
  askHandled,
  messageKey,
  onAgentStart,
  onHandledCheck,
  onMessage,
  onPromptResponse,
  onRetryEnd,
  onRetryStart,
  onSettled,
} from "./run.ts";
import type { Draft, PiState } from "./state.ts";
import { command, initialState } from "./state.ts";
import { readPiState } from "./stored.ts";
import type { PiFrame } from "./wire.ts";
import { readPiFrame, readTotals } from "./wire.ts";
import type { AdoptContext, Codec, Frame, StartContext, Step } from "../contract.ts";
import { type Fields, fields, idOf, number, text } from "../read.ts";
import { draftOf, patch, say, stepOf } from "../draft.ts";
import type { PromptInput } from "../../words/said.ts";
import { given } from "../../lib/given.ts";

export type { PiState } from "./state.ts";

/**
 * The oldest version with everything that this codec rests on: agent_settled, --session-id, delta-only updates,
 * clear_queue.
 */
const PI_MINIMUM = "0.84.4";

/**
 * `clear_queue` came last of all that we need, so knowing it is being new enough. Pi does not tell its version in RPC
 * mode.
 */
const HANDSHAKE = { state: "get_state", queue: "clear_queue", stats: "get_session_stats" } as const;
const handshakeId = (command: string) => `handshake-${command}`;

export const piCodec: Codec<PiState> = {
  kind: "pi",
  traits,
  launch,
  read: readPiState,
  start,
  adopt,
  isFrame: (json) => text(json, "type") !== "",
  frame: onFrame,
  prompt,
  interrupt(state) {
    const work = draftOf(state);
    if (state.run !== "none") abort(work);
    else if (state.prompt !== null) patch(work, { interrupt: "wanted" });
    return stepOf(work);
  },
  answer(state, answer) {
    const work = draftOf(state);
    answerDialog(work, answer);
    return stepOf(work);
  },
  // Its stdin never ends (the FIFO is held open), and there is no command to leave: SIGTERM is the graceful way.
  farewell: () => ({ lines: [], graceMs: 0 }),
  exit: () => [],
};

function start({ launch: { model, permissions }, unconfirmed, grants }: StartContext): Step<PiState> {
  const commands = Object.values(HANDSHAKE);
  const work = draftOf<PiState>({
    ...initialState,
    awaited: commands.map(handshakeId),
    modelGiven: model !== null,
    grants: permissions === "ask" ? readGrants(grants) : [],
    history: pendingCheck(unconfirmed),
  });
  for (const type of commands) command(work, { id: handshakeId(type), type });
  return stepOf(work);
}

/**
 * The same process, a new daemon. Lines that may have died with the old one are said again; Pi ignores what it gets
 * twice of them. Prompts are not among them: whether their line went out is known, and a second one would run a second
 * time.
 */
function adopt(state: PiState, { unsettled, open, interrupting }: AdoptContext): Step<PiState> {
  const work = draftOf(state);
  for (const answer of unsettled) answerDialog(work, answer);
  for (const id of open) {
    if (own(state.dialogs, id) === undefined) forget(work, id);
  }
  repeatGrants(work);
  askHandled(work);
  askHistory(work);
  if (interrupting && state.run !== "none") abort(work);
  else if (interrupting && state.prompt !== null) patch(work, { interrupt: "wanted" });
  return stepOf(work);
}

function prompt(state: PiState, input: PromptInput): Step<PiState> {
  const work = draftOf(state);
  patch(work, { prompt: { key: input.key, answered: false, accepted: false, queued: state.run !== "none" } });
  // With `followUp` a prompt during a run that began by itself waits for its end; without it, it would be refused.
  const images = input.pictures?.map(({ mediaType, dataBase64 }) => ({
    type: "image",
    data: dataBase64,
    mimeType: mediaType,
  }));
  command(work, {
    id: input.key,
    type: "prompt",
    message: wireText(input),
    streamingBehavior: "followUp",
    ...given({ images }),
  });
  return stepOf(work);
}

function onFrame(state: PiState, { json }: Frame, nowMs: number): Step<PiState> {
  const work = draftOf(state);
  const frame = readPiFrame(json);
  closeDialogs(work, frame);
  apply(work, frame, nowMs);
  return stepOf(work);
}

function apply(work: Draft, frame: PiFrame, nowMs: number): void {
  switch (frame.kind) {
    case "response":
      return onResponse(work, frame, nowMs);
    case "agent_start":
      return onAgentStart(work);
    case "turn_end":
    case "agent_end":
      if (work.state.run === "started") patch(work, { run: "ending" });
      return;
    case "agent_settled":
      return onSettled(work, frame.aborted, nowMs);
    case "assistant_start":
      return;
    case "text_delta":
      say(work, { type: "delta", key: messageKey(work), text: frame.text });
      return;
    case "message_end":
      return onMessage(work, frame.message);
    case "tool_start":
      return patch(work, { tools: [...work.state.tools.filter((call) => call !== frame.call), frame.call] });
    case "tool_update":
      return;
    case "tool_end":
      return patch(work, { tools: work.state.tools.filter((call) => call !== frame.call) });
    case "retry_start":
      return onRetryStart(work, frame.attempt, frame.reason);
    case "retry_end":
      return onRetryEnd(work);
    case "compaction_start":
      say(work, {
        type: "note",
        level: "info",
        code: "compaction",
        message: `Pi shortens its context (${frame.reason})`,
      });
      return;
    case "compaction_end":
      if (frame.usage !== null) addUsage(work, frame.usage);
      if (frame.error !== "")
        say(work, { type: "note", level: "warn", code: "compaction_failed", message: frame.error });
      return;
    case "dialog":
      return openDialog(work, frame.dialog);
    case "notice":
      say(work, { type: "note", level: frame.level, code: frame.code, message: frame.text });
      return;
    case "silent":
      return;
    case "unknown":
      say(work, { type: "unknown_frame", kind: frame.name });
      return;
  }
}

function onResponse(work: Draft, frame: Extract<PiFrame, { kind: "response" }>, nowMs: number): void {
  if (frame.command === "prompt") return onPromptResponse(work, frame, nowMs);
  if (onHistoryResponse(work, frame) || onHandledCheck(work, frame)) return;
  if (work.state.awaited.includes(frame.id)) return onHandshake(work, frame);
  // A line that a death of ours cut in two is answered like this, once, after the LF that mends it. Whoever else writes
  // into its input may do so for hours: that is told once, too.
  if (frame.command !== "parse") return;
  if (work.state.torn) return say(work, { type: "unknown_frame", kind: "no JSON" });
  say(work, { type: "note", level: "warn", code: "torn_line", message: frame.error });
  patch(work, { torn: true });
}

function onHandshake(work: Draft, frame: Extract<PiFrame, { kind: "response" }>): void {
  if (work.state.refused) return;
  if (frame.command === HANDSHAKE.queue && !frame.ok) {
    return refuse(
      work,
      "VERSION_UNSUPPORTED",
      `this Pi is older than ${PI_MINIMUM} (it answered "${frame.error}"): install a newer @earendil-works/pi-coding-agent, on Node 22.19 or newer`,
    );
  }
  if (frame.command === HANDSHAKE.state) {
    if (!frame.ok) return refuse(work, "START_FAILED", `Pi did not tell its state: ${frame.error}`);
    const session = idOf(frame.result, "sessionId");
    if (session !== "") {
      patch(work, { session });
      say(work, { type: "session", id: session });
    }
    if (!work.state.modelGiven) say(work, modelNote(fields(frame.result, "model")));
  }
  // Without statistics the totals are those of this process only.
  if (frame.command === HANDSHAKE.stats && frame.ok) {
    const totals = readTotals(frame.result["tokens"]);
    if (totals !== null) addUsage(work, { ...totals, cost: number(frame.result, "cost") });
  }
  patch(work, { awaited: work.state.awaited.filter((id) => id !== frame.id) });
  if (work.state.awaited.length > 0) return;
  say(work, { type: "ready" });
  if (work.state.history?.stage === "handshake") askHistory(work);
}

function refuse(work: Draft, code: string, message: string): void {
  patch(work, { refused: true });
  say(work, { type: "start_failed", code, message });
}

/** Pi takes another provider's model when the default one's key is missing, and says nothing. So we do. */
function modelNote(model: Fields): {
  type: "note";
  level: "info";
  code: string;
  message: string;
} {
  const id = idOf(model, "id");
  const chosen = id === "" ? "found none" : `chose ${text(model, "provider")}/${id}`;
  return {
    type: "note",
    level: "info",
    code: "model_not_set",
    message: `no model is set, so Pi ${chosen} by itself; set "model" to be sure of it`,
  };
}
