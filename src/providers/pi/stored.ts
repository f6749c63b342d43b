/** Reading the stored state of this codec back. What decides who works on what must be there; the rest is filled. */
import {
  aCount,
  aFlag,
  aNumber,
  aText,
  listOf,
  maybe,
  mapOf,
  oneOf,
  orNull,
  type Reader,
  readStored,
  shapeOf,
  type Stored,
} from "../../lib/stored.ts";
import { emptyTotals, type HistoryCheck, initialState, type OpenDialog, type PiState } from "./state.ts";
import type { PiTotals } from "./wire.ts";

const prompt: Reader<NonNullable<PiState["prompt"]>> = shapeOf({
  key: aText,
  answered: aFlag,
  queued: aFlag,
  accepted: aFlag,
});

const totals: Reader<PiTotals> = shapeOf<PiTotals>(
  { input: aNumber, output: aNumber, cacheRead: aNumber, cacheWrite: aNumber, cost: aNumber },
  emptyTotals,
);

const history: Reader<HistoryCheck> = shapeOf<HistoryCheck>({
  inputs: listOf(
    shapeOf<HistoryCheck["inputs"][number]>({
      key: aText,
      text: aText,
      raw: aFlag,
      writtenAtMs: aNumber,
      sameBefore: maybe(aNumber),
    }),
  ),
  stage: oneOf("handshake", "users", "entries"),
});

const state: Reader<PiState> = shapeOf<PiState>(
  {
    awaited: listOf(aText),
    refused: aFlag,
    session: orNull(aText),
    modelGiven: aFlag,
    prompt: orNull(prompt),
    run: oneOf("none", "started", "ending"),
    interrupt: oneOf("none", "wanted", "sent"),
    last: orNull(shapeOf({ stopReason: aText, error: aText })),
    messages: aCount,
    retrying: aFlag,
    tools: listOf(aText),
    dialogs: mapOf(shapeOf<OpenDialog>({ call: orNull(aText), answered: aFlag, granted: aFlag })),
    grants: listOf(aText),
    totals,
    history: orNull(history),
    torn: aFlag,
  },
  initialState,
  ["awaited", "prompt", "run", "interrupt", "last", "messages", "dialogs", "history"],
);

export function readPiState(json: unknown): Stored<PiState> {
  return readStored(state, json);
}
