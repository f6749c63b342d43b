// file-timeout: 900 s
/** A storm of a minute over both compiled programs, always with the same seed; `make chaos` has the long ones. */
import { expect, test } from "bun:test";
import { FIXED_SEED, STEADY_FAULTS } from "../chaos/seeds.ts";
import { storm } from "../chaos/storm.ts";

const STORM_MS = 60_000;
const LIMIT_MS = 800_000;

test(
  "a minute of deaths, stops, damaged files, few descriptors and cut lines costs no input, no message and no notice",
  async () => {
    const options = { seed: FIXED_SEED, ms: STORM_MS, say: console.log, only: STEADY_FAULTS };
    const { flaws, evidence, struck } = await storm(options);
    expect(flaws).toEqual({});
    // A storm that did nothing would find nothing.
    expect(evidence.sent.length).toBeGreaterThan(20);
    expect(evidence.arrivals.length).toBeGreaterThan(0);
    expect(struck.size).toBeGreaterThan(8);
  },
  LIMIT_MS,
);
