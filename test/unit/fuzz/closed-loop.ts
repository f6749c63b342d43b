/**
 * A codec and the reducer as a daemon puts them together, without a world: facts of the codec go into the reducer, what
 * it decides to tell the program goes back into the codec. The oracle of the reducer's own random test looks at every
 * step. No store, no process: an agent that is ended is gone when the test says so.
 */
import type { Effect, Fact } from "../../../src/agents/model.ts";
import type { AnyCodec, Step } from "../../../src/providers/contract.ts";
import type { Answer } from "../../../src/words/said.ts";
import { createOracle } from "../agents/state/oracle.ts";
import type { Under, World } from "../agents/state/world.ts";
import { world } from "../agents/state/world.ts";
import type { Moment } from "../providers/record.ts";
import { SURROUNDINGS } from "../../support/surroundings.ts";

/** Of a step: the codec's state is stored and read back between two of them. */
export type Stored = (step: Step<unknown>) => unknown;

export interface ClosedLoop {
  readonly it: World;
  /** What happened so far is taken for told: the codec is at this moment. */
  begin(state: unknown): void;
  /** Something that is no fact of the codec: a person, a timer, the end of the process. */
  give(...facts: readonly Fact[]): void;
  /** Asks the codec, and gives what it says. */
  ask(run: (state: unknown) => Step<unknown>): void;
  /** Its process has ended, and its last words are read. */
  exit(code: number | null): void;
  /** How many inputs it was given. */
  readonly inputs: () => number;
  input(): void;
  /** Keys of a recording become those of the reducer's books. */
  known(key: string): void;
}

export function closedLoop(codec: AnyCodec, change: Partial<Under>, nowMs: number, stored: Stored): ClosedLoop {
  const { redelivery, tornLine, oneshot, startDeadlineMs, metering, carriedTotals, totalsDieWithIt } = codec.traits;
  const under: Under = {
    ...SURROUNDINGS,
    ...{ redelivery, tornLine, oneshot, startDeadlineMs, metering },
    ...{ carriedTotals: carriedTotals ?? [], totalsDieWithIt: totalsDieWithIt ?? false },
    ...{ limits: {}, alone: true, reconciling: false },
    ...change,
  };
  const oracle = createOracle(under);
  const it = world(under, { before: oracle.before, after: oracle.after });
  const keys = new Map<string, string>();
  const asked = new Map<string, Extract<Fact, { type: "permission" }>>();
  const answers = new Map<string, Answer>();
  let codecState: unknown = null;
  let told = 0;
  /** Not while what was recorded is told to the reducer: the codec has it behind it. */
  let acts = false;
  let inputs = 0;

  const translated = (fact: Fact): Fact =>
    "key" in fact && fact.type.startsWith("input_") ? { ...fact, key: keys.get(fact.key) ?? fact.key } : fact;

  /** Facts that the codec gave while an effect was carried out; they follow the fact that caused them. */
  let pending: readonly Fact[] = [];

  const give = (...facts: readonly Fact[]): void => {
    for (const fact of facts) {
      if (oracle.purged()) return;
      it.do(translated(fact));
      for (let effect = it.effects[told]; effect !== undefined; effect = it.effects[told]) {
        told++;
        carryOut(effect);
      }
      while (pending.length > 0) {
        const following = pending;
        pending = [];
        give(...following);
      }
    }
  };

  const take = (step: Step<unknown>): void => {
    codecState = stored(step);
    pending = [...pending, ...step.facts];
  };

  const carryOut = (effect: Effect): void => {
    switch (effect.do) {
      case "spawn": {
        if (!acts) return;
        take(codec.start({ launch: LAUNCH, nowMs, unconfirmed: [], grants: [] }));
        const { flight } = it.state();
        return oneshot && flight !== null ? prompt(flight.input) : undefined;
      }
      case "prompt":
        return prompt(effect.input);
      case "interrupt":
        return acts ? take(codec.interrupt(codecState, nowMs)) : undefined;
      case "open_permission":
        return void asked.set(effect.id, effect.fact);
      case "settle_permission": {
        const fact = asked.get(effect.id);
        if (fact !== undefined && effect.answer !== undefined)
          answers.set(effect.id, { id: fact.id, kind: fact.kind, data: fact.data, ...effect.answer });
        return;
      }
      case "answer": {
        const answer = answers.get(effect.permission);
        return acts && answer !== undefined ? take(codec.answer(codecState, answer, nowMs)) : undefined;
      }
      default:
        return;
    }
  };

  const prompt = (input: number): void => {
    if (acts)
      take(codec.prompt(codecState, { key: `k${input}`, text: "go on", raw: false, writtenAtMs: nowMs }, nowMs));
  };

  const input = (): void => {
    inputs++;
    give({ type: "input", id: inputs, key: `k${inputs}`, mode: "queue" });
  };

  return {
    it,
    begin(state) {
      codecState = state;
      acts = true;
    },
    give,
    ask(run) {
      const step = run(codecState);
      codecState = stored(step);
      give(...step.facts);
    },
    exit(code) {
      const facts = codec.exit(codecState, { code, stderrTail: "x" });
      it.do({ under: { lastWords: true } });
      give(...facts);
      it.do({ under: { lastWords: false } });
      give({ type: "exit", code, stderrTail: "x" });
    },
    inputs: () => inputs,
    input,
    known: (key) => void keys.set(key, `k${inputs}`),
  };
}

/**
 * The reducer, where the recorded conversation has brought it by then. What is only stored or shown is left out: it
 * moves no status.
 */
export function replayed(loop: ClosedLoop, moments: readonly Moment[], oneshot: boolean): void {
  const { it } = loop;
  for (const { did, facts } of moments) {
    if (did === "start") loop.give(...(oneshot ? [] : [{ type: "resume" } as const]));
    else if (did === "exit") loop.give({ type: "exit", code: 0, stderrTail: "" });
    else if (did !== null && "input" in did) {
      loop.input();
      loop.known(did.input);
    } else if (did !== null) {
      const found = it.state().open.find(({ ref }) => ref === did.decided);
      if (found !== undefined) loop.give({ type: "decide", id: found.id, decision: "allow" });
    }
    loop.give(...facts.filter(({ type }) => !ONLY_SHOWN.includes(type)));
  }
}

const ONLY_SHOWN: readonly Fact["type"][] = [
  "part",
  "delta",
  "message_done",
  "unknown_frame",
  "usage",
  "note",
  "login",
];

const LAUNCH = {
  command: ["x"],
  args: [],
  agentId: "a3f2b1c0",
  agentUuid: "00000000-0000-4000-8000-000000000001",
  session: null,
  cwd: "/",
  agentDir: "/nowhere",
  model: null,
  permissions: "ask",
  systemPrompt: null,
  trusted: false,
  env: {},
  isRoot: false,
  self: [],
} as const;
