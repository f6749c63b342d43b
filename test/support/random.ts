/** Chance from a seed: the same seed, the same numbers. */

export interface Random {
  /** In [0, 1). */
  (): number;
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  pick<T>(list: readonly T[]): T;
  /** True so often. */
  chance(share: number): boolean;
}

/**
 * A test's seed: the same each time, unless `AH_TEST_SEED` names another. Printed, so that what failed can be had
 * again.
 */
export function seedOf(what: string, env: Readonly<Record<string, string | undefined>> = process.env): number {
  const seed = Number(env["AH_TEST_SEED"] ?? 20_260_218);
  if (!Number.isSafeInteger(seed)) throw new Error(`AH_TEST_SEED is ${env["AH_TEST_SEED"]}, expected a whole number`);
  console.log(`${what}: AH_TEST_SEED=${seed}`);
  return seed;
}

export function seeded(seed: number): Random {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return Object.assign(next, {
    between,
    pick<T>(list: readonly T[]): T {
      const found = list[between(0, list.length - 1)];
      if (found === undefined) throw new Error("nothing to pick from");
      return found;
    },
    chance: (share: number) => next() < share,
  });
}
