/**
 * How long the live tests wait for a real program. A deadline says "it hangs", never "it is slow": on a machine with
 * much else to do such a program takes half a minute for its first word.
 */
/** For one thing to happen; test/run.ts gives a whole test, which waits for several, more than that. */
export const PATIENCE_MS = 120_000;
