/**
 * Seeds of storms that once found something: each stays found, and has a test of its own for what it found. Those of
 * the steady faults are run by `make test`, all of them by `make chaos SEED=known`.
 */

export interface KnownSeed {
  readonly seed: number;
  readonly minutes: number;
  readonly found: string;
  /** Found by the steady faults alone. */
  readonly steady?: true;
}

/** The one that every `make test` runs. */
export const FIXED_SEED = 5;

/** By parts of their names: those that take neither the store nor the time away. */
export const STEADY_FAULTS = ["kill", "stop", "damage", "FIFO", "descriptors", "nonsense", "cut"] as const;

export const KNOWN_SEEDS: readonly KnownSeed[] = [
  { seed: 2, minutes: 1, found: "an answer to a question that was never written, for want of a descriptor" },
  { seed: 3, minutes: 1, found: "OpenCode's answers called missing after the clock was set back" },
  { seed: 4, minutes: 1, found: "a start of the daemon that ended because the disk was full or the store locked" },
  {
    seed: 105,
    minutes: 1,
    steady: true,
    found: "an input run twice: the writer of its line was killed behind the last byte",
  },
  {
    seed: 205,
    minutes: 1,
    steady: true,
    found: "a spool closed to us, for which the end of its program was never stored",
  },
  { seed: 207, minutes: 1, steady: true, found: "a first request without descriptors, at which the runtime ends" },
  { seed: 204, minutes: 10, found: "the end of a process told before its last words, and its work done again" },
  { seed: 211, minutes: 10, found: "a key that was forgotten when the clock was set, and its request done again" },
  { seed: 213, minutes: 10, found: "a start that came to be after it was given up" },
  { seed: 221, minutes: 10, found: "an old run's folder that could not be removed, for which nothing was started" },
  { seed: 402, minutes: 10, found: "a turn told as completed whose server died between two of its steps" },
  { seed: 406, minutes: 10, found: "a start that ended at a full disk because the clock had been set back before" },
  { seed: 411, minutes: 10, found: "an hour's wait for a receiver that counted although the clock had cut it short" },
  { seed: 413, minutes: 10, found: "OpenCode's answer of after a clock set back, not looked for among the older ones" },
  { seed: 502, minutes: 10, found: "connections that nobody ended behind a refused request" },
  { seed: 507, minutes: 10, found: "words in a history of Pi called absent, for the clock had been set back" },
  { seed: 622, minutes: 10, found: "an input given up without a word, because a full disk had no room for its writer" },
  { seed: 1031, minutes: 10, found: "agents that waited for days for a next try told before the clock was set back" },
];
