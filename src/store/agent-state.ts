/**
 * The reducer's state as it is stored: what a new agent's is, how an earlier daemon's is read back, and what is made of
 * the rows when it cannot be. Written with a version; whoever raises that adds a step to the schema too, so that an
 * older daemon refuses the store instead of guessing.
 */
import { toJson } from "../lib/json.ts";
import type { Reader, Stored } from "../lib/stored.ts";
import {
  aCount,
  aFlag,
  aNumber,
  aText,
  aYes,
  listOf,
  maybe,
  oneOf,
  orNull,
  readStored,
  shapeOf,
} from "../lib/stored.ts";
import type {
  AgentState,
  Closing,
  EndedTurn,
  Fed,
  Flight,
  Meter,
  OpenPermission,
  Queued,
  Retrying,
  Saving,
  Turn,
  TurnError,
  Verified,
} from "../words/agent.ts";
import {
  CAUSE_SOURCES,
  CLOSING_STEPS,
  INTENTS,
  INTERRUPT_REASONS,
  PROCESS_STATES,
  STATUSES,
  TURN_ORIGINS,
  TURN_OUTCOMES,
} from "../words/agent.ts";
import type { Limited, Parking } from "../words/limits.ts";
import { LIMIT_CLASSES, LIMIT_STAGES } from "../words/limits.ts";
import type { Overspent } from "../words/budget.ts";
import { BUDGET_KEYS } from "../words/budget.ts";
import type { Spent, Usage } from "../words/said.ts";
import { PERMISSION_KINDS } from "../words/said.ts";

/** 0 and 1: waits counted from the wall clock, which goes on here as the running time. */
export const STATE_VERSION = 2;

export const NOTHING_USED: Meter = {
  run: 0,
  session: null,
  total: {},
  beside: {},
  spent: {},
  open: {},
  ahead: {},
  aheadHere: {},
  estimated: false,
};

export function initialState(nowMs: number): AgentState {
  return {
    elapsed: { ms: nowMs, bootId: "", uptimeMs: 0 },
    status: "idle",
    cause: { source: "api", detail: "created", at: nowMs },
    process: "none",
    rest: "idle",
    run: 0,
    ready: false,
    spawnedAt: 0,
    intent: null,
    wanted: false,
    starts: 1,
    turns: 0,
    turn: null,
    lastTurn: null,
    saving: null,
    queue: [],
    flight: null,
    fed: {},
    held: false,
    limited: null,
    permissions: 0,
    open: [],
    background: 0,
    retrying: null,
    usage: {},
    unpricedTokens: 0,
    meter: NOTHING_USED,
    workedMs: 0,
    budgetTold: [],
    overspent: null,
    reservedUsd: null,
    fence: null,
    session: null,
    lastFrameAt: nowMs,
    progressAt: nowMs,
    tool: null,
    stalled: false,
    quietSince: nowMs,
    unnoticed: [],
    startFailed: false,
    again: null,
    startInLine: false,
    foreign: null,
    broken: null,
    startError: null,
    stale: false,
  };
}

/** What a turn has before anything happened in it. */
export const NEW_TURN = {
  activeMs: 0,
  countingSince: null,
  interrupt: null,
  mended: false,
  stallTold: false,
  fed: false,
  closing: null,
  verify: null,
  parked: [],
  limitedFrom: null,
} satisfies Partial<Turn>;

export const error: Reader<TurnError> = shapeOf({ code: aText, message: aText }, { code: "UNKNOWN", message: "" });

export const verified: Reader<Verified> = shapeOf<Verified>(
  { passed: aFlag, exitCode: orNull(aNumber), attempts: aCount, tail: aText },
  { exitCode: null, attempts: 0, tail: "" },
);

const times = maybe(aCount);
const fed: Reader<Fed> = shapeOf<Fed>({ snapshot: times, result: times, check: times });

const closing: Reader<Closing> = shapeOf<Closing>(
  {
    outcome: oneOf(...TURN_OUTCOMES),
    error: orNull(error),
    held: aFlag,
    rest: orNull(oneOf("exited", "idle")),
    steps: listOf(oneOf(...CLOSING_STEPS)),
    since: aNumber,
    limitMs: aNumber,
    lost: aCount,
    expired: aFlag,
    again: aFlag,
  },
  { error: null, held: false, rest: null, steps: [], since: 0, limitMs: 0, lost: 0, expired: false, again: false },
);

const saving: Reader<Saving> = shapeOf<Saving>(
  { turn: aText, since: aNumber, limitMs: aNumber, expired: aFlag },
  { since: 0, limitMs: 0, expired: false },
);

const parking: Reader<Parking> = shapeOf<Parking>({ from: aNumber, to: orNull(aNumber) }, { to: null });

export const parkings: Reader<readonly Parking[]> = listOf(parking);

const limited: Reader<Limited> = shapeOf<Limited>(
  {
    stage: oneOf(...LIMIT_STAGES),
    stageAt: aNumber,
    class: oneOf(...LIMIT_CLASSES),
    account: aText,
    scope: aText,
    message: aText,
    resetsAt: orNull(aNumber),
    resumesAt: aNumber,
    guessed: aFlag,
    since: aNumber,
    attempts: aCount,
  },
  { stageAt: 0, class: "limit", message: "", resetsAt: null, resumesAt: 0, guessed: true, since: 0, attempts: 0 },
);

const turn: Reader<Turn> = shapeOf<Turn>(
  {
    id: aText,
    origin: oneOf(...TURN_ORIGINS),
    input: orNull(aCount),
    startedAt: aNumber,
    activeMs: aNumber,
    countingSince: orNull(aNumber),
    interrupt: orNull(
      shapeOf<NonNullable<Turn["interrupt"]>>({ at: aNumber, reason: oneOf(...INTERRUPT_REASONS) }, { at: 0 }),
    ),
    mended: aFlag,
    stallTold: aFlag,
    fed: aFlag,
    closing: orNull(closing),
    verify: orNull(verified),
    parked: parkings,
    limitedFrom: orNull(aNumber),
  },
  { ...NEW_TURN, origin: "input", input: null, startedAt: 0 },
);

const figure = maybe(aNumber);
export const usage: Reader<Usage> = shapeOf<Usage>({
  inputTokens: figure,
  outputTokens: figure,
  cacheReadTokens: figure,
  cacheWriteTokens: figure,
  costUsd: figure,
});

export const spent: Reader<Spent> = shapeOf<Spent>({
  inputTokens: figure,
  outputTokens: figure,
  cacheReadTokens: figure,
  cacheWriteTokens: figure,
  costUsd: figure,
  estimated: maybe(aYes),
});

const endedTurn: Reader<EndedTurn> = shapeOf<EndedTurn>(
  {
    id: aText,
    origin: oneOf(...TURN_ORIGINS),
    startedAt: aNumber,
    endedAt: aNumber,
    outcome: oneOf(...TURN_OUTCOMES),
    error: maybe(error),
    usage: maybe(spent),
    verify: maybe(verified),
    parked: maybe(parkings),
  },
  { origin: "input", startedAt: 0, endedAt: 0 },
);

const waiting = shapeOf<Queued>({ id: aCount, key: aText, run: orNull(aCount), fed: maybe(aFlag) }, { run: null });

const flight: Reader<Flight> = shapeOf<Flight>({ input: aCount, key: aText, run: orNull(aCount), accepted: aFlag }, {});

const open: Reader<OpenPermission> = shapeOf<OpenPermission>(
  {
    id: aText,
    ref: aText,
    kind: oneOf(...PERMISSION_KINDS),
    turn: orNull(aText),
    askedAt: aNumber,
    answered: aFlag,
  },
  { kind: "tool", turn: null, askedAt: 0, answered: false },
);

const retrying: Reader<Retrying> = shapeOf<Retrying>(
  { attempt: aCount, reason: aText, status: orNull(aNumber), nextAt: maybe(aNumber) },
  { attempt: 1, reason: "", status: null },
);

const overspent: Reader<Overspent> = shapeOf<Overspent>({
  scope: oneOf("agent", "day"),
  key: oneOf(...BUDGET_KEYS),
  limit: aNumber,
  used: aNumber,
  unpricedTokens: maybe(aNumber),
  until: orNull(aNumber),
  waits: aFlag,
});

/**
 * What cannot be filled in: with another value than the stored one, a process or an input would be forgotten, or a
 * number be given twice.
 */
const NEEDED = ["process", "run", "turns", "turn", "queue", "flight", "permissions", "open"] as const;

const state = (nowMs: number): Reader<AgentState> =>
  shapeOf<AgentState>(
    {
      elapsed: shapeOf({ ms: aNumber, bootId: aText, uptimeMs: aNumber }, initialState(nowMs).elapsed),
      status: oneOf(...STATUSES),
      cause: shapeOf(
        { source: oneOf(...CAUSE_SOURCES), detail: aText, at: aNumber },
        { source: "reconcile", detail: "", at: nowMs },
      ),
      process: oneOf(...PROCESS_STATES),
      rest: oneOf("idle", "error", "exited"),
      run: aCount,
      ready: aFlag,
      spawnedAt: aNumber,
      intent: orNull(oneOf(...INTENTS)),
      wanted: aFlag,
      starts: aCount,
      turns: aCount,
      turn: orNull(turn),
      lastTurn: orNull(endedTurn),
      saving: orNull(saving),
      queue: listOf(waiting),
      flight: orNull(flight),
      fed,
      held: aFlag,
      limited: orNull(limited),
      permissions: aCount,
      open: listOf(open),
      background: aCount,
      retrying: orNull(retrying),
      usage,
      unpricedTokens: aNumber,
      meter: shapeOf<Meter>(
        {
          run: aCount,
          session: orNull(aText),
          total: usage,
          beside: usage,
          spent: usage,
          open: usage,
          ahead: usage,
          aheadHere: usage,
          estimated: aFlag,
        },
        NOTHING_USED,
      ),
      workedMs: aNumber,
      budgetTold: listOf(aText),
      overspent: orNull(overspent),
      reservedUsd: orNull(aNumber),
      fence: orNull(shapeOf<NonNullable<AgentState["fence"]>>({ usd: aNumber, from: aNumber })),
      session: orNull(aText),
      lastFrameAt: aNumber,
      progressAt: aNumber,
      tool: orNull(shapeOf({ id: aText, name: aText })),
      stalled: aFlag,
      quietSince: aNumber,
      unnoticed: listOf(aText),
      startFailed: aFlag,
      again: orNull(shapeOf({ tries: aCount, at: aNumber })),
      startInLine: aFlag,
      foreign: orNull(aText),
      broken: orNull(error),
      startError: orNull(error),
      stale: aFlag,
    },
    initialState(nowMs),
    NEEDED,
  );

export function stateText(of: AgentState): string {
  return toJson({ v: STATE_VERSION, ...of });
}

export function readState(text: string, nowMs: number): Stored<AgentState> {
  let json: unknown;
  try {
    json = JSON.parse(text) as unknown;
  } catch {
    return { ok: false, reason: "it is no JSON" };
  }
  const version = readStored(shapeOf({ v: aCount }, { v: 0 }), json);
  if (!version.ok) return version;
  if (version.state.v > STATE_VERSION)
    return { ok: false, reason: `it is of version ${version.state.v}, this program knows ${STATE_VERSION}` };
  return readStored(state(nowMs), json);
}
