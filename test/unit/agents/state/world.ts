/**
 * A small world around the reducer, for its tables: facts go in as the actor would give them, its timers ring by
 * themselves, and everything it decided is written down as one line each, so that a row can say the whole of what has
 * to happen.
 */
import type { Effect, Fact, Limits, Surroundings } from "../../../../src/agents/model.ts";
import { initialState } from "../../../../src/store/agent-state.ts";
import { nextDeadline } from "../../../../src/agents/state/time.ts";
import { reduce } from "../../../../src/agents/state/reduce.ts";
import type { AgentState, ClosingStep, InputState, TurnOutcome } from "../../../../src/words/agent.ts";
import type { AccountLimit } from "../../../../src/words/limits.ts";
import { SURROUNDINGS } from "../../../support/surroundings.ts";
import { worldDay } from "./day.ts";

export interface Under extends Omit<Surroundings, "nowMs" | "ranMs" | "source" | "agentId" | "limits"> {
  readonly limits: Partial<Limits>;
  /** Does nothing but the program run in its tree, when it is looked at? */
  readonly alone: boolean;
  /** Who gives the facts: a daemon that has just started, or one that saw them happen. */
  readonly reconciling: boolean;
}

const DEFAULTS: Under = { ...SURROUNDINGS, limits: {}, alone: true, reconciling: false };

const LIMITS: Limits = {
  parkIdleMs: 600_000,
  turnTimeoutMs: 0,
  stallWarnMs: 300_000,
  toolStallWarnMs: 1_800_000,
  permissionTimeoutMs: 0,
  limitMaxWaitMs: 86_400_000,
};

/** `later` lets time pass; `frame` is any line of the program, a sign of life and nothing else. */
export type Step = Fact | { readonly later: number } | { readonly frame: true } | { readonly under: Partial<Under> };

const USER_FACTS: readonly string[] = [
  "input",
  "drop_input",
  "release",
  "abort",
  "stop",
  "resume",
  "delete",
  "attach",
  "detach",
  "configured",
  "decide",
];
export const START_MS = 1_000_000;
/** The wall clock is another one than that of waits. */
const WALL_MS = 5_000_000_000;

/** Who looks over the shoulder of every single step. */
export interface Watcher {
  before(fact: Fact): void;
  after(fact: Fact, effects: readonly Effect[], state: AgentState): void;
}

export function world(under: Partial<Under> = {}, watcher?: Watcher) {
  let now = START_MS;
  let terms: Under = { ...DEFAULTS, ...under };
  let state = initialState(now);
  const trace: string[] = [];
  const effects: Effect[] = [];
  const inputs: Record<number, InputState> = {};
  /** What is fed back gets numbers of its own. */
  let fedInputs = 100;
  /** What the store knows of the account. */
  let limits: readonly AccountLimit[] = [];

  const today = worldDay();

  const give = (fact: Fact): void => {
    const source = terms.reconciling ? "reconcile" : sourceOf(fact);
    const settings = { ...LIMITS, ...terms.limits };
    if (fact.type === "input" || fact.type === "fed") inputs[fact.id] ??= "queued";
    if (fact.type === "go_on" && fact.input !== null) inputs[fact.input.id] ??= "queued";
    watcher?.before(fact);
    const accountLimits = [...terms.accountLimits, ...limits];
    const outcome = reduce(state, fact, {
      ...terms,
      accountLimits,
      day: today.now(terms.day, state.usage),
      limits: settings,
      nowMs: now + WALL_MS,
      ranMs: now,
      source,
      agentId: "a",
    });
    state = outcome.state;
    for (const effect of outcome.effects) if (effect.do === "spend") today.spend(effect.usage);
    watcher?.after(fact, outcome.effects, state);
    for (const effect of outcome.effects) {
      effects.push(effect);
      trace.push(told(effect));
      if (effect.do === "input_state") inputs[effect.id] = effect.state;
      if (effect.do === "feed") give({ type: "fed", id: ++fedInputs, key: `k${fedInputs}`, fed: effect.fed });
      if (effect.do === "limit_found")
        limits = [...limits.filter(({ scope }) => scope !== effect.limit.scope), effect.limit];
      if (effect.do === "limit_over") limits = limits.filter(({ scope }) => scope !== effect.scope);
      if (effect.do === "inspect_tree") give({ type: "park", clean: terms.alone });
    }
  };

  const pass = (ms: number): void => {
    const until = now + ms;
    for (let rings = 0; rings < 1000; rings += 1) {
      const at = nextDeadline(state, { ...terms, limits: { ...LIMITS, ...terms.limits } });
      if (at === null || at > until) break;
      now = Math.max(now, at);
      give({ type: "tick" });
      if (rings === 999) throw new Error("a deadline rings for ever");
    }
    now = until;
  };

  const it = {
    state: (): AgentState => state,
    now: () => now,
    inputs,
    limits: () => limits,
    effects,
    trace,
    do(...steps: readonly Step[]) {
      for (const step of steps) {
        if ("later" in step) pass(step.later);
        else if ("frame" in step) state = { ...state, lastFrameAt: now, progressAt: now, stalled: false };
        else if ("under" in step) terms = { ...terms, ...step.under };
        else give(step);
      }
      return it;
    },
    /** Forgets what was told so far. */
    fresh() {
      trace.length = 0;
      effects.length = 0;
      return it;
    },
    /** What a row speaks of. */
    shown() {
      const { status, cause, process, run, queue, held, turn, lastTurn, background, retrying, startError, limited } =
        state;
      return {
        limited: limited === null ? null : `${limited.stage} ${limited.scope}`,
        status,
        process,
        run,
        held,
        background,
        retrying,
        inputs,
        cause: `${cause.source}: ${cause.detail}`,
        turn: turn?.id ?? null,
        last: lastTurn === null ? null : outcomeText(lastTurn),
        queue: queue.map((each) => each.id),
        pending: state.open.filter((each) => !each.answered).map((each) => each.id),
        startError: startError?.code ?? null,
      };
    },
  };
  return it;
}

export type World = ReturnType<typeof world>;
export type Shown = ReturnType<World["shown"]>;

const TIMER_FACTS: readonly Fact["type"][] = [
  "go_on",
  "limit_moved",
  "tick",
  "park",
  "start_waits",
  "start_in_line",
  "start_begins",
];

function sourceOf({ type }: Fact): Surroundings["source"] {
  if (USER_FACTS.includes(type)) return "api";
  if (TIMER_FACTS.includes(type)) return "timer";
  if (type === "exit" || type === "torn") return "exit";
  if (type === "step_done") return "check";
  return type === "replace" || type === "broken" ? "reconcile" : "frame";
}

function outcomeText({
  outcome,
  error,
}: {
  readonly outcome: TurnOutcome;
  readonly error?: { readonly code: string };
}): string {
  return error === undefined ? outcome : `${outcome} ${error.code}`;
}

/** One line an effect. */
function told(effect: Effect): string {
  switch (effect.do) {
    case "spawn":
      return `spawn ${effect.run}`;
    case "prompt":
      return `prompt ${effect.input}`;
    case "answer":
      return `answer ${effect.permission}`;
    case "end":
      return effect.gently ? "end gently" : "end";
    case "interrupt":
    case "inspect_tree":
    case "limits_changed":
    case "purge":
    case "close_expired":
    case "close_cancel":
      return effect.do;
    case "close_step":
      return `${effect.turn} ${effect.step}`;
    case "feed":
      return `feed ${effect.text}`;
    case "limit_found":
      return `limit ${effect.limit.scope} (${effect.limit.class})`;
    case "limit_over":
      return `limit ${effect.scope} over`;
    case "allowance":
      return "allowance";
    case "open_turn":
      return `${effect.turn.id} begins (${effect.turn.origin})`;
    case "close_turn":
      return `${effect.turn.id} ${outcomeText(effect.turn)}`;
    case "input_state":
      return `input ${effect.id} ${effect.state}`;
    case "spend":
    case "day_told":
    case "tell_sharers":
      return effect.do;
    case "open_permission":
      return `${effect.id} asked`;
    case "settle_permission":
      return `${effect.id} ${effect.state} by ${effect.by}`;
    case "event":
      return effect.type === "agent_status"
        ? `${String(effect.data["from"])} → ${String(effect.data["to"])}`
        : effect.type;
    case "notice": {
      const about = [
        ...effect.turns,
        ...(effect.turn === undefined ? [] : [`in ${effect.turn}`]),
        ...(effect.permission === undefined ? [] : [effect.permission]),
        ...(effect.error === undefined ? [] : [effect.error.code]),
      ];
      return ["notice", effect.event, ...about].join(" ");
    }
  }
}

// Facts, short enough for a row.
export const input = (id: number, mode: "queue" | "interrupt" = "queue"): Fact => ({
  type: "input",
  id,
  key: `k${id}`,
  mode,
});
export const drop = (id: number): Fact => ({ type: "drop_input", id });
export const accepted = (id: number): Fact => ({ type: "input_accepted", key: `k${id}` });
export const absent = (id: number): Fact => ({ type: "input_absent", key: `k${id}` });
export const unknown = (id: number): Fact => ({ type: "input_unknown", key: `k${id}`, message: "no history" });
export const ready: Fact = { type: "ready" };
export const started: Fact = { type: "turn_started" };
export const ended = (outcome: TurnOutcome = "completed"): Fact => ({ type: "turn_ended", outcome });
export const failed = (code: string): Fact => ({
  type: "turn_ended",
  outcome: "failed",
  error: { code, message: `it said ${code}` },
});
export const refused = (code: string): Fact => ({ type: "start_failed", code, message: `it said ${code}` });
export const exit = (code: number | null, stderrTail = ""): Fact => ({ type: "exit", code, stderrTail });
export const never: Fact = { type: "exit", code: null, stderrTail: "", never: true };
export const ask = (id: string, kind: "tool" | "question" | "plan" = "tool"): Fact => ({
  type: "permission",
  id,
  kind,
  tool: "Bash",
  title: "ls",
  detail: {},
  options: ["allow", "allow_always", "deny"],
  data: {},
});
export const closed = (id: string): Fact => ({ type: "permission_closed", id });
export const decide = (id: string, decision: "allow" | "deny" | "allow_always" = "allow"): Fact => ({
  type: "decide",
  id,
  decision,
});
export const abort: Fact = { type: "abort", keepQueued: false };
export const abortKeeping: Fact = { type: "abort", keepQueued: true };
export const stop: Fact = { type: "stop" };
export const attach: Fact = { type: "attach" };
export const detach: Fact = { type: "detach" };
export const resume: Fact = { type: "resume" };
export const release: Fact = { type: "release" };
export const remove: Fact = { type: "delete" };
export const configured: Fact = { type: "configured" };
export const torn: Fact = { type: "torn" };
export const replace: Fact = { type: "replace" };
export const broken: Fact = { type: "broken", code: "STATE_UNREADABLE", message: "nobody can read it" };
export const foreign = (line: string): Fact => ({ type: "foreign_output", line });
export const lacking: Fact = { type: "exit", code: 1, stderrTail: "database is locked" };
export const startInLine: Fact = { type: "start_in_line", detail: "waits for another start of opencode" };
export const startWaits: Fact = { type: "start_waits", message: "cannot start now, trying again: EMFILE" };
export const startBegins: Fact = { type: "start_begins" };
export const background = (tasks: number): Fact => ({ type: "background", tasks });
export const retrying: Fact = { type: "retrying", attempt: 1, reason: "overloaded", status: 529 };
export const said: Fact = { type: "part", key: "m", role: "assistant", part: { type: "text", text: "hi" } };
export const uses = (id: string): Fact => ({
  type: "part",
  key: "m",
  role: "assistant",
  part: { type: "tool_use", id, name: "Bash", input: {} },
});
export const used = (id: string): Fact => ({
  type: "part",
  key: "r",
  role: "tool",
  part: { type: "tool_result", id, text: "", isError: false },
});
export const good = (step: ClosingStep, turn = "a-1"): Fact => ({
  type: "step_done",
  turn,
  step,
  found: { is: "good" },
});
export const passed = (turn = "a-1"): Fact => ({
  type: "step_done",
  turn,
  step: "check",
  found: { is: "good", checked: { passed: true, exitCode: 0, tail: "ok" } },
});
export const notPassed = (turn = "a-1"): Fact => ({
  type: "step_done",
  turn,
  step: "check",
  found: {
    ...{ is: "bad", code: "VERIFY_FAILED", message: "red", feedback: "red" },
    checked: { passed: false, exitCode: 1, tail: "red" },
  },
});
export const lostStep = (step: ClosingStep = "check", turn = "a-1"): Fact => ({
  type: "step_done",
  turn,
  step,
  found: { is: "lost", message: "nobody knows" },
});
export const later = (ms: number): Step => ({ later: ms });
export const frame: Step = { frame: true };

// How far an agent has come: the first input is number 1.
export const STARTING: readonly Step[] = [input(1)];
export const WORKING: readonly Step[] = [input(1), ready, accepted(1), started];
export const DONE: readonly Step[] = [...WORKING, ended()];
export const FAILED: readonly Step[] = [...WORKING, failed("overloaded")];
export const WAITING: readonly Step[] = [...WORKING, ask("r1")];
export const PARKING: readonly Step[] = [...DONE, later(600_000)];
export const PARKED: readonly Step[] = [...PARKING, exit(0)];
export const GONE: readonly Step[] = [...DONE, exit(1)];

export interface Row {
  /** The sentence, or the part of it, that this row shows. */
  readonly says: string;
  readonly under?: Partial<Under>;
  readonly given: readonly Step[];
  readonly when: readonly Step[];
  /** All that is done from `when` on, in order. */
  readonly does?: readonly string[];
  readonly then: Partial<Shown>;
}

export interface Table {
  readonly about: string;
  readonly rows: readonly Row[];
}
