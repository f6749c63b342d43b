/**
 * How long it is still to be quiet, by running time: a wall clock that is set makes a silence neither early nor late,
 * and a time in which we were away is nobody's. Nothing of it is stored. With a new daemon it begins anew: what was
 * said meanwhile is read first, and nobody knows when it was said.
 */
import type { RunningTime } from "../lib/running-time.ts";
import type { Span } from "../providers/contract.ts";

/**
 * Gives in how many ms the first of the spans is over that are `wanted` now; 0 or less = it is, Infinity = none is
 * wanted. To be asked whenever they may have become other ones.
 */
export function silenceMeter(running: Pick<RunningTime, "now">, wanted: () => readonly Span[]): () => number {
  let begun: readonly (Span & { readonly endMs: number })[] = [];
  return () => {
    const ranMs = running.now();
    begun = wanted().map((span, i) => (begun[i]?.of === span.of ? begun[i] : { ...span, endMs: ranMs + span.ms }));
    return Math.min(...begun.map(({ endMs }) => endMs)) - ranMs;
  };
}
