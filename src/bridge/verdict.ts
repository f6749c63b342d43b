/**
 * Is the turn over, and how did it end? Decided from the stored messages alone: the stream says idle twice after
 * failures and aborts, before the message that tells why is complete, and it says idle for every sub-agent. Pure.
 */
import type { TurnOutcome } from "../words/agent.ts";
import type { MessageInfo, SessionStatus, WireError, WireMessage } from "./wire.ts";
import { reasonOf } from "./wire.ts";

export interface Question {
  readonly status: SessionStatus;
  /** The root session's messages, in their order. */
  readonly messages: readonly WireMessage[];
  /** Our user message, or the newest message from before the turn: what is newer belongs to the turn. */
  readonly anchor: string;
  /** The turn's `session.error`: all that is known when the turn failed before there was an answer (no such model). */
  readonly error: WireError | null;
  readonly interrupting: boolean;
  /** The interrupt refused a question of a sub-agent. */
  readonly refused: boolean;
  /** It had begun in a server that is dead: nobody will complete it. */
  readonly orphan: boolean;
  /** For how long it has looked like the end. */
  readonly waitedMs: number;
}

export type Verdict =
  | { readonly over: false; readonly why: "busy" | "incomplete" }
  | { readonly over: true; readonly outcome: TurnOutcome; readonly error: WireError | null };

/** The message that tells the outcome is stored some ms after the first idle. */
const INCOMPLETE_MS = 20_000;
/** An older step that was cut off may be completed after the newest one; not all of them ever are. */
const UNCOMPLETED_MS = 1500;
/** An error without an answer is not completed later; it only has to be sure that there will be none. */
const NO_ANSWER_MS = 700;

/** Ids ascend with OpenCode's clock; what was made after that was set back still names what it answers. */
export function isOfTurn(info: MessageInfo, anchor: string): boolean {
  return info.id > anchor || (anchor !== "" && info.answers === anchor);
}

/** Is it an answer after which there is no further step? */
export function endsTurn(info: MessageInfo, anchor: string): boolean {
  return info.role === "assistant" && isOfTurn(info, anchor) && info.completed && info.finish !== "tool-calls";
}

export function judge({ status, messages, anchor, error, interrupting, refused, orphan, waitedMs }: Question): Verdict {
  if (status.type !== "idle") return { over: false, why: "busy" };
  const answers = messages.filter(({ info }) => info.role === "assistant" && isOfTurn(info, anchor));
  const last = answers.at(-1)?.info;

  if (last === undefined) {
    if (orphan) return { over: true, outcome: "lost", error: LOST };
    if (waitedMs < NO_ANSWER_MS) return { over: false, why: "incomplete" };
    if (error !== null) return { over: true, outcome: "failed", error };
    if (interrupting) return { over: true, outcome: "interrupted", error: null };
    if (waitedMs < INCOMPLETE_MS) return { over: false, why: "incomplete" };
    return {
      over: true,
      outcome: "failed",
      error: {
        code: "NO_ANSWER",
        message: "OpenCode became idle without an answer and without telling why",
      },
    };
  }
  if (!last.completed) {
    if (orphan) return { over: true, outcome: "lost", error: LOST };
    if (waitedMs < INCOMPLETE_MS) return { over: false, why: "incomplete" };
    return {
      over: true,
      outcome: "failed",
      error: error ?? {
        code: "INCOMPLETE",
        message: "OpenCode became idle and left its answer incomplete",
      },
    };
  }
  if (waitedMs < UNCOMPLETED_MS && answers.some(({ info }) => !info.completed))
    return { over: false, why: "incomplete" };
  if (last.error !== null) {
    return last.error.aborted
      ? { over: true, outcome: "interrupted", error: null }
      : { over: true, outcome: "failed", error: reasonOf(last.error) };
  }
  // A step that ran beside the others may be the one that was cut off; and a parent whose sub-agent was refused may
  // have said its last words before the abort that follows the refusal could reach it.
  if (interrupting && (refused || answers.some(({ info }) => info.error?.aborted === true)))
    return { over: true, outcome: "interrupted", error: null };
  // A step that calls tools is followed by another one, which a dead server never began.
  if (orphan && last.finish === "tool-calls") return { over: true, outcome: "lost", error: LOST };
  // Completed without a reason: aborted while it waited for a retry.
  if (last.finish === "") return { over: true, outcome: "interrupted", error: null };
  return { over: true, outcome: "completed", error: null };
}

const LOST: WireError = {
  code: "TURN_LOST",
  message: "the server ended in the middle of the turn, and its answer was never completed",
};
