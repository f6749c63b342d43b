/**
 * OpenCode, behind our bridge: the bridge speaks HTTP with `opencode serve` and finds out what is true there; this
 * codec turns the bridge's lines into facts, one for one. What a permission mode means to OpenCode: opencode-launch.ts.
 */
import { answerCommand, permissionFact, questionFact } from "./asks.ts";
import { heldGrants, launch, startCommand, traits } from "./launch.ts";
import { limitOfRetry, nextTry } from "./limit.ts";
import type { BridgeCommand, BridgeLine } from "./lines.ts";
import { readBridgeLine } from "./lines.ts";
import type { OpenCodeState } from "./state.ts";
import { readOpenCodeState } from "./stored.ts";
import type { Codec, Frame, LaunchContext, ProviderFact, Step } from "../contract.ts";
import type { PromptInput } from "../../words/said.ts";
import { given } from "../../lib/given.ts";

export const opencodeCodec: Codec<OpenCodeState> = {
  kind: "opencode",
  traits,
  launch,
  read: readOpenCodeState,
  start({ launch: context, grants }) {
    const start = startCommand(context, grants);
    return { state: { start, session: null }, facts: dropped(context, grants), lines: lines(start) };
  },
  adopt(state, { unconfirmed, unsettled, interrupting }) {
    // The bridge knows what it has had before: everything may be said again.
    const commands: BridgeCommand[] = state.start === null ? [] : [state.start];
    commands.push(...unconfirmed.map(promptCommand), ...unsettled.map(answerCommand));
    if (interrupting) commands.push({ cmd: "interrupt" });
    return { state, facts: [], lines: lines(...commands) };
  },
  isFrame: (json) => readBridgeLine(json) !== null,
  frame: onFrame,
  prompt: (state, input) => ({ state, facts: [], lines: lines(promptCommand(input)) }),
  interrupt: (state) => ({ state, facts: [], lines: lines({ cmd: "interrupt" }) }),
  answer: (state, answer) => ({ state, facts: [], lines: lines(answerCommand(answer)) }),
  farewell: () => ({ lines: lines({ cmd: "end" }), graceMs: 6000 }),
  /** The bridge, the server, and the shell that ends the server should the bridge be killed. */
  ownProcesses: () => 3,
  exit: () => [],
};

function dropped({ permissions }: LaunchContext, grants: readonly unknown[]): readonly ProviderFact[] {
  const { dropped } = heldGrants(grants);
  if (permissions !== "ask" || dropped === 0) return [];
  const message = `${dropped} of what was always allowed is too long to be given to a new OpenCode: it will be asked again`;
  return [{ type: "note", level: "info", code: "grants_dropped", message }];
}

function lines(...commands: readonly BridgeCommand[]): string[] {
  return commands.map((command) => JSON.stringify(command));
}

/** OpenCode's slash commands are another endpoint, so a text is always taken as it is, `raw` or not. */
function promptCommand({ key, text, writtenAtMs, pictures = [] }: PromptInput): BridgeCommand {
  const files = pictures.map(({ mediaType, name, path }) => ({ mime: mediaType, filename: name, url: fileUrl(path) }));
  return { cmd: "prompt", key, text, writtenAtMs, files };
}

const fileUrl = (path: string): string => `file://${path.split("/").map(encodeURIComponent).join("/")}`;

function onFrame(state: OpenCodeState, { json }: Frame, nowMs: number): Step<OpenCodeState> {
  const line = readBridgeLine(json);
  if (line === null) return { state, facts: [{ type: "unknown_frame", kind: "no line of the bridge" }], lines: [] };
  if (line.t !== "ready") return { state, facts: toFacts(line, nowMs), lines: [] };
  return {
    state: { start: null, session: line.session },
    facts: [
      { type: "session", id: line.session },
      { type: "ready", ...(line.version === "" ? {} : { version: line.version }) },
    ],
    lines: [],
  };
}

function toFacts(line: Exclude<BridgeLine, { t: "ready" }>, nowMs: number): readonly ProviderFact[] {
  if (line.t !== "retry") return [toFact(line)];
  const { attempt, reason } = line;
  const limit = limitOfRetry(line, nowMs);
  return [
    { type: "retrying", attempt, reason, status: null, ...given({ nextAt: nextTry(line, nowMs) }) },
    ...(limit === null ? [] : [{ type: "limited" as const, ...limit }]),
  ];
}

function toFact(line: Exclude<BridgeLine, { t: "ready" | "retry" }>): ProviderFact {
  switch (line.t) {
    case "start_failed":
      return { type: "start_failed", code: line.code, message: line.message };
    case "accepted":
      return { type: "input_accepted", key: line.key };
    case "busy":
      return { type: "turn_started" };
    case "turn":
      return {
        type: "turn_ended",
        outcome: line.outcome,
        ...(line.error === null ? {} : { error: line.error }),
        ...(line.account === undefined
          ? {}
          : {
              limit: { class: line.account, scope: line.account, resetsAt: null, message: line.error?.message ?? "" },
            }),
      };
    case "part":
      return {
        type: "part",
        key: line.message,
        role: line.role,
        part: line.part,
        ...(line.child === null ? {} : { subagent: line.child }),
      };
    case "message":
      return { type: "message_done", key: line.message };
    case "delta":
      return { type: "delta", key: line.message, text: line.text };
    case "asked":
      return permissionFact(line.ask);
    case "question":
      return questionFact(line.id, line.questions, line.child);
    case "closed":
      return { type: "permission_closed", id: line.id };
    case "retry_over":
      return { type: "retry_over" };
    case "background":
      return { type: "background", tasks: line.tasks };
    case "usage":
      return { type: "usage", usage: line.usage, ...given({ open: line.open }) };
    case "note":
      return { type: "note", level: line.level, code: line.code, message: line.message };
    case "unknown":
      return { type: "unknown_frame", kind: line.kind };
  }
}
