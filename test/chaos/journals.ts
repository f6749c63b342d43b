/** Reads the fakes' journals: which turns their processes really ran, what each said, how each ended. Pure. */
import type { Evidence, Span } from "./evidence.ts";

export interface Run extends Span {
  readonly pid: number;
  /** Of the agent, counted from 1. */
  readonly run: number;
  readonly origin: string;
  readonly tag: string;
  /** Begun to be written. */
  readonly saying: readonly string[];
  /** Of these, all bytes went out. */
  readonly said: readonly string[];
  /** null = its process was gone before the end was out. */
  readonly end: { readonly outcome: string; readonly code: string | null } | null;
}

const TAG = /^#[0-9a-z]+-[0-9]+$/;

/** The first line of an input; "" when it is none of ours. */
export function tagOf(text: string): string {
  const first = text.split("\n", 1)[0] ?? "";
  return TAG.test(first) ? first : "";
}

/** In order of their starts. One whose process died lasts until the agent's next one: the journal knows no deaths. */
export function runsOf({ journals }: Pick<Evidence, "journals">, agent: string): readonly Run[] {
  const runs: { -readonly [K in keyof Run]: Run[K] extends readonly string[] ? string[] : Run[K] }[] = [];
  const open = new Map<number, (typeof runs)[number]>();
  for (const record of journals[agent] ?? []) {
    if (record.type === "started") {
      const { pid, origin, run: number, at: from } = record;
      const tag = tagOf(record.text);
      const run = { pid, origin, run: number, tag, saying: [], said: [], end: null, from, to: Infinity };
      const before = runs.at(-1);
      if (before !== undefined) before.to = Math.min(before.to, from);
      runs.push(run);
      open.set(record.pid, run);
      continue;
    }
    const run = open.get(record.pid);
    if (run === undefined) continue;
    if (record.type === "saying") run.saying.push(record.text);
    if (record.type === "said") run.said.push(record.text);
    if (record.type === "ended") {
      run.end = { outcome: record.outcome, code: record.code };
      run.to = record.at;
      open.delete(record.pid);
    }
  }
  return runs;
}

export function endsOf(runs: readonly Run[]): readonly Run[] {
  return runs.filter((run) => run.end !== null);
}
