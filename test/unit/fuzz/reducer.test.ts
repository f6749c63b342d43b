// file-timeout: 14400 s
/** Random facts in random order, seeded: the reducer keeps its promises in places where nobody thought of looking. */
import { test } from "bun:test";
import type { Fact, Finding } from "../../../src/agents/model.ts";
import { CLOSING_STEPS } from "../../../src/words/agent.ts";
import type { ClosingStep } from "../../../src/words/agent.ts";
import { Violation, canBeStopped, cannotLoop, createOracle, drains } from "../agents/state/oracle.ts";
import type { Step, Under, World } from "../agents/state/world.ts";
import type { Random } from "../../support/fuzz.ts";
import { CASES, pick, seeded, upTo } from "../../support/fuzz.ts";
import * as limitFacts from "../agents/state/limit-facts.ts";
import * as facts from "../agents/state/world.ts";

const SEQUENCES = Math.max(100_000, CASES);
const SEED = 20_260_218;

type Kind = Pick<Under, "redelivery" | "tornLine" | "oneshot">;

const KINDS: readonly [Kind, ...Kind[]] = [
  { redelivery: "dedupe", tornLine: "restart", oneshot: false },
  { redelivery: "dedupe", tornLine: "newline", oneshot: false },
  { redelivery: "history", tornLine: "newline", oneshot: false },
  { redelivery: "none", tornLine: "newline", oneshot: false },
  { redelivery: "none", tornLine: "restart", oneshot: false },
  { redelivery: "none", tornLine: "newline", oneshot: true },
];

function provider(next: Random): Under {
  const limits = {
    parkIdleMs: pick(next, [0, 2000]),
    turnTimeoutMs: pick(next, [0, 0, 3000]),
    stallWarnMs: pick(next, [0, 1000]),
    toolStallWarnMs: pick(next, [0, 3000]),
    permissionTimeoutMs: pick(next, [0, 2000]),
    limitMaxWaitMs: pick(next, [0, 20_000]),
  };
  return {
    ...pick(next, KINDS),
    limits,
    permissions: pick(next, ["ask", "ask", "allow", "deny"]),
    startDeadlineMs: 5000,
    carriedTotals: [],
    closing: pick(next, CLOSINGS),
    totalsDieWithIt: false,
    metering: { tokens: "answer", costUsd: "answer" },
    budget: {},
    day: null,
    alone: next() < 0.8,
    reconciling: next() < 0.1,
    lastWords: false,
    account: "claude-code:work",
    accountLimits: [],
    model: null,
    onLimit: pick(next, ["park", "park", "fail"]),
    pace: 1,
  };
}

const SNAPSHOT = { step: "snapshot", limitMs: 3000, attempts: 0 } as const;
const RESULT = { step: "result", limitMs: 3000, attempts: 1 } as const;
const CHECK = { step: "check", limitMs: 5000, attempts: 2 } as const;
const CLOSINGS: readonly [Under["closing"], ...Under["closing"][]] = [
  [],
  [],
  [SNAPSHOT],
  [CHECK],
  [SNAPSHOT, RESULT, { ...CHECK, attempts: 0 }],
];

/** What a step comes to. */
function finding(next: Random, step: ClosingStep, turn: string): Fact {
  const roll = next();
  const bad = { is: "bad", code: "VERIFY_FAILED", message: "red", feedback: "red" } as const;
  const found: Finding =
    roll < 0.4 || step === "snapshot" ? { is: "good" } : roll < 0.9 ? bad : { is: "lost", message: "?" };
  return { type: "step_done", turn, step, found: roll > 0.95 ? { is: "lost", message: "?" } : found };
}

const OUTCOMES = ["completed", "completed", "interrupted", "failed", "lost"] as const;

/** Whatever has to do with the account; a turn goes on with an input of its own, numbered like all others. */
function limits(next: Random, it: World, sent: number): Step {
  const roll = upTo(next, 5);
  if (roll === 0) return limitFacts.waitsInside(pick(next, ["limit", "limit", "billing"]));
  if (roll === 1) return it.state().flight === null ? limitFacts.goOn(sent + 1) : limitFacts.goOnUnsent;
  if (roll === 2) return { type: "limit_moved", resetsAt: null, resumesAt: 5, guessed: true };
  return limitFacts.limited(pick(next, ["limit", "limit", "auth"]), pick(next, ["five_hour", "seven_day"]));
}

/** Anything at all, likely or not. */
function anything(next: Random, it: World, sent: number): Step {
  const one = 1 + upTo(next, sent + 1);
  const ref = `r${upTo(next, 3)}`;
  const roll = upTo(next, 100);
  if (roll < 12) return facts.input(sent + 1, next() < 0.3 ? "interrupt" : "queue");
  if (roll < 15) return facts.drop(one);
  if (roll < 17) return facts.release;
  if (roll < 21) return next() < 0.5 ? facts.abort : facts.abortKeeping;
  if (roll < 25) return facts.stop;
  if (roll < 28) return facts.resume;
  if (roll < 29) return next() < 0.3 ? facts.remove : { type: next() < 0.6 ? "attach" : "detach" };
  if (roll < 31) return facts.configured;
  if (roll < 35) return facts.decide(`p${1 + upTo(next, 4)}`, next() < 0.5 ? "allow" : "deny");
  if (roll < 43) return facts.ready;
  if (roll < 45) return facts.started;
  if (roll < 47) return limits(next, it, sent);
  if (roll < 55) return facts.ended(pick(next, OUTCOMES));
  if (roll < 60) return facts.accepted(one);
  if (roll < 62) return facts.absent(one);
  if (roll < 63) return facts.unknown(one);
  if (roll < 68) return facts.ask(ref, pick(next, ["tool", "question", "plan"]));
  if (roll < 70) return facts.closed(ref);
  if (roll < 72) return facts.background(upTo(next, 2));
  if (roll < 73) return facts.retrying;
  if (roll < 74) return facts.said;
  if (roll < 76) return facts.refused("NO");
  if (roll < 77) return facts.lacking;
  if (roll < 78) return pick(next, [facts.startInLine, facts.startWaits, facts.startBegins]);
  if (roll < 83) return facts.exit(pick(next, [0, 1, 137, null]));
  if (roll < 84) return it.state().ready ? facts.exit(1) : facts.never;
  if (roll < 86) return facts.torn;
  if (roll < 87) return next() < 0.5 ? facts.replace : facts.broken;
  if (roll < 88) return finding(next, pick(next, CLOSING_STEPS), `a-${1 + upTo(next, 4)}`);
  if (roll < 90) return facts.frame;
  return facts.later(upTo(next, 6000));
}

/** What a program that does its work would do next; where there is nothing to do, a user. */
function likely(next: Random, it: World, sent: number): Step {
  const s = it.state();
  const { flight } = s;
  const asked = s.open.find((each) => !each.answered);
  if (s.limited?.stage === "parked" && next() < 0.6)
    return flight === null ? limitFacts.goOn(sent + 1) : limitFacts.goOnUnsent;
  if (s.turn !== null && s.ready && next() < 0.1) return limits(next, it, sent);
  if (s.intent !== null || (s.ready && flight?.run === null)) return facts.exit(0);
  if (s.process === "running" && !s.ready) return facts.ready;
  if (asked !== undefined) return facts.decide(asked.id);
  if (flight !== null && flight.run !== s.run)
    return { type: pick(next, ["input_absent", "input_accepted"] as const), key: flight.key };
  if (flight !== null && !flight.accepted) return { type: "input_accepted", key: flight.key };
  const closing = s.turn?.closing?.steps[0];
  if (s.saving !== null && next() < 0.5) return finding(next, "snapshot", s.saving.turn);
  if (s.turn !== null && closing !== undefined) return finding(next, closing, s.turn.id);
  if (s.turn !== null) return next() < 0.3 ? facts.ask("r1") : facts.ended(pick(next, OUTCOMES));
  return next() < 0.7 ? facts.input(sent + 1) : facts.later(3000);
}

interface Sequence {
  readonly under: Under;
  readonly steps: readonly Step[];
}

/** Made while it runs, because the likely next fact depends on the state. */
function invent(seed: number): Sequence {
  const next = seeded(seed);
  const under = provider(next);
  const steps: Step[] = [];
  const it = facts.world(under);
  let sent = 0;
  for (let n = 5 + upTo(next, 25); n > 0; n -= 1) {
    const step = next() < 0.5 ? likely(next, it, sent) : anything(next, it, sent);
    if ("type" in step && (step.type === "input" || (step.type === "go_on" && step.input !== null))) sent += 1;
    steps.push(step);
    it.do(step);
    if (it.trace.includes("purge")) break;
  }
  return { under, steps };
}

function check({ under, steps }: Sequence, end: (it: World) => void): string | null {
  const oracle = createOracle(under);
  const it: World = facts.world(under, {
    before: (fact: Fact) => oracle.before(fact),
    after: (fact, effects, state) => oracle.after(fact, effects, state),
  });
  try {
    for (const step of steps) {
      it.do(step);
      if (oracle.purged()) return null;
    }
    end(it);
    return null;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    throw error;
  }
}

/** Leaves out whatever the violation does not need. */
function shortest(sequence: Sequence, end: (it: World) => void): Sequence {
  for (let at = sequence.steps.length - 1; at >= 0; at -= 1) {
    const fewer = { ...sequence, steps: sequence.steps.toSpliced(at, 1) };
    if (check(fewer, end) !== null) return shortest(fewer, end);
  }
  return sequence;
}

test(`${SEQUENCES} random sequences break no promise`, async () => {
  const ends = [canBeStopped, cannotLoop, drains];
  for (let n = 0; n < SEQUENCES; n += 1) {
    const sequence = invent(SEED + n);
    const end = ends[n % ends.length] ?? drains;
    if (n % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (check(sequence, end) === null) continue;
    const small = shortest(sequence, end);
    throw new Error(
      `${check(small, end)}: ${JSON.stringify({ by: small.steps, then: end.name, under: small.under, seed: SEED + n })}`,
    );
  }
}, 3_600_000);
