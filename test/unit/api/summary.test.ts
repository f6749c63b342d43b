/** The report of the night, summed up from rows. */
import { expect, test } from "bun:test";
import type { Night, Present } from "../../../src/api/summary.ts";
import { summaryOf } from "../../../src/api/summary.ts";
import type { TurnRow, WaitRow } from "../../../src/store/report.ts";

const [SINCE, NOW] = [1_000_000, 2_000_000];

const present = (name: string, more: Partial<Present> = {}): Present => ({
  project: "shop",
  name,
  status: "idle",
  busy: false,
  parked: [],
  ...more,
});
const turn = (agent: string, more: Partial<TurnRow> = {}): TurnRow => ({
  agent,
  outcome: "completed",
  error: null,
  verify: null,
  parked: [],
  ...more,
});
const wait = (agent: string, createdAt: number, more: Partial<WaitRow> = {}): WaitRow => ({
  agent,
  state: "pending",
  settledBy: null,
  createdAt,
  settledAt: null,
  ...more,
});
const usage = { inputTokens: 1, outputTokens: 1, cacheReadTokens: 0, cacheWriteTokens: 0, costUsd: 0 };

const summary = (night: Partial<Night>) =>
  summaryOf({
    since: SINCE,
    now: NOW,
    present: new Map(),
    turns: [],
    waits: [],
    changes: [],
    dead: [],
    starts: [],
    used: [],
    ...night,
  });
const one = (night: Partial<Night>) => summary({ present: new Map([["a", present("a")]]), ...night }).agents[0];

test("who did nothing and is not busy is not in it; who is busy is", () => {
  const both = new Map([
    ["a", present("a")],
    ["b", present("b", { status: "processing", busy: true })],
  ]);
  expect(summary({ present: both }).agents.map(({ id }) => id)).toEqual(["b"]);
});

test("turns by outcome, the error of the last one only, and what checks said", () => {
  const verify = { exitCode: 1, attempts: 0, tail: "" };
  const failed = { outcome: "failed", error: { code: "VERIFY_FAILED", message: "red" } } as const;
  const turns = [turn("a", { ...failed, verify: { ...verify, passed: false } }), turn("a", { outcome: "lost" })];
  const mended = [...turns, turn("a", { verify: { ...verify, passed: true } })];
  expect(one({ turns: mended })).toMatchObject({
    turns: { completed: 1, interrupted: 0, failed: 1, lost: 1 },
    error: null,
    checks: { passed: 1, failed: 1 },
  });
  expect(one({ turns: turns.slice(0, 1) })?.error).toEqual(failed.error);
});

test("waits say who answered; what lies before the time, and two at once, do not count twice", () => {
  const waits = [
    wait("a", SINCE - 500, { state: "allowed", settledBy: "user", settledAt: SINCE + 1000 }),
    wait("a", SINCE + 400, { state: "denied", settledBy: "timeout", settledAt: SINCE + 1500 }),
    wait("a", NOW - 100),
  ];
  expect(one({ waits })?.waits).toEqual({ asked: 3, open: 1, ms: 1600, by: { user: 1, timeout: 1 } });
});

test("a limit counts over turns that ended and the one that is parked; a clock that was set back takes nothing away", () => {
  const parked = [{ from: SINCE + 900_000, to: null }];
  const limited = present("a", { status: "limited", busy: true, parked });
  const turns = [
    turn("a", {
      parked: [
        { from: SINCE, to: SINCE + 50 },
        { from: SINCE + 99, to: SINCE },
      ],
    }),
  ];
  const night = one({ present: new Map([["a", limited]]), turns });
  expect(night?.limited).toEqual({ times: 3, ms: 100_050, now: true });
});

test("of an agent that is forgotten there is what it used, and dead deliveries", () => {
  const used = [
    { at: SINCE, project: "docs", agent: "gone", account: "pi", turns: 2, estimated: 0, unpricedTokens: 0, ...usage },
  ];
  const dead = [{ id: "m", project: "docs", agent: "gone", event: "agent_done", at: NOW, error: "HTTP 410" }];
  const { agents } = summary({ used, dead });
  expect(agents).toMatchObject([{ id: "gone", project: "docs", status: null, deadDeliveries: 1, spent: used }]);
});

test("those that need a person come first: a question, an error, a last turn that failed, a limit", () => {
  const names = ["fine", "limited", "failed", "error", "asks"];
  const status = { limited: "limited", error: "error", asks: "waiting_input" } as const;
  const agents = new Map(
    names.map((name) => [name, present(name, { status: status[name as keyof typeof status] ?? "idle" })]),
  );
  const error = { code: "X", message: "x" };
  const turns = names.map((name) => turn(name, name === "failed" ? { outcome: "failed", error } : {}));
  const { agents: sorted } = summary({ present: agents, turns, waits: [wait("asks", NOW)] });
  expect(sorted.map(({ id }) => id)).toEqual([...names].reverse());
});

test("a restart says what lived through it, what did not, and of what it is not known", () => {
  const start = { start: 2, at: NOW };
  const starts = [
    { ...start, agent: "a", lived: 1 },
    { ...start, agent: "b", lived: 0 },
    { ...start, agent: "c", lived: null },
    { start: 3, at: NOW + 1, agent: null, lived: null },
  ];
  expect(summary({ starts }).restarts).toEqual([
    { at: NOW, lived: ["a"], ended: ["b"], unknown: ["c"] },
    { at: NOW + 1, lived: [], ended: [], unknown: [] },
  ]);
});
