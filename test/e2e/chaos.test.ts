// file-timeout: 1500 s
/**
 * A storm of two minutes over both compiled programs with all that the machine lets it strike with, always with the
 * same seed; and the short ones that once found something, with what they found it with. `make chaos` has the long
 * ones.
 */
import { expect, test } from "bun:test";
import { FIXED_SEED, KNOWN_SEEDS, STEADY_FAULTS } from "../chaos/seeds.ts";
import { FAULTS, storm } from "../chaos/storm.ts";

const FIXED_MS = 120_000;
const LIMIT_MS = 600_000;

test(
  "two minutes of deaths, stops, damaged files, full disks, held stores, set clocks, few descriptors and cut lines cost no input, no message and no notice",
  async () => {
    const { flaws, evidence, struck, skipped } = await storm({ seed: FIXED_SEED, ms: FIXED_MS, say: console.log });
    expect(flaws).toEqual({});
    // A storm that did nothing would find nothing.
    expect(evidence.sent.length).toBeGreaterThan(60);
    expect(evidence.arrivals.length).toBeGreaterThan(20);
    expect(struck.size).toBeGreaterThan((FAULTS.length - skipped.length) * 0.7);
  },
  LIMIT_MS,
);

test.each(KNOWN_SEEDS.filter(({ steady }) => steady).map(({ seed, minutes, found }) => ({ seed, minutes, found })))(
  "a storm that once found $found finds nothing",
  async ({ seed, minutes }) => {
    const { flaws, evidence } = await storm({ seed, ms: minutes * 60_000, say: console.log, only: STEADY_FAULTS });
    expect(flaws).toEqual({});
    expect(evidence.sent.length).toBeGreaterThan(20);
  },
  LIMIT_MS,
);
