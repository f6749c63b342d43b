/** Reading the stored state of this codec back. What decides who works on what must be there; the rest is filled. */
import {
  aCount,
  aFlag,
  aNumber,
  aText,
  listOf,
  mapOf,
  maybe,
  oneOf,
  orNull,
  readStored,
  shapeOf,
  type Reader,
  type Stored,
} from "../../lib/stored.ts";
import { type Answers, type ClaudeState, type Ending, initialState, noAnswers, noEnding } from "./state.ts";
import { aLimit, anError, anOutcome } from "../stored.ts";

const ending: Reader<Ending> = shapeOf<Ending>(
  {
    result: orNull(
      shapeOf<NonNullable<Ending["result"]>>({ outcome: anOutcome, error: maybe(anError), limit: maybe(aLimit) }),
    ),
    apiError: orNull(aText),
    limit: orNull(aLimit),
    rejected: orNull(shapeOf<NonNullable<Ending["rejected"]>>({ scope: aText, resetsAt: orNull(aNumber) })),
    duplicate: aFlag,
    cancelled: aFlag,
    cutShort: aFlag,
    interruptAgain: aFlag,
  },
  noEnding,
  ["result"],
);

const figures = { input: aNumber, output: aNumber, cacheRead: aNumber, cacheWrite: aNumber };

const state: Reader<ClaudeState> = shapeOf<ClaudeState>(
  {
    ready: aFlag,
    refused: aFlag,
    session: orNull(aText),
    resuming: orNull(aText),
    next: aCount,
    asked: mapOf(oneOf("initialize", "interrupt", "grants")),
    says: oneOf("idle", "running", "requires_action"),
    turn: aFlag,
    inputs: mapOf(oneOf("written", "queued", "started")),
    ending,
    message: orNull(shapeOf({ key: aText, streamed: aFlag, parts: aFlag })),
    subagents: mapOf(aText),
    open: mapOf(shapeOf({ call: aText, answered: aFlag })),
    always: listOf(aText),
    plan: orNull(shapeOf({ call: aText, text: aText })),
    retrying: aFlag,
    tasks: aCount,
    answers: shapeOf<Answers>({ lanes: mapOf(shapeOf({ id: aText, ...figures })), sum: shapeOf(figures) }, noAnswers),
  },
  initialState(null),
  ["ready", "session", "next", "asked", "says", "turn", "inputs", "ending", "message", "open"],
);

export function readClaudeState(json: unknown): Stored<ClaudeState> {
  return readStored(state, json);
}
