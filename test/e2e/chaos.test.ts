// file-timeout: 600 s
/**
 * A storm of two minutes over both compiled programs with all that the machine lets it strike with, always with the
 * same seed. `make chaos` has the long ones.
 */
import { expect, test } from "bun:test";
import { FIXED_SEED } from "../chaos/seeds.ts";
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
