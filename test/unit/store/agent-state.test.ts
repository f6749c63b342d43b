/**
 * What an earlier daemon stored of an agent is read back: missing members are filled, nonsense is a reason in words,
 * and whatever comes out of it the reducer can go on with. Each member is taken away in turn, also deep inside.
 */
import { describe, expect, test } from "bun:test";
import { reduce } from "../../../src/agents/state/reduce.ts";
import type { Fact, Surroundings } from "../../../src/agents/model.ts";
import { initialState, readState, stateText } from "../../../src/store/agent-state.ts";
import type { AgentState } from "../../../src/words/agent.ts";
import { STATUSES } from "../../../src/words/agent.ts";
import { fixtures } from "../../fixtures/state/read.ts";
import * as facts from "../agents/state/world.ts";
import { SURROUNDINGS } from "../../support/surroundings.ts";

/** Everything that can be set, set. */
const FULL: AgentState = {
  ...facts
    .world({ limits: { stallWarnMs: 1 } })
    .do(...facts.WAITING, facts.input(2), facts.retrying)
    .state(),
  lastTurn: {
    id: "a-0",
    origin: "agent",
    startedAt: 1,
    endedAt: 2,
    outcome: "failed",
    error: { code: "X", message: "x" },
  },
  intent: "stop",
  session: "s",
  usage: { inputTokens: 1, costUsd: 0.5 },
  unnoticed: ["a-0"],
  foreign: "motd",
  broken: { code: "B", message: "b" },
  startError: { code: "C", message: "c" },
};
const KEPT = fixtures().flatMap(({ version, states }) =>
  Object.entries(states).map(([id, state]) => [`${version} ${id}`, state] as const),
);
const STATES: readonly (readonly [string, unknown])[] = [
  ["a full one", FULL],
  ["a new one", initialState(1)],
  [
    "one that works",
    facts
      .world()
      .do(...facts.WORKING)
      .state(),
  ],
  ...KEPT,
];

const env: Surroundings = {
  ...SURROUNDINGS,
  nowMs: 2_000_000,
  ranMs: 2_000_000,
  source: "frame",
  agentId: "a",
  limits: {
    parkIdleMs: 600_000,
    turnTimeoutMs: 1000,
    stallWarnMs: 300_000,
    toolStallWarnMs: 0,
    permissionTimeoutMs: 1000,
    limitMaxWaitMs: 86_400_000,
  },
};
/** Whatever can come next. */
const ALL: readonly Fact[] = [
  facts.ready,
  facts.accepted(1),
  facts.started,
  facts.ask("r2"),
  facts.closed("r1"),
  facts.retrying,
  facts.said,
  facts.ended(),
  facts.failed("overloaded"),
  { type: "tick" },
  facts.decide("p1"),
  facts.abort,
  facts.input(3, "interrupt"),
  facts.stop,
  facts.torn,
  facts.exit(1),
  facts.resume,
  facts.release,
];

/** Every path of a member in it. */
function pathsIn(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => [[...path, key], ...pathsIn(each, [...path, key])]);
}

/** A copy in which the member at the path is another, or is gone. */
function changed(value: unknown, [key = "", ...rest]: readonly string[], to?: { readonly value: unknown }): unknown {
  const copy = structuredClone(value) as Record<string, unknown>;
  if (rest.length > 0) copy[key] = changed(copy[key], rest, to);
  else if (to === undefined) delete copy[key];
  else copy[key] = to.value;
  return copy;
}

/** The reducer goes on with it, from each fact and through all of them. */
function goesOn(state: AgentState): void {
  let through = state;
  for (const fact of ALL) {
    reduce(state, fact, env);
    through = reduce(through, fact, env).state;
    expect(STATUSES).toContain(through.status);
  }
}

describe.each(STATES)("%s", (_, state) => {
  const text = JSON.stringify(state);

  test("is read as it was, with its version or without one", () => {
    const read = readState(text, 5);
    expect(read.ok && read.state).toMatchObject(state as object);
    expect(read.ok && readState(stateText(read.state), 5)).toEqual(read);
  });

  test("a member that is missing is filled, or named where nothing may be guessed; the reducer goes on", () => {
    for (const path of pathsIn(state)) {
      const read = readState(JSON.stringify(changed(state, path)), 5);
      if (read.ok) goesOn(read.state);
      else expect([path.join("."), read.reason]).toEqual([path.join("."), expect.stringContaining(path.at(-1) ?? "")]);
    }
  });

  test("nonsense in any member is a reason in words or a value of the right kind, never an exception", () => {
    for (const path of pathsIn(state))
      for (const value of [null, 7, -1, "toy", true, [], {}, [null]]) {
        const read = readState(JSON.stringify(changed(state, path, { value })), 5);
        if (read.ok) goesOn(read.state);
        else expect(read.reason).toMatch(/expected/);
      }
  });
});

test("these must be there, all others may be missing", () => {
  const needed = Object.keys(FULL).filter((key) => !readState(JSON.stringify(changed(FULL, [key])), 5).ok);
  expect(needed.sort()).toEqual(["flight", "open", "permissions", "process", "queue", "run", "turn", "turns"]);
});

test("what is no state at all is a reason in words", () => {
  for (const text of ["", "{", "null", "[]", "7", '"x"']) {
    const read = readState(text, 5);
    expect([text, read.ok, read.ok || read.reason !== ""]).toEqual([text, false, true]);
  }
  const newer = readState(JSON.stringify({ ...initialState(1), v: 99 }), 5);
  expect(newer.ok || newer.reason).toContain("version 99");
});
