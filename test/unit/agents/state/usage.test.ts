/** What a turn used, out of totals that programs tell in their own ways. */
import { describe, expect, test } from "bun:test";
import { closedTurn, counted, difference, killed, metered, settled, sum } from "../../../../src/agents/state/usage.ts";
import type { ToldUsage } from "../../../../src/providers/contract.ts";
import { seeded } from "../../../support/random.ts";
import { NOTHING_USED } from "../../../../src/store/agent-state.ts";
import type { Meter } from "../../../../src/words/agent.ts";
import { USAGE_KEYS } from "../../../../src/words/said.ts";
import type { Spent, Usage, UsageKey } from "../../../../src/words/said.ts";

type Told = readonly [run: number, total: Usage];

function spent(told: readonly Told[], carried: readonly UsageKey[] = []): Usage {
  const each = (meter: Meter, [run, usage]: Told) => metered(meter, { usage }, { run, session: null, carried });
  return told.reduce(each, NOTHING_USED).spent;
}

test.each<[string, readonly Told[], readonly UsageKey[], Usage]>([
  [
    "a total that grows counts once",
    [
      [1, { inputTokens: 5 }],
      [1, { inputTokens: 8 }],
    ],
    [],
    { inputTokens: 8 },
  ],
  [
    "the same total again adds nothing",
    [
      [1, { costUsd: 2 }],
      [1, { costUsd: 2 }],
    ],
    [],
    { costUsd: 2 },
  ],
  [
    "a new process counts from zero",
    [
      [1, { inputTokens: 5 }],
      [2, { inputTokens: 7 }],
    ],
    [],
    { inputTokens: 12 },
  ],
  [
    "… also when it tells less",
    [
      [1, { inputTokens: 5 }],
      [2, { inputTokens: 3 }],
    ],
    [],
    { inputTokens: 8 },
  ],
  [
    "a conversation's total goes on",
    [
      [1, { inputTokens: 5 }],
      [2, { inputTokens: 7 }],
    ],
    ["inputTokens"],
    { inputTokens: 7 },
  ],
  [
    "… or has begun anew, when it is lower",
    [
      [1, { inputTokens: 5 }],
      [2, { inputTokens: 3 }],
    ],
    ["inputTokens"],
    { inputTokens: 8 },
  ],
  [
    "… over a run that told nothing of it",
    [
      [1, { costUsd: 5 }],
      [2, { inputTokens: 1 }],
      [3, { costUsd: 6 }],
    ],
    ["costUsd"],
    { costUsd: 6, inputTokens: 1 },
  ],
  [
    "a total that fell is a new base",
    [
      [1, { inputTokens: 5 }],
      [1, { inputTokens: 1 }],
      [1, { inputTokens: 3 }],
    ],
    [],
    { inputTokens: 7 },
  ],
  [
    "a part that is missing for once is kept",
    [
      [1, { inputTokens: 5 }],
      [1, { outputTokens: 2 }],
      [1, { inputTokens: 6 }],
    ],
    [],
    { inputTokens: 6, outputTokens: 2 },
  ],
])("%s", (_, told, carried, expected) => expect(spent(told, carried)).toEqual(expected));

test("what is told in neither stays untold", () => {
  expect(sum({ inputTokens: 1 }, { costUsd: 0 })).toEqual({ inputTokens: 1, costUsd: 0 });
});

test("what is taken from both is their difference, also below zero", () => {
  expect(difference({ inputTokens: 1 }, { inputTokens: 3, costUsd: 1 })).toEqual({ inputTokens: -2, costUsd: -1 });
});

type Move =
  | ({ readonly run: number; readonly session?: string } & Partial<ToldUsage>)
  | "turn ends"
  | "turn is lost"
  | "process ends"
  | { readonly killed: number };

/** What each turn used, what is open, and whether something was never told. */
function play(moves: readonly Move[]): { readonly turns: readonly (Spent | null)[]; readonly now: Usage } {
  let meter: Meter = NOTHING_USED;
  const turns: (Spent | null)[] = [];
  for (const move of moves) {
    if (move === "process ends") meter = settled(meter);
    else if (move === "turn ends" || move === "turn is lost") {
      const closed = closedTurn(meter, move === "turn is lost");
      meter = closed.meter;
      turns.push(closed.usage);
    } else if ("killed" in move) meter = killed(meter, move.killed);
    else {
      const { run, session = "s", usage = {}, ...more } = move;
      meter = metered(meter, { usage, ...more }, { run, session, carried: USAGE_KEYS });
    }
  }
  return { turns, now: counted(meter) };
}

const tokens = (inputTokens: number): Usage => ({ inputTokens });
const answers = (run: number, n: number): Move => ({ run, open: tokens(n) });
const total = (run: number, n: number): Move => ({ run, usage: tokens(n) });

describe("what single answers tell", () => {
  test.each<[string, readonly Move[], readonly (Spent | null)[], Usage]>([
    ["counts at once", [answers(1, 5)], [], tokens(5)],
    ["is told whole each time", [answers(1, 5), answers(1, 8)], [], tokens(8)],
    ["is in the total that follows", [answers(1, 5), total(1, 7), "turn ends"], [tokens(7)], {}],
    ["was too much, if the total says so", [answers(1, 9), total(1, 7), "turn ends"], [tokens(7)], {}],
    [
      "stands for a turn whose process was killed, and the total that died with it brings nothing again",
      [total(1, 10), "turn ends", answers(1, 5), { killed: 1 }, "turn is lost", total(2, 14), "turn ends"],
      [tokens(10), { inputTokens: 5, estimated: true }, tokens(4)],
      {},
    ],
    [
      "stands for a turn whose process was ended, and is taken off the total that holds it",
      [total(1, 10), "turn ends", answers(1, 5), "process ends", "turn is lost", total(2, 19), "turn ends"],
      [tokens(10), { inputTokens: 5, estimated: true }, tokens(4)],
      {},
    ],
    [
      "of a turn that we ended is not told again by the answers that follow in the same process",
      [answers(1, 5), "turn ends", answers(1, 7), total(1, 8), "turn ends"],
      [{ inputTokens: 5, estimated: true }, tokens(3)],
      {},
    ],
    [
      "… and is no part of what another process's answers tell",
      [answers(1, 5), "process ends", "turn ends", answers(2, 2), answers(2, 4)],
      [{ inputTokens: 5, estimated: true }],
      tokens(4),
    ],
  ])("%s", (_, moves, turns, now) => expect(play(moves)).toEqual({ turns, now }));
});

describe("a conversation's total", () => {
  test.each<[string, readonly Move[], Usage]>([
    ["goes on in the next process", [total(1, 5), total(2, 7)], tokens(7)],
    ["that is lower is a new base: nothing of it counts twice", [total(1, 5), total(2, 3), total(2, 4)], tokens(6)],
    ["that is told again by a resume adds nothing", [total(1, 5), total(2, 5)], tokens(5)],
    ["of another conversation begins at zero", [total(1, 5), { run: 2, session: "t", usage: tokens(3) }], tokens(8)],
    ["… also when it is higher", [total(1, 5), { run: 2, session: "t", usage: tokens(9) }], tokens(14)],
    [
      "does not hold what sub-agents used, which begins at zero in each process",
      [
        total(1, 5),
        { run: 1, beside: tokens(2) },
        { run: 1, beside: tokens(3) },
        total(2, 5),
        { run: 2, beside: tokens(1) },
      ],
      tokens(9),
    ],
  ])("%s", (_, moves, now) => expect(play(moves).now).toEqual(now));
});

test("a turn that is lost without a word has used something all the same", () => {
  expect(play(["turn is lost", "turn ends"]).turns).toEqual([{ estimated: true }, null]);
});

/**
 * A program that tells each answer, keeps its conversation's total when it ends, loses what came after the last one
 * when it is killed, and repeats itself. Whatever happens in whatever order: what is counted is what was used.
 */
test("nothing counts twice and nothing is missing, in any order of answers, totals, ends, kills and repeats", () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const next = seeded(seed);
    const moves: Move[] = [];
    let [run, used, kept, open, session] = [1, 0, 0, 0, 0];
    const say = (move: Move) => {
      moves.push(move);
      if (next() < 0.3 && typeof move === "object") moves.push(move);
    };
    for (let step = 0; step < 30; step += 1) {
      const dice = next();
      const of = { run, session: String(session) };
      if (dice < 0.4) {
        const n = 1 + Math.floor(next() * 9);
        used += n;
        open += n;
        say({ ...of, open: tokens(open) });
      } else if (dice < 0.65) {
        kept += open;
        open = 0;
        say({ ...of, usage: tokens(kept) });
      } else if (dice < 0.8) {
        moves.push("turn ends");
      } else {
        const killedNow = dice < 0.9;
        moves.push(killedNow ? { killed: run } : "process ends");
        if (!killedNow) kept += open;
        open = 0;
        run += 1;
        // A resumed program tells its total, or waits for its first turn to end; a lost conversation begins anew.
        if (next() < 0.2) [session, kept] = [session + 1, 0];
        else if (next() < 0.5) say({ run, session: String(session), usage: tokens(kept) });
      }
    }
    const { turns, now } = play(moves);
    const before = turns.reduce((all, turn) => all + (turn?.inputTokens ?? 0), 0);
    expect([seed, before + (now.inputTokens ?? 0)]).toEqual([seed, used]);
  }
});
