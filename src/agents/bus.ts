/** Who hears of commits. Only signals go through here, never the events themselves: a listener reads those from the store. */

export interface Delta {
  readonly project: string;
  readonly agent: string;
  readonly key: string;
  readonly text: string;
}

export interface Bus {
  /** After every commit that changed the agent or its project. */
  onCommit(listener: (agent: string | null) => void): () => void;
  /** Streamed text that is never stored. */
  onDelta(listener: (delta: Delta) => void): () => void;
  committed(agent: string | null): void;
  delta(delta: Delta): void;
}

export function createBus(): Bus {
  const commits = new Set<(agent: string | null) => void>();
  const deltas = new Set<(delta: Delta) => void>();
  const add = <L>(set: Set<L>, listener: L): (() => void) => {
    set.add(listener);
    return () => set.delete(listener);
  };
  return {
    onCommit: (listener) => add(commits, listener),
    onDelta: (listener) => add(deltas, listener),
    committed(agent) {
      for (const each of commits) each(agent);
    },
    delta(delta) {
      for (const each of deltas) each(delta);
    },
  };
}
