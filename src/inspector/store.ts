/**
 * What the page knows. Plain maps; whoever changes one marks its topic, and each topic's listeners run once in the next
 * frame. What must happen in a hidden tab, too (title, notices), listens to the marks themselves.
 */
import type { Agent, Permission, Project, Provider } from "./shapes.ts";

export type Topic = "agents" | "permissions" | "projects" | "connection" | "providers" | "totals" | "seen" | "view";

export type Connection =
  | { readonly is: "connecting" }
  | { readonly is: "live" }
  | { readonly is: "starting" }
  /** The page itself let go, because nobody looks at it. */
  | { readonly is: "paused" }
  | { readonly is: "lost"; readonly since: number; readonly retryAt: number }
  /** Another box, of which nothing was heard since: what is shown is what was known then. */
  | { readonly is: "gone"; readonly node: string; readonly since: number }
  | { readonly is: "refused"; readonly message: string }
  | { readonly is: "token"; readonly message: string | null };

export interface Totals {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly deadDeliveries: number;
  /** The daemon is one of many. */
  readonly fleet: boolean;
  readonly today: { readonly tokens: number; readonly costUsd: number | null; readonly turns: number } | null;
}

export interface Store {
  readonly agents: Map<string, Agent>;
  readonly projects: Map<string, Project>;
  /** Open ones of all agents, by `agent/id`. */
  readonly permissions: Map<string, Permission>;
  readonly providers: Map<string, Provider>;
  /** Busy minutes of the last hour by agent: counts of events, oldest first. */
  readonly hours: Map<string, readonly number[]>;
  connection: Connection;
  /** The daemon that the page was loaded from has been replaced by this one. */
  updatedTo: string | null;
  totals: Totals | null;
  /** true once the first lists are here. */
  loaded: boolean;
  /** Server time minus our own. */
  offsetMs: number;
  /** The server's present; of a box that is not heard of the moment of its last sign, so that nothing of it grows. */
  now(): number;
  /** The present whatever is shown. */
  present(): number;
  mark(topic: Topic): void;
  /** In the next frame after a mark; never in a hidden tab. */
  on(topics: readonly Topic[], listener: () => void): () => void;
  /** At once, hidden or not. */
  onMark(listener: (topic: Topic) => void): () => void;
}

export function createStore(): Store {
  const dirty = new Set<Topic>();
  const listeners = new Set<{ readonly topics: readonly Topic[]; readonly run: () => void }>();
  const markers = new Set<(topic: Topic) => void>();
  let asked = false;

  const flush = (): void => {
    asked = false;
    const topics = new Set(dirty);
    dirty.clear();
    for (const listener of [...listeners]) if (listener.topics.some((topic) => topics.has(topic))) listener.run();
  };

  const store: Store = {
    agents: new Map(),
    projects: new Map(),
    permissions: new Map(),
    providers: new Map(),
    hours: new Map(),
    connection: { is: "connecting" },
    updatedTo: null,
    totals: null,
    loaded: false,
    offsetMs: 0,
    now: () => (store.connection.is === "gone" ? store.connection.since : store.present()),
    present: () => Date.now() + store.offsetMs,
    mark(topic) {
      dirty.add(topic);
      for (const marker of markers) marker(topic);
      if (asked) return;
      asked = true;
      requestAnimationFrame(flush);
    },
    on(topics, run) {
      const listener = { topics, run };
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onMark(marker) {
      markers.add(marker);
      return () => markers.delete(marker);
    },
  };
  return store;
}

export const isConnected = (store: Store): boolean => store.connection.is === "live";
