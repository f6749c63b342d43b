/**
 * The contract between the agent machinery and a provider: pure functions from lines to facts and from commands to
 * lines.
 *
 * A codec never does I/O, never reads the clock and keeps everything it must remember in `S`, which is plain JSON:
 * it is stored in the same transaction as the read offset, so a restarted daemon goes on in the middle of a turn.
 * Keep `S` small; what was said goes out as facts at once and is stored as rows.
 */

import type { Stored } from "../lib/stored.ts";
import type { TurnError, TurnOutcome } from "../words/agent.ts";
import type { Allowance, LimitFound } from "../words/limits.ts";
import type { PermissionMode } from "../words/kinds.ts";
import type { Answer, MessageRole, Part, PermissionRequest, PromptInput, Usage, UsageKey } from "../words/said.ts";

/** What a codec reads out of the child's lines. Order matters; facts of one line are applied together. */
export type ProviderFact =
  /** Handshake done: input may be sent. A repeat only tells the version. */
  | { readonly type: "ready"; readonly version?: string }
  /** Whether the program has a login or key for its model, in words for a person. Changes no status. */
  | { readonly type: "login"; readonly loggedIn: boolean; readonly detail: string }
  /** The program answered the handshake, but cannot be used (too old, resume refused). The process is ended. */
  | { readonly type: "start_failed"; readonly code: string; readonly message: string }
  /** The provider's id of the conversation, to be given to the next process for resuming. May change (`/clear`). */
  | { readonly type: "session"; readonly id: string }
  /** The program itself confirmed that it has the input with this key. Repeats are harmless. */
  | { readonly type: "input_accepted"; readonly key: string }
  /** History proves that the program never got this input: it may be sent again. */
  | { readonly type: "input_absent"; readonly key: string }
  /** The history could not be asked or does not tell: the input is never sent again by itself. */
  | { readonly type: "input_unknown"; readonly key: string; readonly message: string }
  /** Work began. Repeats within a turn are harmless; without an open turn it opens one of origin "agent". */
  | { readonly type: "turn_started" }
  /** THE end of a turn, said once by the program's authoritative frame. Duplicates without an open turn are ignored.
   *  `limit`: it failed because its account cannot work on; failures that pass by themselves are none. */
  | {
      readonly type: "turn_ended";
      readonly outcome: TurnOutcome;
      readonly error?: TurnError;
      readonly limit?: LimitFound;
    }
  /** The program waits in the middle of the turn for its account, for longer than a process is worth. */
  | ({ readonly type: "limited" } & LimitFound)
  /** How much of its account's allowances is used. Told when it changes. */
  | { readonly type: "allowance"; readonly windows: readonly Allowance[] }
  /** One whole content block. `key` groups the blocks of one message (unique in the run). Never built from deltas
   *  where the provider sends the whole text. `subagent`: it was not the agent itself who said it. */
  | {
      readonly type: "part";
      readonly key: string;
      readonly role: MessageRole;
      readonly part: Part;
      readonly subagent?: string;
      /** There was more of it than is kept. */
      readonly truncated?: true;
      /** It came behind the end of its turn: it belongs to the last one that ended, also when another one has begun. */
      readonly late?: true;
    }
  /** No more parts are expected for this message: it is announced. Open messages are also closed by `turn_ended`. */
  | { readonly type: "message_done"; readonly key: string }
  /** Streamed text, shown live, never stored. `kind` says of which part of the message; absent = text. */
  | { readonly type: "delta"; readonly key: string; readonly text: string; readonly kind?: "text" | "thinking" }
  | ({ readonly type: "permission" } & PermissionRequest)
  /** The program no longer waits for this answer: it was settled by our answer, or dropped. */
  | { readonly type: "permission_closed"; readonly id: string }
  /** The program repeats a failed model call by itself: still processing. */
  | {
      readonly type: "retrying";
      readonly attempt: number;
      readonly reason: string;
      readonly status: number | null;
      /** Epoch ms of the next try, where the program tells it. */
      readonly nextAt?: number;
    }
  | { readonly type: "retry_over" }
  /** How many background tasks of the program are alive. They never change the status; they prevent parking. */
  | { readonly type: "background"; readonly tasks: number }
  | ({ readonly type: "usage" } & ToldUsage)
  /** Something worth an event and a log line, but no status (a refused tool, a compaction, a dropped grant). */
  | {
      readonly type: "note";
      readonly level: "info" | "warn";
      readonly code: string;
      readonly message: string;
    }
  /** A line that is no frame of the protocol. The first of a run explains a start that fails. */
  | { readonly type: "foreign_output"; readonly line: string }
  /** A frame of a kind this codec does not know: counted, kept raw in `debug`, never fatal. */
  | { readonly type: "unknown_frame"; readonly kind: string };

/** What the program tells of what it uses. A key that is told in none of them is simply not known. */
export interface ToldUsage {
  /** Totals of the conversation, or of the process where `carriedTotals` does not name them. */
  readonly usage: Usage;
  /** Totals of what the conversation's totals never hold (sub-agents), from zero on in each process. */
  readonly beside?: Usage;
  /** What single answers told since `usage` was last told, and what it will hold too. Absent = nothing. */
  readonly open?: Usage;
}

export interface Step<S> {
  readonly state: S;
  readonly facts: readonly ProviderFact[];
  /** Whole lines for the child's stdin, without the LF. */
  readonly lines: readonly string[];
}

/** One line of the child's stdout; `json` is undefined when the line is no JSON. */
export interface Frame {
  readonly raw: string;
  readonly json: unknown;
}

export interface LaunchContext {
  /**
   * Program and leading arguments from the config, never empty; [0] is already resolved to a path where it was found.
   */
  readonly command: readonly string[];
  /** `providers.X.args`. */
  readonly args: readonly string[];
  readonly agentId: string;
  /** UUID v4 fixed when the agent was made; good as a session id of our choosing. */
  readonly agentUuid: string;
  /** Provider's session id when there is a conversation to resume, else null. */
  readonly session: string | null;
  readonly cwd: string;
  /** A folder of the agent's own (0700) that outlives its runs; `Launch.files` are written there. */
  readonly agentDir: string;
  readonly model: string | null;
  readonly permissions: PermissionMode;
  readonly systemPrompt: string | null;
  /** May what the repository brings (hooks, plugins, MCP servers, settings) be loaded? */
  readonly trusted: boolean;
  /** The child's environment as it will be, before `Launch.env`. */
  readonly env: Readonly<Record<string, string>>;
  readonly isRoot: boolean;
  /** argv prefix that runs this very program (for the hidden `bridge` mode). */
  readonly self: readonly string[];
  /** What this process may spend: for programs that tell their cost only when a turn is over. */
  readonly maxCostUsd?: number;
  /** A JSON Schema that the result of each turn must fit. */
  readonly resultSchema?: Readonly<Record<string, unknown>>;
  /**
   * Only for `oneshot` codecs: the turn's text. "stdin" = the caller makes it the child's stdin, "arg" = `launch` puts
   * it into argv.
   */
  readonly prompt?: { readonly text: string; readonly as: "stdin" | "arg" };
}

export interface Launch {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Written 0600 before the spawn. `path` is relative to `agentDir`, without `..`. */
  readonly files?: readonly { readonly path: string; readonly content: string }[];
}

/** Why a program cannot be started as asked, known before any process is spawned. Thrown by `launch`. */
export class LaunchRefused extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface StartContext {
  /** The same that `launch` saw. */
  readonly launch: LaunchContext;
  readonly nowMs: number;
  /** Inputs written to an earlier process that died before it confirmed them. Only for redelivery "history": the codec
   *  asks the program's history after the handshake and answers each with `input_accepted`, `input_absent` or
   * `input_unknown`. */
  readonly unconfirmed: readonly PromptInput[];
  /** `data` of the permissions that were answered `allow_always` in this agent's life: apply again, or say in a `note`
   *  with code `grants_dropped` that they no longer hold. */
  readonly grants: readonly unknown[];
  /** Only a look at the program: ask for its login too, where it tells it. No input will come. */
  readonly probe?: true;
}

/** The daemon was restarted and found the process alive; its output has been read to the end. */
export interface AdoptContext {
  readonly nowMs: number;
  /** Written, not confirmed. "dedupe": send again. "history": ask. "none": leave. */
  readonly unconfirmed: readonly PromptInput[];
  /** Answers that were decided, but whose effect was not seen: send again (late answers must be harmless). */
  readonly unsettled: readonly Answer[];
  /** Permissions that are open in our books, by the provider's id. */
  readonly open: readonly string[];
  /** An interrupt was asked for and its turn still runs. */
  readonly interrupting: boolean;
}

export interface ExitContext {
  /** Exit code as the shell tells it (> 128 = code N or signal N-128); null = never known. */
  readonly code: number | null;
  readonly stderrTail: string;
  /** Only for `oneshot` codecs: everything the process wrote on stdout, capped. */
  readonly stdout?: { readonly text: string; readonly truncated: boolean };
}

/** With every answer of the model, only when a turn is over, or not that one could rely on it. */
export type MeteredAt = "answer" | "turn" | "no";

export interface Metering {
  readonly tokens: MeteredAt;
  readonly costUsd: MeteredAt;
}

/** As the input of a tool of this name; else as the text of its last answer. */
export interface ResultsBy {
  readonly tool?: string;
}

export interface Traits {
  /** What may be done with an input that was written but never confirmed when its process died. */
  readonly redelivery: "dedupe" | "history" | "none";
  /** What a torn line on stdin needs: the process must be ended and resumed, or it is ended as a broken line. */
  readonly tornLine: "restart" | "newline";
  /** One process a turn: the prompt is its stdin (or last argument), its exit ends the turn. */
  readonly oneshot: boolean;
  /** From the spawn to `ready`. */
  readonly startDeadlineMs: number;
  /**
   * Its processes share something that does not bear many beginning together: the next one begins when the one before
   * is ready, or after this time. Absent: they do not mind.
   */
  readonly startSpacingMs?: number;
  /**
   * Totals of `usage` that a resumed process goes on counting; all others begin at zero with each process.
   */
  readonly carriedTotals?: readonly UsageKey[];
  /** What it tells of its use, and when: a budget of what it never tells could not be held. */
  readonly metering: Metering;
  /** Given a schema, how it gives the result of a turn. Absent: it takes none. */
  readonly results?: ResultsBy;
  /** A process that is killed takes with it what its conversation's totals did not yet hold. */
  readonly totalsDieWithIt?: true;
  /**
   * How pictures reach the program: their bytes in the prompt, or the path of a file. Absent: the program takes plain
   * text and nothing else. Other files are named by their path in the text.
   */
  readonly pictures?: "data" | "path";
  /** Code points; a longer input is refused with 413 before it is stored. null = no limit of its own. */
  readonly maxPromptChars: number | null;
  /** Environment variables handed through by default: the program's documented keys, base URLs, config dirs. */
  readonly passEnv: readonly string[];
  /**
   * Inherited variables that must not reach the child (exact names, or a prefix ending in `*`). Applied before passEnv
   * and env.
   */
  readonly stripEnv: readonly string[];
}

/**
 * How a process is ended gracefully: these lines are written, then the signal after `graceMs` (at once when no lines).
 */
export interface Farewell {
  readonly lines: readonly string[];
  readonly graceMs: number;
}

/** A length of time that begins when it is first wanted, and anew with every other `of`: a counter in the state. */
export interface Span {
  readonly of: number;
  readonly ms: number;
}

export interface Codec<S> {
  readonly kind: string;
  readonly traits: Traits;
  /** argv, environment and files of the process. Throws `LaunchRefused`. */
  launch(context: LaunchContext): Launch;
  /** A new process: the state to begin with and the first lines to send. */
  start(context: StartContext): Step<S>;
  /** The same process, a new daemon. */
  adopt(state: S, context: AdoptContext): Step<S>;
  frame(state: S, frame: Frame, nowMs: number): Step<S>;
  /** Is this line one of the protocol? Asked where bytes that are none of the program's stand before it. */
  isFrame(json: unknown): boolean;
  /**
   * For what only silence can tell: how long it is to be, by the clock of who waits. Of several spans, each known by
   * its place, the first that is over ends it; none = no silence is wanted. Absent: nothing hangs on it.
   */
  silence?(state: S): readonly Span[];
  /** It was so quiet, and every line that was written by then is read: the silence is wanted no longer. */
  quiet?(state: S): Step<S>;
  /** Called only when ready, and one input at a time: never before the turn of the previous one ended. */
  prompt(state: S, input: PromptInput, nowMs: number): Step<S>;
  /** End the running turn, keep the conversation. May be called again after an adoption. */
  interrupt(state: S, nowMs: number): Step<S>;
  answer(state: S, answer: Answer, nowMs: number): Step<S>;
  farewell(state: S): Farewell;
  /**
   * How many processes the program itself consists of when it is idle; 1 when absent. More in its tree is work of its
   * own.
   */
  ownProcesses?(state: S): number;
  /** A stored state of this codec, whatever became of it; never throws. */
  read(json: unknown): Stored<S>;
  /**
   * The process is gone and its output read to the end. Facts of the last moment (usually none: the reducer ends the
   * turn).
   */
  exit(state: S, context: ExitContext): readonly ProviderFact[];
}

/** Codecs of different states in one table. The state is opaque JSON to everybody but its codec. */
export type AnyCodec = Codec<unknown>;
