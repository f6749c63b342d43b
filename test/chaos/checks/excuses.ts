/**
 * What a storm excuses, for one input and no longer than it lasted: files that strangers had their hands in, a process
 * that was killed, an interrupt that was asked for. The times are of the box's running time on all sides.
 */
import type { Evidence, Harm, Span } from "../evidence.ts";
import { runsOf, type Run } from "../journals.ts";

/** What a program wrote may be read so much later: the daemon was dead, stopped, held by its store, or merely slow. */
export const LATE_MS = 20_000;

/** Touches the other, or comes not much later. */
const meets = (late: Span, early: Span): boolean => late.from <= early.to + LATE_MS && late.to + LATE_MS >= early.from;

const harmsOf = ({ harms }: Evidence, agent: string, how: Harm["how"]): readonly Harm[] =>
  harms.filter((harm) => harm.agent === agent && harm.how === how);

/** From its sending to its last end; of one that never began, to the beginning of one that was sent after it. */
export function spanOf(evidence: Evidence, agent: string, tag: string, runs: readonly Run[]): Span {
  const sent = evidence.sent.filter((each) => each.agent === agent).map((each) => each.tag);
  const later = sent.slice(sent.indexOf(tag) + 1);
  const next = runsOf(evidence, agent).find((each) => later.includes(each.tag));
  const from = evidence.sent.find((each) => each.tag === tag)?.at ?? runs[0]?.from ?? 0;
  return { from, to: runs.at(-1)?.to ?? next?.from ?? Infinity };
}

/** The files of a run in which this input was begun were touched before all of it was surely read. */
export function isDamaged(evidence: Evidence, agent: string, tag: string, runs: readonly Run[]): boolean {
  const harms = harmsOf(evidence, agent, "damaged");
  // Never begun by a program: it may have been in the hands of any that was there since it was sent.
  if (runs.length === 0) {
    const { from } = spanOf(evidence, agent, tag, runs);
    return harms.some(({ to }) => to >= from);
  }
  return harms.some((harm) => runs.some(({ run, to }) => run === harm.run && harm.from <= to + LATE_MS));
}

/** A process of the agent was killed, stopped or kept from writing while this run lasted. */
export function isShaken(evidence: Evidence, agent: string, run: Span): boolean {
  return (["shaken", "damaged"] as const).some((how) => harmsOf(evidence, agent, how).some((harm) => meets(harm, run)));
}

/** Somebody asked for its end, or for something that ends it. */
export function isInterrupted({ acts }: Evidence, agent: string, run: Span): boolean {
  const ending = ["abort", "stop", "interrupt"];
  return acts.some((act) => act.agent === agent && ending.includes(act.act) && meets(act, run));
}
