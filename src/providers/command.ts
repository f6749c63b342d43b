/**
 * The codec of kind `command`: any plain program, one process a turn. The prompt is its stdin or its last argument,
 * its whole stdout is the answer, its exit ends the turn. It owns nothing but argv and the reading of the exit;
 * a plain program has no conversation, no questions and no model switch, and this file never pretends that it has.
 */
import { given } from "../lib/given.ts";
import { aFlag, aText, orNull, type Reader, readStored, shapeOf } from "../lib/stored.ts";
import type { TurnError } from "../words/agent.ts";
import { type Codec, type ExitContext, type LaunchContext, LaunchRefused, type ProviderFact } from "./contract.ts";

export interface CommandState {
  /** Key of the input that this process answers; null until it was handed over. */
  readonly input: string | null;
  readonly interrupting: boolean;
}

/** Both must be there: they say whether the exit is an answer, and whether it was asked for. */
const stored: Reader<CommandState> = shapeOf<CommandState>({ input: orNull(aText), interrupting: aFlag });

/** A run has one answer, so its key may be a constant. */
const ANSWER = "answer";

/** Linux refuses a single argument of 128 KiB (MAX_ARG_STRLEN, its closing NUL included) with a bare E2BIG. */
const MAX_ARG_BYTES = 131_071;

const STDERR_CHARS = 2_000;

export const commandCodec: Codec<CommandState> = {
  kind: "command",
  traits: {
    redelivery: "none",
    tornLine: "newline",
    oneshot: true,
    startDeadlineMs: 10_000,
    metering: { tokens: "no", costUsd: "no" },
    maxPromptChars: null,
    passEnv: [],
    stripEnv: [],
  },

  launch(context) {
    if (context.model !== null) {
      throw new LaunchRefused(
        "MODEL_UNSUPPORTED",
        "a plain command has no model switch: leave `model` out and name it in providers.X.args",
      );
    }
    if (context.systemPrompt !== null) {
      throw new LaunchRefused(
        "SYSTEM_PROMPT_UNSUPPORTED",
        "a plain command has no system prompt: leave `systemPrompt` out and put it into the input",
      );
    }
    return { argv: [...context.command, ...context.args, ...promptArgument(context)], env: {} };
  },

  read: (json) => readStored(stored, json),

  start({ launch }) {
    return {
      state: { input: null, interrupting: false },
      facts: [{ type: "ready" }, ...notEnforced(launch)],
      lines: [],
    };
  },

  adopt(state) {
    return { state, facts: [], lines: [] };
  },

  isFrame: () => false,

  /** Shown live only: the message is taken whole at the exit, so that a line cut by a restart cannot spoil it. */
  frame(state, { raw }) {
    return { state, facts: [{ type: "delta", key: ANSWER, text: `${raw}\n` }], lines: [] };
  },

  /** The process was spawned with the text, so it has it: from here on only the exit counts. */
  prompt(state, { key }) {
    return {
      state: { ...state, input: key },
      facts: [{ type: "input_accepted", key }, { type: "turn_started" }],
      lines: [],
    };
  },

  /** There is no line to send: the caller signals the process (`farewell`); its exit then reads as interrupted. */
  interrupt(state) {
    return { state: { ...state, interrupting: true }, facts: [], lines: [] };
  },

  answer(state) {
    return { state, facts: [], lines: [] };
  },

  farewell() {
    return { lines: [], graceMs: 0 };
  },

  exit(state, context) {
    if (state.input === null) return [];
    const text = context.stdout?.text ?? "";
    const truncated = context.stdout?.truncated || undefined;
    const facts: ProviderFact[] = [
      { type: "part", key: ANSWER, role: "assistant", part: { type: "text", text }, ...given({ truncated }) },
      { type: "message_done", key: ANSWER },
    ];
    if (truncated) {
      facts.push({
        type: "note",
        level: "warn",
        code: "output_truncated",
        message: `the answer was cut after ${text.length} characters`,
      });
    }
    return [...facts, turnEnd(state, context)];
  },
};

function promptArgument({ prompt }: LaunchContext): readonly string[] {
  if (prompt === undefined || prompt.as === "stdin") return [];
  if (prompt.text.includes("\0")) {
    throw new LaunchRefused(
      "PROMPT_INVALID",
      'the input holds a NUL character, which no argument can carry: use promptAs "stdin"',
    );
  }
  const bytes = Buffer.byteLength(prompt.text);
  if (bytes > MAX_ARG_BYTES) {
    throw new LaunchRefused(
      "PROMPT_TOO_LARGE",
      `the input has ${bytes} bytes, an argument holds at most ${MAX_ARG_BYTES}: use promptAs "stdin"`,
    );
  }
  return [prompt.text];
}

function notEnforced({ permissions, trusted }: LaunchContext): readonly ProviderFact[] {
  const what = [
    ...(permissions === "allow" ? [] : [`permissions "${permissions}"`]),
    ...(trusted ? [] : ["the project's missing trust"]),
  ];
  if (what.length === 0) return [];
  const message = `a plain command cannot be asked to respect ${what.join(" and ")}: give it such options in providers.X.args, or run it in a sandbox`;
  return [{ type: "note", level: "info", code: "not_enforced", message }];
}

function turnEnd(state: CommandState, { code, stderrTail }: ExitContext): ProviderFact {
  if (state.interrupting) return { type: "turn_ended", outcome: "interrupted" };
  if (code === 0) return { type: "turn_ended", outcome: "completed" };
  if (code === null)
    return {
      type: "turn_ended",
      outcome: "lost",
      error: failure("EXIT_UNKNOWN", "the process is gone and left no exit code", stderrTail),
    };
  const signal = code > 128 ? ` or signal ${code - 128}` : "";
  return {
    type: "turn_ended",
    outcome: "failed",
    error: failure("COMMAND_FAILED", `the command ended with code ${code}${signal}`, stderrTail),
  };
}

function failure(code: string, what: string, stderrTail: string): TurnError {
  const tail = stderrTail.trim().slice(-STDERR_CHARS);
  return { code, message: tail === "" ? what : `${what}: ${tail}` };
}
