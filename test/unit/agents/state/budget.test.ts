/** Budgets in the reducer: what ends a turn, what holds the queue, who is told, and what lets it go on. */
import { describe, expect, test } from "bun:test";
import type { DayStanding, Fact } from "../../../../src/agents/model.ts";
import type { Metering } from "../../../../src/providers/contract.ts";
import { standings } from "../../../../src/agents/state/budget.ts";
import { goOn, limited } from "./limit-facts.ts";
import type { Under } from "./world.ts";
import {
  DONE,
  WORKING,
  abort,
  accepted,
  ask,
  attach,
  decide,
  detach,
  ended,
  exit,
  failed,
  input,
  later,
  notPassed,
  passed,
  ready,
  release,
  started,
  stop,
  world,
} from "./world.ts";

const DAY_MS = 86_400_000;
const NOON = 5_000_000_000;
const ATTHEEND: Metering = { tokens: "answer", costUsd: "turn" };

const told = (usage: { inputTokens?: number; costUsd?: number }): Fact => ({ type: "usage", usage });
const day = (more: Partial<DayStanding> = {}): DayStanding => ({
  budget: { costUsd: 10 },
  beganAt: NOON,
  endsAt: NOON + DAY_MS,
  spent: { tokens: 0, costUsd: 0 },
  unpriced: { tokens: 0, at: 0 },
  reservedUsd: 0,
  at: {},
  told: [],
  ...more,
});
const tokens = (n: number): Partial<Under> => ({ budget: { tokens: n } });
const notices = (trace: readonly string[]) => trace.filter((line) => line.startsWith("notice"));

describe("what an answer used", () => {
  test("below four fifths of the budget nobody is told", () => {
    expect(world(tokens(100)).do(...WORKING, told({ inputTokens: 79 })).trace).not.toContain("agent_budget");
  });

  test("from four fifths on it is told once, and the turn goes on", () => {
    const it = world(tokens(100))
      .do(...WORKING)
      .fresh();
    it.do(told({ inputTokens: 80 }), told({ inputTokens: 90 }));
    expect(it.trace).toEqual(["spend", "agent_budget", "notice agent_budget in a-1", "spend"]);
    expect(it.shown().status).toBe("processing");
  });

  test("at the whole of it the turn is interrupted, fails, and what waits is held", () => {
    const it = world(tokens(100))
      .do(...WORKING, input(2))
      .fresh();
    it.do(told({ inputTokens: 100 }));
    expect(it.trace).toContain("interrupt");
    it.do(ended("interrupted"));
    expect(it.shown()).toMatchObject({ status: "error", last: "failed BUDGET_EXCEEDED", held: true, queue: [2] });
    expect(notices(it.trace)).toEqual(["notice agent_budget in a-1", "notice agent_error a-1 BUDGET_EXCEEDED"]);
    expect(it.state().lastTurn?.error?.message).toContain('PATCH the agent with {"budget":{"tokens":N}}');
  });

  test("a turn that completed before it could be interrupted is completed, and the next one is held", () => {
    const it = world(tokens(100)).do(...WORKING, input(2), told({ inputTokens: 100 }), ended());
    expect(it.shown()).toMatchObject({ status: "idle", last: "completed", held: true, queue: [2], turn: null });
    expect(it.shown().cause).toContain("budget is spent");
  });

  test("a program that does not obey is ended after the time of an interrupt", () => {
    const it = world(tokens(100)).do(...WORKING, told({ inputTokens: 100 }), later(10_000));
    expect(it.trace).toContain("end");
    it.do(exit(143));
    expect(it.shown()).toMatchObject({ last: "failed BUDGET_EXCEEDED", status: "error" });
  });

  test("a higher limit is told of anew, and a held queue waits for a person all the same", () => {
    const it = world(tokens(100)).do(...WORKING, input(2), told({ inputTokens: 100 }), ended());
    it.do({ under: tokens(200) }, { type: "recheck" });
    expect(it.shown()).toMatchObject({ held: true, turn: null });
    it.fresh().do(release, ready);
    expect(it.shown()).toMatchObject({ held: false, turn: "a-2" });
    it.do(told({ inputTokens: 170 }));
    expect(notices(it.trace)).toEqual(["notice agent_budget in a-2"]);
  });

  test("a limit that was lowered below what is spent ends the turn that runs", () => {
    const it = world()
      .do(...WORKING, told({ inputTokens: 100 }))
      .fresh();
    it.do({ under: tokens(50) }, { type: "recheck" });
    expect(it.trace).toEqual(["agent_budget", "notice agent_budget in a-1", "interrupt"]);
  });

  test("an input, a release and a resume begin nothing while it is spent", () => {
    const it = world(tokens(10)).do(...DONE.slice(0, -1), told({ inputTokens: 10 }), ended());
    for (const fact of [input(2), release, { type: "resume" } as const])
      expect(it.do(fact).shown()).toMatchObject({ turn: null, queue: [2], held: true });
  });
});

describe("what comes first", () => {
  test("an abort before the budget keeps its outcome", () => {
    const it = world(tokens(10)).do(...WORKING, abort, told({ inputTokens: 10 }), ended("interrupted"));
    expect(it.shown().last).toBe("interrupted");
  });

  test("an abort after it is the person's word, too", () => {
    const it = world(tokens(10)).do(...WORKING, told({ inputTokens: 10 }), abort, ended("interrupted"));
    expect(it.shown().last).toBe("interrupted");
  });

  test("a stop is no budget's end", () => {
    const it = world(tokens(10)).do(...WORKING, told({ inputTokens: 10 }), stop, exit(0));
    expect(it.shown()).toMatchObject({ last: "interrupted", process: "stopped" });
  });

  test("the budget's end is not taken for what the program makes of an interrupt", () => {
    const it = world(tokens(10)).do(...WORKING, told({ inputTokens: 10 }), failed("aborted"));
    expect(it.shown().last).toBe("failed BUDGET_EXCEEDED");
  });
});

describe("a budget that is spent by the very answer that completes a turn", () => {
  const CHECK = { step: "check", limitMs: 600_000, attempts: 2 } as const;
  const under: Partial<Under> = { budget: { tokens: 10 }, closing: [CHECK] };

  test("leaves the turn to its check: completed when it passes, and only the next one is held", () => {
    const it = world(under)
      .do(...WORKING, input(2), told({ inputTokens: 10 }), ended())
      .fresh();
    expect(it.shown()).toMatchObject({ status: "processing", turn: "a-1", cause: "frame: verifying" });
    it.do(passed());
    expect(notices(it.trace)).toEqual(["notice agent_budget", "notice agent_completed a-1"]);
    expect(it.shown()).toMatchObject({ last: "completed", held: true, queue: [2] });
  });

  test("feeds nothing back when the check fails, and the failure holds the queue, whatever the day brings", () => {
    const shared: Partial<Under> = { closing: [CHECK], day: day({ spent: { tokens: 0, costUsd: 9 } }) };
    const it = world({ ...shared, metering: { tokens: "answer", costUsd: "answer" } });
    it.do(...WORKING, input(2), told({ costUsd: 1 }), ended(), notPassed());
    expect(it.shown()).toMatchObject({ last: "failed VERIFY_FAILED", held: true, queue: [2], turn: null });
    it.do({ under: { day: day({ beganAt: NOON + DAY_MS, endsAt: NOON + 2 * DAY_MS }) } }, later(DAY_MS), {
      type: "recheck",
    });
    expect(it.shown()).toMatchObject({ held: true, turn: null });
  });
});

describe("turns", () => {
  test("the last one runs to its end, the one after it does not begin", () => {
    const it = world({ budget: { turns: 1 } }).do(...WORKING, input(2));
    expect(it.shown().status).toBe("processing");
    it.do(ended());
    expect(it.shown()).toMatchObject({ last: "completed", held: true, queue: [2], turn: null });
  });

  test("one that begins by itself when none is left is ended at once", () => {
    const it = world({ budget: { turns: 1 } })
      .do(...DONE)
      .fresh();
    it.do(started);
    expect(it.trace).toContain("interrupt");
    it.do(ended("interrupted"));
    expect(it.shown().last).toBe("failed BUDGET_EXCEEDED");
  });
});

describe("time of work", () => {
  test("ends the turn when it is over, told at four fifths", () => {
    const it = world({ budget: { wallMs: 10_000 }, limits: { stallWarnMs: 0 } })
      .do(...WORKING)
      .fresh();
    it.do(later(8000));
    expect(it.trace).toEqual(["agent_budget", "notice agent_budget in a-1"]);
    it.do(later(2000));
    expect(it.trace).toContain("interrupt");
  });

  test("does not run while a person is asked", () => {
    const it = world({ budget: { wallMs: 10_000 }, limits: { stallWarnMs: 0 } }).do(
      ...WORKING,
      ask("r1"),
      later(60_000),
    );
    expect(it.trace).not.toContain("interrupt");
    it.do(decide("p1"), later(11_000));
    expect(it.trace).toContain("interrupt");
  });

  test("does not run while its account is at its limit", () => {
    const it = world({ budget: { wallMs: 10_000 }, limits: { stallWarnMs: 0, parkIdleMs: 0 } });
    it.do(...WORKING, later(6000), limited(), later(3_600_000), goOn(2), accepted(2), later(3900));
    expect(it.trace).not.toContain("interrupt");
    it.do(later(200));
    expect(it.trace).toContain("interrupt");
  });

  test("does not run while a person has the conversation, whatever waits for its end", () => {
    const it = world({ budget: { wallMs: 10_000 }, limits: { stallWarnMs: 0, turnTimeoutMs: 20_000 } });
    it.do(...WORKING, later(6000), ended(), attach, exit(0), input(2), later(3_600_000), detach, ready, accepted(2));
    it.do(later(3900));
    expect(it.trace).not.toContain("interrupt");
    expect(it.shown()).toMatchObject({ turn: "a-2", status: "processing" });
    it.do(later(200));
    expect(it.trace).toContain("interrupt");
  });

  test("stands while nothing is worked on", () => {
    const budget = { wallMs: 10_000 };
    const it = world({ budget, limits: { stallWarnMs: 0 } }).do(...WORKING, later(6000), ended(), later(5000));
    expect(standings(it.state(), { budget, day: null, ranMs: 0 })).toMatchObject([{ key: "wallMs", used: 6000 }]);
  });

  test("adds up over turns", () => {
    const it = world({ budget: { wallMs: 10_000 }, limits: { stallWarnMs: 0 } });
    it.do(...WORKING, later(6000), ended(), input(2), started, later(3900));
    expect(it.trace).not.toContain("interrupt");
    it.do(later(200));
    expect(it.trace).toContain("interrupt");
  });
});

describe("a cost that is told only when a turn is over", () => {
  const under: Partial<Under> = { metering: ATTHEEND, budget: { costUsd: 2 } };

  test("is a fence of the process, for what is left", () => {
    const it = world(under).do(input(1));
    expect(it.state().fence).toEqual({ usd: 2, from: 0 });
    it.do(ready, started, told({ costUsd: 0.5 }), ended(), stop, exit(0), input(2));
    expect(it.state().fence).toEqual({ usd: 1.5, from: 0.5 });
  });

  test("does not interrupt the turn that told it, but holds the next", () => {
    const it = world(under).do(...WORKING, input(2), told({ costUsd: 2.5 }));
    expect(it.trace).not.toContain("interrupt");
    it.do(ended());
    expect(it.shown()).toMatchObject({ last: "completed", held: true, turn: null });
  });

  test("the program's own fence ends the turn with our code, and its process is replaced", () => {
    const it = world(under).do(...WORKING, told({ costUsd: 2.1 }), failed("BUDGET_EXCEEDED"));
    expect(it.shown().last).toBe("failed BUDGET_EXCEEDED");
    it.fresh().do({ under: { budget: { costUsd: 9 } } }, release, input(2));
    expect(it.trace).toContain("end gently");
  });

  test("a process goes on with the fence that it has, as long as that is what is left", () => {
    const it = world(under)
      .do(...WORKING, told({ costUsd: 0.5 }), ended())
      .fresh();
    it.do(input(2));
    expect(it.trace).toContain("prompt 2");
    it.do(started, ended(), { under: { budget: { costUsd: 4 } } }).fresh();
    it.do(input(3));
    expect(it.trace).toContain("end gently");
  });
});

describe("a price that is missing", () => {
  const under: Partial<Under> = { metering: { tokens: "answer", costUsd: "answer" }, budget: { costUsd: 2 } };

  test("is no cost of nothing: the limit says so, and it is told once", () => {
    const it = world(under)
      .do(...WORKING)
      .fresh();
    it.do(told({ inputTokens: 100 }), told({ inputTokens: 150 }));
    expect(it.trace).toEqual(["spend", "agent_budget", "notice agent_budget in a-1", "spend"]);
    const [standing] = standings(it.state(), { budget: { costUsd: 2 }, day: null, ranMs: 0 });
    expect(standing).toEqual({ scope: "agent", key: "costUsd", limit: 2, used: 0, unpricedTokens: 150 });
  });

  test("of some answers only: the others count", () => {
    const it = world(under).do(
      ...WORKING,
      told({ inputTokens: 100, costUsd: 1 }),
      told({ inputTokens: 130, costUsd: 1 }),
    );
    const [standing] = standings(it.state(), { budget: { costUsd: 2 }, day: null, ranMs: 0 });
    expect(standing).toMatchObject({ used: 1, unpricedTokens: 30 });
  });

  test("nobody is told where no limit is in dollars, nor of a cost that only comes later", () => {
    const free = world({ ...under, budget: {} }).do(...WORKING, told({ inputTokens: 100 }));
    const late = world({ ...under, metering: ATTHEEND }).do(...WORKING, told({ inputTokens: 100 }));
    for (const it of [free, late]) expect(notices(it.trace)).toEqual([]);
    expect([free.state().unpricedTokens, late.state().unpricedTokens]).toEqual([100, 0]);
  });

  test("of a program that tells none is known as such, until it tells one all the same", () => {
    const it = world({ ...under, metering: { tokens: "no", costUsd: "no" }, budget: {} });
    it.do(...WORKING, told({ inputTokens: 100 }), told({ inputTokens: 100, costUsd: 1 }), told({ inputTokens: 150 }));
    expect(it.state().unpricedTokens).toBe(100);
  });

  test("of the day is what all of the project's agents used without one", () => {
    const it = world({ ...under, budget: {}, day: day({ unpriced: { tokens: 40, at: 0 } }) });
    it.do(...WORKING, told({ inputTokens: 2 }));
    const terms = { budget: {}, day: day({ unpriced: { tokens: 40, at: 0 } }), ranMs: 0 };
    expect(standings(it.state(), terms)).toEqual([
      { scope: "day", key: "costUsd", limit: 10, used: 0, unpricedTokens: 42 },
    ]);
  });
});

describe("the project's budget of the day", () => {
  const shared = (more: Partial<DayStanding> = {}, metering: Metering = { tokens: "answer", costUsd: "answer" }) => ({
    metering,
    day: day(more),
  });

  test("counts what others spent, tells them when it is reached, and ends the turn", () => {
    const it = world(shared({ spent: { tokens: 0, costUsd: 7 } }))
      .do(...WORKING)
      .fresh();
    it.do(told({ costUsd: 3 }));
    expect(it.trace).toEqual([
      "spend",
      "day_told",
      "agent_budget",
      "notice agent_budget in a-1",
      "interrupt",
      "tell_sharers",
    ]);
  });

  test("is told of once a day, whoever comes near it", () => {
    const it = world(shared({ spent: { tokens: 0, costUsd: 7 }, told: ["costUsd 10"] }))
      .do(...WORKING)
      .fresh();
    expect(it.do(told({ costUsd: 2 })).trace).toEqual(["spend"]);
  });

  test("that others have spent ends the turn of one who is told so", () => {
    const it = world(shared())
      .do(...WORKING)
      .fresh();
    it.do({ under: shared({ spent: { tokens: 0, costUsd: 10 }, told: ["costUsd 10"] }) }, { type: "recheck" });
    expect(it.trace).toEqual(["interrupt"]);
  });

  test("holds the queue until midnight, and not longer", () => {
    const it = world(shared({ spent: { tokens: 0, costUsd: 10 } })).do(input(1), later(1000), { type: "recheck" });
    expect(it.shown()).toMatchObject({ held: true, turn: null });
    const tomorrow = day({ beganAt: NOON + DAY_MS, endsAt: NOON + 2 * DAY_MS });
    it.do({ under: { day: tomorrow } }, { type: "recheck" });
    expect(it.shown()).toMatchObject({ held: true }); // a raised budget releases nothing by itself
    it.do(later(DAY_MS), { type: "recheck" });
    expect(it.shown()).toMatchObject({ held: false, turn: "a-1" });
  });

  test("does not give back at midnight what a person holds", () => {
    const it = world(shared({ spent: { tokens: 0, costUsd: 10 } })).do(input(1), { type: "abort", keepQueued: true });
    it.do({ under: { day: day() } }, later(2 * DAY_MS), { type: "recheck" });
    expect(it.shown()).toMatchObject({ held: true, turn: null });
  });

  test("a cost that is told late is reserved: half of what is free, or what the agent's own budget leaves", () => {
    expect(world(shared({}, ATTHEEND)).do(input(1)).state()).toMatchObject({
      reservedUsd: 5,
      fence: { usd: 5, from: 0 },
    });
    const own = { ...shared({ reservedUsd: 1 }, ATTHEEND), budget: { costUsd: 2 } };
    expect(world(own).do(input(1)).state()).toMatchObject({ reservedUsd: 2, fence: { usd: 2, from: 0 } });
  });

  test("the reservation ends with the turn, and others hear of it", () => {
    const it = world(shared({}, ATTHEEND))
      .do(...WORKING)
      .fresh();
    it.do(told({ costUsd: 1 }), ended());
    expect(it.state().reservedUsd).toBeNull();
    expect(it.trace).toContain("tell_sharers");
  });

  test("an input waits while all of it is reserved, and goes on by itself when some comes back", () => {
    const it = world(shared({ reservedUsd: 10 }, ATTHEEND)).do(input(1));
    expect(it.shown()).toMatchObject({ held: true, turn: null });
    expect(it.state().overspent).toMatchObject({ waits: true });
    expect(it.do({ type: "recheck" }).shown()).toMatchObject({ held: true });
    it.do({ under: shared({ reservedUsd: 4 }, ATTHEEND) }, { type: "recheck" });
    expect(it.shown()).toMatchObject({ held: false, turn: "a-1" });
  });
});
