/** Reading the stored state of this codec back. What decides who works on what must be there; the rest is filled. */
import { isObject } from "../../lib/check.ts";
import {
  aCount,
  aFlag,
  aNumber,
  anything,
  aText,
  kindsOf,
  listOf,
  mapOf,
  maybe,
  oneOf,
  orNull,
  type Reader,
  readStored,
  shapeOf,
  type Stored,
} from "../../lib/stored.ts";
import { aPermission, theFields } from "../stored.ts";
import {
  type Ask,
  type Call,
  type CodexState,
  EMPTY,
  type OpenItem,
  type Opening,
  type ThreadTotals,
  type Window,
} from "./state.ts";

const call: Reader<Call> = kindsOf<Call, "kind">("kind", {
  initialize: shapeOf({ kind: oneOf("initialize") }),
  account: shapeOf({ kind: oneOf("account") }),
  open: shapeOf({ kind: oneOf("open"), resumed: aFlag }),
  history: shapeOf({ kind: oneOf("history"), keys: listOf(aText) }),
  turn: shapeOf({ kind: oneOf("turn"), key: aText }),
  interrupt: shapeOf({ kind: oneOf("interrupt") }),
  clean: shapeOf({ kind: oneOf("clean") }),
  terminals: shapeOf({ kind: oneOf("terminals") }),
  barrier: shapeOf({ kind: oneOf("barrier"), keys: listOf(aText) }),
});

const opening: Reader<Opening> = shapeOf<Opening>({
  session: orNull(aText),
  params: theFields,
  unconfirmed: listOf(aText),
  version: aText,
  probe: aFlag,
});

const item: Reader<OpenItem> = shapeOf<OpenItem>({
  thread: aText,
  turn: aText,
  command: aFlag,
  changes: maybe(anything),
});

const totals: Reader<ThreadTotals> = shapeOf<ThreadTotals>({
  input: aNumber,
  output: aNumber,
  cacheRead: aNumber,
  cacheWrite: aNumber,
});

const state: Reader<CodexState> = shapeOf<CodexState>(
  {
    nextId: aCount,
    calls: mapOf(call),
    opening: orNull(opening),
    thread: orNull(aText),
    turn: orNull(shapeOf({ id: aText, key: orNull(aText), begun: aFlag })),
    lastEnded: aText,
    interrupting: aFlag,
    asks: mapOf(shapeOf<Ask>({ thread: aText, permission: aPermission })),
    replies: mapOf(shapeOf({ thread: aText, line: aText })),
    items: mapOf(item),
    others: mapOf(aText),
    background: aCount,
    retrying: aFlag,
    stuck: aFlag,
    refusals: aCount,
    windows: listOf(shapeOf<Window>({ scope: aText, usedPercent: aNumber, resetsAt: orNull(aNumber) })),
    grants: listOf(aText),
    warned: listOf(aText),
    subagents: shapeOf({ threads: mapOf(totals), sum: totals }, EMPTY.subagents),
  },
  EMPTY,
  ["nextId", "calls", "opening", "thread", "turn", "lastEnded", "interrupting", "asks", "items"],
);

export function readCodexState(json: unknown): Stored<CodexState> {
  // Once the moment was kept from which on it was stuck: it waits anew.
  const stuckAt = isObject(json) ? (json["stuckAt"] ?? null) : null;
  return readStored(state, stuckAt === null ? json : { stuck: true, ...Object(json) });
}
