/**
 * Who hears of commits, right after them and in their order. What is heard is what was stored; nothing is announced
 * that was not.
 */
import type { EventRecord } from "../store/events.ts";
import type { Activity } from "../words/agent.ts";

export interface Delta {
  readonly project: string;
  readonly agent: string;
  /** Of the message that will hold it. */
  readonly key: string;
  readonly kind: "text" | "thinking";
  readonly text: string;
}

export interface Doings {
  readonly project: string;
  readonly agent: string;
  readonly activity: Activity;
}

export interface Commit {
  /** null: not an agent's. */
  readonly agent: string | null;
  readonly events: readonly EventRecord[];
}

export interface Bus {
  onCommit(listener: (commit: Commit) => void): () => void;
  /** Streamed text that is never stored. */
  onDelta(listener: (delta: Delta) => void): () => void;
  /** What an agent does now. */
  onActivity(listener: (told: Doings) => void): () => void;
  committed(commit: Commit): void;
  delta(delta: Delta): void;
  /** Does anybody listen to streamed text? */
  hearsDeltas(): boolean;
  activity(told: Doings): void;
}

export function createBus(): Bus {
  const commits = new Set<(commit: Commit) => void>();
  const deltas = new Set<(delta: Delta) => void>();
  const activities = new Set<(told: Doings) => void>();
  const add = <L>(set: Set<L>, listener: L): (() => void) => {
    set.add(listener);
    return () => set.delete(listener);
  };
  return {
    onCommit: (listener) => add(commits, listener),
    onDelta: (listener) => add(deltas, listener),
    onActivity: (listener) => add(activities, listener),
    committed(commit) {
      for (const each of commits) each(commit);
    },
    hearsDeltas: () => deltas.size > 0,
    delta(delta) {
      for (const each of deltas) each(delta);
    },
    activity(told) {
      for (const each of activities) each(told);
    },
  };
}
