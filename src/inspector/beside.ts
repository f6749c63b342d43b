/** What stands beside the messages of a conversation: its turns, how requests were settled, and notes. */
import type { Client } from "./client.ts";
import { agentPath } from "./client.ts";
import type { Note } from "./messages.ts";
import { NOTE_TYPES, readNote } from "./messages.ts";
import type { Permission, Turn } from "./shapes.ts";
import { readAll, readPermission, readTurn } from "./shapes.ts";

export interface Beside {
  readonly turns: ReadonlyMap<string, Turn>;
  readonly permissions: readonly Permission[];
  readonly notes: Map<number, Note>;
  load(): Promise<void>;
  /** A page of turns, those before the given number; null = the newest. */
  loadTurns(before: number | null): Promise<void>;
  /** Those of an earlier time, when this turn is not known yet. */
  loadTurnOf(turn: string | null): Promise<void>;
}

const PAGE = 200;

export function createBeside(client: Client, agent: { readonly project: string; readonly id: string }): Beside {
  const path = agentPath(agent);
  const turns = new Map<string, Turn>();
  const notes = new Map<number, Note>();
  let oldest: number | null = null;
  let permissions: readonly Permission[] = [];

  const loadTurns: Beside["loadTurns"] = async (before) => {
    const page = before === null ? "" : `&before=${before}`;
    const { body } = await client.get(`${path}/turns?limit=${PAGE}${page}`);
    for (const turn of readAll(body["turns"], readTurn)) {
      turns.set(turn.id, turn);
      if (turn.n !== null) oldest = Math.min(oldest ?? turn.n, turn.n);
    }
  };

  return {
    turns,
    notes,
    get permissions() {
      return permissions;
    },
    loadTurns,
    async loadTurnOf(turn) {
      if (turn !== null && !turns.has(turn) && oldest !== null && oldest > 1) await loadTurns(oldest);
    },
    async load() {
      const [asks, told] = await Promise.all([
        client.get(`${path}/permissions`),
        client.get(`${path}/events?types=${NOTE_TYPES.join(",")}&before=${Number.MAX_SAFE_INTEGER}&limit=${PAGE}`),
        loadTurns(null),
      ]);
      permissions = readAll(asks.body["permissions"], (each) =>
        readPermission(each, { project: agent.project, agent: agent.id }),
      );
      for (const note of readAll(told.body["events"], readNote)) notes.set(note.id, note);
    },
  };
}
