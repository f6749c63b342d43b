/** What a turn used, out of totals that programs tell in their own ways. */
import { expect, test } from "bun:test";
import { metered, sum } from "../../../../src/agents/state/usage.ts";
import { NOTHING_USED } from "../../../../src/store/agent-state.ts";
import type { Meter } from "../../../../src/words/agent.ts";
import type { Usage, UsageKey } from "../../../../src/words/said.ts";

type Told = readonly [run: number, total: Usage];

function spent(told: readonly Told[], carried: readonly UsageKey[] = []): Usage {
  return told.reduce<Meter>((meter, [run, total]) => metered(meter, run, total, carried), NOTHING_USED).spent;
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
