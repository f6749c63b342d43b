/**
 * One step of an agent: facts go through the reducer, its effects into the store and the codec, all in one transaction.
 * What must touch the world (write, spawn, signal) is only collected here; it happens after the commit.
 */
import { errorText } from "../lib/errors.ts";
import { unreachable } from "../lib/unreachable.ts";
import type { Store } from "../store/database.ts";
import { saveCauseFrame } from "../store/agents.ts";
import type { Input } from "../store/inputs.ts";
import { getInput, insertInput } from "../store/inputs.ts";
import { lastText, messageKey } from "../store/messages.ts";
import { getPermission } from "../store/permissions.ts";
import type { RunProgress } from "../store/runs.ts";
import { insertRun } from "../store/runs.ts";
import type { AnyCodec, Frame, Step } from "../providers/contract.ts";
import type { EventData, StoredEvent } from "../words/events.ts";
import type { Doing, Seen } from "./activity.ts";
import { doingOf, isDoing } from "./activity.ts";
import { shownFrame } from "./cause-frame.ts";
import type { Delta } from "./bus.ts";
import type { AgentState } from "../words/agent.ts";
import type { Answer, PromptInput } from "../words/said.ts";
import type { AgentEntry } from "./journal.ts";
import { event } from "./journal.ts";
import { record } from "./ledger.ts";
import type { Effect, Fact, Feed, Notice, Surroundings, WorldEffect } from "./model.ts";
import { reduce } from "./state/reduce.ts";
import { sum } from "./state/usage.ts";
import { openMessageWriter } from "./message-writer.ts";

/** What is stored with the read offset. */
export type Progress = RunProgress;

export const NO_PROGRESS: Progress = {
  codec: null,
  offset: 0,
  frames: 0,
  unknownFrames: 0,
  skippedLines: 0,
  version: null,
  outbox: [],
};

export interface Line {
  readonly text: string;
  /** Set where it must be provable later whether the line went out: it is spooled under this name. */
  readonly id?: string;
}

/** An effect on the world with what it needs from this step. */
export type Act =
  Exclude<WorldEffect, { do: "spawn" }> | (Extract<WorldEffect, { do: "spawn" }> & { readonly nonce: string });

type Spend = Extract<Effect, { do: "spend" }>;
type StatusEvent = Extract<Effect, { do: "event"; type: "agent_status" }>;

export interface StepContext {
  readonly store: Store;
  readonly codec: AnyCodec;
  readonly entry: AgentEntry;
  readonly env: Surroundings;
  /** What is stored of its account's limits by now. */
  readonly accountLimits: () => Surroundings["accountLimits"];
  readonly newNonce: () => string;
  readonly newUuid: () => string;
  /** The input with what goes with it, as the codec is given it. */
  readonly promptOf: (input: Input) => PromptInput;
  /** Puts the notice into the outbox, in this transaction. */
  readonly enqueue: (notice: Notice, state: AgentState) => void;
}

export interface StepResult {
  readonly state: AgentState;
  readonly progress: Progress;
  readonly lines: readonly Line[];
  readonly acts: readonly Act[];
  readonly deltas: readonly Delta[];
  /** What it was last seen to do in this step; null: nothing new. */
  readonly doing: Doing | null;
}

export interface StepWork {
  state(): AgentState;
  event<T extends StoredEvent>(type: T, data: EventData[T]): void;
  fact(fact: Fact): void;
  /** Runs a codec function that gives a step. */
  codec(run: (state: unknown) => Step<unknown>): void;
  /** `begin`: where its line begins in the output of the run. */
  frame(frame: Frame, begin?: number): void;
  /** From here on: its process is gone, and its last words are read. */
  lastWords(): void;
  /** The program moves on: whatever waits for that counts from here. */
  touched(): void;
  progress(change: Partial<Progress>): void;
  send(line: Line): void;
  result(): StepResult;
}

export function beginStep(context: StepContext, state: AgentState, progress: Progress): StepWork {
  const { store, codec, entry } = context;
  let { env } = context;
  const lines: Line[] = [];
  const acts: Act[] = [];
  const deltas: Delta[] = [];
  const messages = openMessageWriter(entry);
  /** What the agent was seen to do last; many of these come in one step, and one is told. */
  let seen: Seen | null = null;
  /** The frame whose facts are being applied. */
  let reading: { readonly frame: Frame; readonly begin: number; readonly run: number } | null = null;
  /** Facts that the codec gave while an effect was carried out; they follow the fact that caused them. */
  let pending: Fact[] = [];

  const take = (step: Step<unknown>, id?: string): void => {
    progress = { ...progress, codec: step.state };
    for (const [i, text] of step.lines.entries()) lines.push(id === undefined ? { text } : { text, id: `${id}-${i}` });
    pending.push(...step.facts);
  };

  /** Each answer of a program tells its use, and many come in one step. */
  let spent: Spend | null = null;
  const settleSpent = (): void => {
    if (spent !== null) record(entry, state, spent);
    spent = null;
  };

  const carryOut = (effect: Effect): void => {
    switch (effect.do) {
      case "spawn": {
        settleSpent(); // the next run may be on another account
        const nonce = context.newNonce();
        insertRun(store, entry.agent, effect.run, nonce, entry.now);
        progress = NO_PROGRESS;
        acts.push({ ...effect, nonce });
        return;
      }
      case "prompt":
        return prompt(effect.input);
      case "interrupt":
        return take(codec.interrupt(progress.codec, entry.now));
      case "answer": {
        const answer = storedAnswer(store, entry.agent, effect.permission);
        if (answer !== null) take(codec.answer(progress.codec, answer, entry.now));
        return;
      }
      case "notice":
        messages.settle();
        return context.enqueue(effect, state);
      case "end":
      case "inspect_tree":
      case "limits_changed":
      case "tell_sharers":
      case "purge":
      case "close_step":
      case "close_expired":
      case "close_cancel":
        acts.push(effect);
        return;
      case "feed":
        return feed(effect);
      case "close_turn":
        messages.settle();
        seen = lastText(store, entry.agent, effect.turn.id) ?? seen;
        return record(entry, state, effect);
      case "spend":
        spent = {
          ...effect,
          usage: sum(spent?.usage ?? {}, effect.usage),
          unpricedTokens: (spent?.unpricedTokens ?? 0) + effect.unpricedTokens,
        };
        return;
      case "open_turn":
      case "day_told":
      case "input_state":
      case "open_permission":
      case "settle_permission":
      case "allowance":
        messages.settle();
        return record(entry, state, effect);
      case "limit_found":
      case "limit_over":
        record(entry, state, effect);
        // What comes later in this step must know of it.
        env = { ...env, accountLimits: context.accountLimits() };
        return;
      case "event":
        messages.settle();
        return record(entry, state, effect.type === "agent_status" ? withFrame(effect) : effect);
      default:
        return unreachable(effect);
    }
  };

  /** Stored as an input like any other, and told in the same step. */
  const feed = ({ text, fed }: Feed): void => {
    const input = { agent: entry.agent, key: context.newUuid(), text, raw: true, mode: "queue" as const };
    const { id, key } = insertInput(store, { ...input, origin: "verify" }, entry.now);
    pending.push({ type: "fed", id, key, fed });
  };

  /** The line that decided a status is told and kept with it: the output itself is freed some day. */
  const withFrame = (effect: StatusEvent): StatusEvent => {
    const frame =
      reading === null ? null : shownFrame(reading.run, reading.begin, reading.frame.raw, reading.frame.json);
    saveCauseFrame(store, entry.agent, frame);
    return frame === null ? effect : { ...effect, data: { ...effect.data, cause: { ...effect.data.cause, frame } } };
  };

  const prompt = (id: number): void => {
    const input = getInput(store, id);
    if (input === null) return;
    const before = lines.length;
    // Where the program cannot de-duplicate, it must be provable whether this line went out, over any death of ours.
    const provable = env.redelivery !== "dedupe";
    take(
      codec.prompt(progress.codec, context.promptOf(input), entry.now),
      provable ? `input-${input.n}-${state.run}` : undefined,
    );
    if (!provable) return;
    progress = { ...progress, outbox: lines.slice(before).map((line) => ({ id: line.id ?? "", line: line.text })) };
  };

  const one = (fact: Fact): void => {
    switch (fact.type) {
      case "delta":
        deltas.push({
          project: entry.project,
          agent: entry.agent,
          key: messageKey(state.run, fact.key),
          kind: fact.kind ?? "text",
          text: fact.text,
        });
        return;
      case "unknown_frame":
        progress = { ...progress, unknownFrames: progress.unknownFrames + 1 };
        return;
      case "message_done":
        return messages.done(state, fact.key);
      case "part":
        messages.part(state, fact);
        if (fact.subagent === undefined && isDoing(fact.part, fact.role)) seen = fact.part;
        break;
      case "permission":
        seen = fact;
        break;
      case "ready":
        if (fact.version !== undefined) progress = { ...progress, version: fact.version };
        break;
      default:
        break;
    }
    const outcome = reduce(state, fact, env);
    state = outcome.state;
    for (const effect of outcome.effects) carryOut(effect);
  };

  /** Applies a fact and everything that follows from it, in order. */
  const apply = (fact: Fact): void => {
    one(fact);
    while (pending.length > 0) {
      const following = pending;
      pending = [];
      for (const each of following) apply(each);
    }
  };

  return {
    state: () => state,
    event: (type, data) => event(entry, type, data),
    fact: apply,
    codec(run) {
      take(run(progress.codec));
      const facts = pending;
      pending = [];
      for (const each of facts) apply(each);
    },
    frame(frame, begin = 0) {
      progress = { ...progress, frames: progress.frames + 1 };
      if (state.lastFrameAt !== env.ranMs) state = { ...state, lastFrameAt: env.ranMs };
      const tried = state.retrying !== null;
      let repeats = false;
      reading = { frame, begin, run: state.run };
      this.codec((codecState) => {
        try {
          const step = codec.frame(codecState, frame, entry.now);
          // Once more what was tried before is a sign of life, but no progress.
          repeats = tried && step.facts.length > 0 && step.facts.every((fact) => fact.type === "retrying");
          return step;
        } catch (error) {
          // A frame that our own code cannot digest must not stop the agent: it is told and passed over.
          const message = `a frame could not be understood: ${errorText(error)}`;
          return {
            state: codecState,
            facts: [{ type: "note", level: "warn", code: "frame_failed", message }],
            lines: [],
          };
        }
      });
      reading = null;
      if (!repeats) this.touched();
    },
    lastWords() {
      env = { ...env, lastWords: true };
    },
    touched() {
      const { stalled } = state;
      if (!stalled && state.progressAt === env.ranMs) return;
      state = { ...state, lastFrameAt: env.ranMs, progressAt: env.ranMs, stalled: false };
      if (!stalled) return;
      state = { ...state, cause: { source: "frame", detail: "frames again", at: entry.now } };
      record(entry, state, { do: "event", type: "agent_resumed_output", data: { turn: state.turn?.id } });
    },
    progress(change) {
      progress = { ...progress, ...change };
    },
    send: (line) => void lines.push(line),
    result() {
      messages.settle();
      settleSpent();
      if (progress.outbox.length > 0 && (state.flight === null || state.flight.accepted))
        progress = { ...progress, outbox: [] };
      return { state, progress, lines, acts, deltas, doing: seen === null ? null : doingOf(seen) };
    },
  };
}

export function storedAnswer(store: Store, agent: string, id: string): Answer | null {
  const permission = getPermission(store, agent, id);
  if (permission === null || permission.answer === null) return null;
  return { id: permission.ref, kind: permission.kind, data: permission.data, ...permission.answer };
}
