/**
 * Provider `claude-code`: Claude Code as a long-lived child that speaks stream-json on stdin and stdout.
 *
 * Status comes only from its `session_state_changed` lines, receipts of inputs only from `command_lifecycle`; every
 * input carries a uuid by which the program itself recognises it over processes. The parts: -launch (argv, env),
 * -handshake, -frames (which line is what), -turn (begin and end), -messages, -permissions, -wire, -state.
 */
import { own } from "../../lib/own.ts";
import { readLine } from "./frames.ts";
import { claudeLaunch, claudeTraits, resumedSession } from "./launch.ts";
import { answerLine, closePermissions, permissionAnswered, reapplyGrants, rememberAlways } from "./permissions.ts";
import { ask, type ClaudeState, type Draft, initialState, patchEnding } from "./state.ts";
import { readClaudeState } from "./stored.ts";
import { maybeText } from "../read.ts";
import { promptLine, requestLine } from "./wire.ts";
import type { Codec } from "../contract.ts";
import { draftOf, patch, say, send, stepOf } from "../draft.ts";
import type { PromptInput } from "../../words/said.ts";

export type { ClaudeState } from "./state.ts";

export const claudeCodec: Codec<ClaudeState> = {
  kind: "claude-code",
  traits: claudeTraits,
  launch: claudeLaunch,
  read: readClaudeState,

  start({ launch, grants }) {
    const work = draftOf(initialState(resumedSession(launch)));
    // Without members, so that the program keeps its own system prompt.
    ask(work, "initialize", { subtype: "initialize" });
    if (launch.permissions === "ask") reapplyGrants(work, grants);
    return stepOf(work);
  },

  adopt(state, { unconfirmed, unsettled, open, interrupting }) {
    const work = draftOf(state);
    for (const id of open) {
      if (own(work.state.open, id) === undefined)
        patch(work, { open: { ...work.state.open, [id]: { call: "", answered: false } } });
    }
    // Allowed at any time; its reply lists what the program waits for, which settles every doubt about permissions.
    ask(work, "initialize", { subtype: "initialize" });
    for (const answer of unsettled) {
      send(work, answerLine(answer));
      permissionAnswered(work, answer.id);
    }
    for (const input of unconfirmed) write(work, input);
    if (interrupting) interrupt(work);
    return stepOf(work);
  },

  isFrame: (json) => maybeText(json, "type") !== undefined,

  frame(state, { raw, json }, nowMs) {
    const work = draftOf(state);
    readLine(work, raw, json, nowMs);
    return stepOf(work);
  },

  prompt(state, input) {
    const work = draftOf(state);
    write(work, input);
    return stepOf(work);
  },

  interrupt(state) {
    const work = draftOf(state);
    interrupt(work);
    return stepOf(work);
  },

  answer(state, answer) {
    const work = draftOf(state);
    send(work, answerLine(answer));
    permissionAnswered(work, answer.id);
    if (answer.decision === "allow_always") rememberAlways(work, [answer.data]);
    return stepOf(work);
  },

  // Idle, it goes in some 10 ms with exit code 0; in a turn it ends that first. A signal would leave tools running.
  farewell: () => ({ lines: [requestLine("ah-farewell", { subtype: "end_session" })], graceMs: 5_000 }),

  exit(state, { stderrTail }) {
    const work = draftOf(state);
    closePermissions(work, () => true);
    // The process before died between the conversation's first line on disk and its first line to us.
    const inUse = /Session ID (\S+) is already in use/.exec(stderrTail);
    if (!state.ready && inUse?.[1] !== undefined) say(work, { type: "session", id: inUse[1] });
    return work.facts;
  },
};

function write(work: Draft, input: PromptInput): void {
  send(work, promptLine(input));
  patch(work, {
    turn: true,
    inputs: { ...work.state.inputs, [input.key]: own(work.state.inputs, input.key) ?? "written" },
  });
}

/** `cancel_queued` reaches an input that is not yet running; there is at most one, ours. */
function interrupt(work: Draft): void {
  if (work.state.ending.result !== null && work.state.tasks > 0) patchEnding(work, { cutShort: true });
  ask(work, "interrupt", { subtype: "interrupt", cancel_queued: true });
}
