/**
 * What a person has seen, kept in this browser: when they last looked, up to which event, and which turn of each agent.
 * Holds ids and times only.
 */
import { fields, number, parseJson, text } from "./read.ts";
import type { Agent } from "./shapes.ts";
import type { Store } from "./store.ts";

export interface Seen {
  /** Before this visit; null = never. */
  readonly lookedAt: number | null;
  /** "Mark all as seen" was pressed in this visit. */
  readonly acknowledged: boolean;
  isUnseen(agent: Agent): boolean;
  see(agent: Agent): void;
  seeAll(): void;
  /** The person is here now. */
  look(): void;
}

interface Kept {
  lookedAt: number;
  turns: Record<string, string>;
}

/** `node`: of another box; what was seen there is kept by itself. */
export function createSeen(store: Store, node: string | null): Seen {
  const key = `agent-harness-seen${node === null ? "" : ` ${node}`}`;
  let kept = load(key);
  const first = kept.lookedAt;
  let acknowledged = false;
  const save = (): void => {
    try {
      localStorage.setItem(key, JSON.stringify(kept));
    } catch {
      // A full or forbidden storage costs the memory of what was seen, nothing else.
    }
  };
  addEventListener("storage", (event) => {
    if (event.key !== key) return;
    kept = load(key);
    store.mark("seen");
  });
  const mark = ({ id, turn, cause }: Agent): boolean => {
    const now = `${turn?.id ?? ""} ${turn?.outcome ?? cause.detail}`;
    if (kept.turns[id] === now) return false;
    kept.turns[id] = now;
    return true;
  };

  return {
    lookedAt: first === 0 ? null : first,
    get acknowledged() {
      return acknowledged;
    },
    isUnseen(agent) {
      const { id, status, turn, cause, updatedAt } = agent;
      if (status !== "idle" && status !== "error" && status !== "exited") return false;
      if (status === "idle" && turn?.endedAt == null) return false;
      // On the first visit everything that is over was before the person's time.
      if (first === 0 && kept.turns[id] === undefined && (turn?.endedAt ?? updatedAt) < startedAt) return false;
      return kept.turns[id] !== `${turn?.id ?? ""} ${turn?.outcome ?? cause.detail}`;
    },
    see(agent) {
      if (!mark(agent)) return;
      save();
      store.mark("seen");
    },
    seeAll() {
      acknowledged = true;
      for (const agent of store.agents.values()) mark(agent);
      for (const id of Object.keys(kept.turns)) if (!store.agents.has(id)) delete kept.turns[id];
      kept.lookedAt = store.present();
      save();
      store.mark("seen");
    },
    look() {
      kept.lookedAt = store.present();
      save();
    },
  };
}

const startedAt = Date.now();

function load(key: string): Kept {
  let stored: unknown;
  try {
    stored = parseJson(localStorage.getItem(key) ?? "");
  } catch {
    stored = undefined;
  }
  const { lookedAt, turns } = fields(stored);
  return {
    lookedAt: number(lookedAt),
    turns: Object.fromEntries(Object.entries(fields(turns)).map(([id, turn]) => [id, text(turn)])),
  };
}
