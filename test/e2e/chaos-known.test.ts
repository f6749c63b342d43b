// file-timeout: 900 s
/** The short storms that once found something, with what they found it with; `make chaos SEED=known` has all. */
import { expect, test } from "bun:test";
import { KNOWN_SEEDS, STEADY_FAULTS } from "../chaos/seeds.ts";
import { storm } from "../chaos/storm.ts";

const LIMIT_MS = 600_000;

test.each(KNOWN_SEEDS.filter(({ steady }) => steady).map(({ seed, minutes, found }) => ({ seed, minutes, found })))(
  "a storm that once found $found finds nothing",
  async ({ seed, minutes }) => {
    const { flaws, evidence } = await storm({ seed, ms: minutes * 60_000, say: console.log, only: STEADY_FAULTS });
    expect(flaws).toEqual({});
    expect(evidence.sent.length).toBeGreaterThan(20);
  },
  LIMIT_MS,
);
