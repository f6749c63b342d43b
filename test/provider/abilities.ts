/**
 * What each kind of provider can do, in one place: the provider suite and the live suite skip what a program cannot do
 * at all. What a user sees of it is in capabilities.ts.
 */
import type { ProviderKind } from "../../src/words/kinds.ts";

/** What the suite asks of a fake. Everything that is not named here must work with every provider. */
export interface Abilities {
  /** One process a turn: nothing is asked, nothing is resumed, the answer is the whole output. */
  readonly oneshot?: boolean;
  readonly permissions: boolean;
  readonly questions: boolean;
  /** Two permissions open at the same time. */
  readonly parallelAsks: boolean;
  readonly allowAlways: boolean;
  /** The program can take back what it asked. */
  readonly withdraws: boolean;
  /** Retries of the model call are told. */
  readonly retries: boolean;
  /** Several text blocks stay one message. */
  readonly blocks: boolean;
  readonly subagents: boolean;
  /** Turns that nobody asked for. */
  readonly ownTurns: boolean;
  /** An input that was not confirmed when its process died is run again, exactly once. */
  readonly redelivers: boolean;
  /** The fake sees garbage on stdout of the child as a line of its own (false: the bridge filters it). */
  readonly rawStdout: boolean;
  readonly tools: boolean;
  /** The program tells how many tokens it used. */
  readonly tokens: boolean;
  /** … with each answer, or holds itself to a fence of ours: what it may use can be limited. */
  readonly metered: boolean;
  /** The program tells what it cost. */
  readonly cost: boolean;
  /** A used up allowance ends the turn, and can be told from other failures. */
  readonly limits: boolean;
  /** … with the time at which it is there again. */
  readonly tellsReset: boolean;
  /** The program waits for its allowance by itself, and says so. */
  readonly waitsForLimit: boolean;
  /** That somebody has to pay or to log in can be told from other failures. */
  readonly unpaid: boolean;
}

export const ABILITIES: Readonly<Record<ProviderKind, Abilities>> = {
  "claude-code": {
    permissions: true,
    questions: true,
    parallelAsks: false,
    allowAlways: true,
    withdraws: true,
    retries: true,
    blocks: true,
    subagents: true,
    ownTurns: true,
    redelivers: true,
    rawStdout: true,
    tools: true,
    tokens: true,
    metered: true,
    cost: true,
    limits: true,
    tellsReset: true,
    waitsForLimit: true,
    unpaid: true,
  },
  codex: {
    permissions: true,
    questions: true,
    parallelAsks: true,
    allowAlways: true,
    withdraws: true,
    retries: true,
    blocks: false,
    subagents: true,
    ownTurns: true,
    redelivers: true,
    rawStdout: true,
    tools: true,
    tokens: true,
    metered: true,
    cost: false,
    limits: true,
    tellsReset: true,
    waitsForLimit: false,
    unpaid: true,
  },
  opencode: {
    permissions: true,
    questions: true,
    parallelAsks: true,
    allowAlways: true,
    withdraws: true,
    retries: true,
    blocks: true,
    subagents: true,
    ownTurns: true,
    redelivers: true,
    rawStdout: false,
    tools: true,
    tokens: true,
    metered: true,
    cost: true,
    limits: false,
    tellsReset: false,
    waitsForLimit: true,
    unpaid: true,
  },
  pi: {
    permissions: true,
    questions: true,
    parallelAsks: false,
    allowAlways: true,
    withdraws: true,
    retries: true,
    blocks: true,
    subagents: false,
    ownTurns: true,
    redelivers: true,
    rawStdout: true,
    tools: true,
    tokens: true,
    metered: true,
    cost: true,
    limits: true,
    tellsReset: true,
    waitsForLimit: false,
    unpaid: true,
  },
  acp: {
    permissions: true,
    questions: false,
    parallelAsks: true,
    allowAlways: true,
    withdraws: true,
    retries: false,
    blocks: false,
    subagents: false,
    ownTurns: false,
    redelivers: false,
    rawStdout: true,
    tools: true,
    tokens: true,
    metered: false,
    cost: true,
    limits: true,
    tellsReset: false,
    waitsForLimit: false,
    unpaid: true,
  },
  command: {
    oneshot: true,
    permissions: false,
    questions: false,
    parallelAsks: false,
    allowAlways: false,
    withdraws: false,
    retries: false,
    blocks: false,
    subagents: false,
    ownTurns: false,
    redelivers: false,
    rawStdout: false,
    tools: false,
    tokens: false,
    metered: false,
    cost: false,
    limits: false,
    tellsReset: false,
    waitsForLimit: false,
    unpaid: false,
  },
};
