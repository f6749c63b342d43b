/**
 * One step of a codec while it is being worked out: the only thing in a codec that changes. `state` is replaced, never
 * changed in depth; facts and lines are appended in the order in which they shall count.
 */
import type { ProviderFact, Step } from "./contract.ts";

export interface Draft<S> {
  state: S;
  readonly facts: ProviderFact[];
  readonly lines: string[];
}

export function draftOf<S>(state: S): Draft<S> {
  return { state, facts: [], lines: [] };
}

export function stepOf<S>({ state, facts, lines }: Draft<S>): Step<S> {
  return { state, facts, lines };
}

export function patch<S>(draft: Draft<S>, change: Partial<S>): void {
  draft.state = { ...draft.state, ...change };
}

export function say<S>(draft: Draft<S>, ...facts: readonly ProviderFact[]): void {
  draft.facts.push(...facts);
}

export function note<S>(draft: Draft<S>, level: "info" | "warn", code: string, message: string): void {
  draft.facts.push({ type: "note", level, code, message });
}

/** Lines for the program's stdin, without the LF. */
export function send<S>(draft: Draft<S>, ...lines: readonly string[]): void {
  draft.lines.push(...lines);
}

export function without<T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> {
  const { [key]: _, ...rest } = record;
  return rest;
}
