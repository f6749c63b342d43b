/**
 * Commit, then speak: what is written here is stored in one transaction together with the events that tell of it, and
 * those are announced when it is stored, never before. Everything that changes an agent, a project or a delivery and is
 * heard of goes through it.
 */
import type { Clock } from "../lib/clock.ts";
import type { Store } from "../store/database.ts";
import type { EventRecord } from "../store/events.ts";
import { insertEvent } from "../store/events.ts";
import { createGroupCommit } from "../store/group-commit.ts";
import type { EventData, StoredEvent, Told } from "../words/events.ts";
import type { Bus } from "./bus.ts";

/** What is written about: an agent of a project, a project, or neither. */
export interface Scope {
  readonly project: string | null;
  readonly agent: string | null;
}

/** One entry under way, inside its transaction. */
export interface Entry extends Scope {
  readonly store: Store;
  readonly now: number;
  /** What was written into the log: announced after the commit. */
  readonly events: EventRecord[];
}

export interface AgentEntry extends Entry {
  readonly project: string;
  readonly agent: string;
}

export interface Hooks<T> {
  /** Right after the commit and before anybody hears of it: what is kept in memory follows the store here. */
  readonly stored?: (value: T) => void;
  /** When everybody has heard: what touches the world. */
  readonly announced?: (value: T) => void;
}

export interface Journal {
  /** One transaction. Returns what `work` gave; when `work` throws, nothing is stored and nothing announced. */
  write<T, S extends Scope>(scope: S, work: (entry: Entry & S) => T, hooks?: Hooks<T>): T;
  /**
   * As `write`, in one transaction with what others join in the same tick of the event loop. Two that decide `over` the
   * same never share one: what the first makes of it is known when it is stored. `over` and `wanted` are asked when its
   * time has come; one that decides over more by then waits for another. Resolves when it is stored and announced.
   */
  join<T, S extends Scope>(
    scope: S,
    over: () => readonly string[],
    wanted: () => boolean,
    work: (entry: Entry & S) => T,
    hooks?: Hooks<T>,
  ): Promise<void>;
  /** For a transaction that the caller has opened: gives what announces it, to be called when it is committed. */
  within<S extends Scope>(scope: S, work: (entry: Entry & S) => void): () => void;
}

export interface JournalDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
}

export function createJournal({ store, clock, bus }: JournalDeps): Journal {
  const group = createGroupCommit(store);
  /** Over what the transaction to come decides, until it is over. */
  const deciding = new Map<string, Promise<unknown>>();

  const prepare = <T, S extends Scope>(scope: S, work: (entry: Entry & S) => T, hooks: Hooks<T> = {}): (() => T) => {
    const entry = { ...scope, store, now: clock.now(), events: [] };
    const value = work(entry);
    return () => {
      hooks.stored?.(value);
      bus.committed({ agent: scope.agent, events: entry.events });
      hooks.announced?.(value);
      return value;
    };
  };

  return {
    write: (scope, work, hooks) => store.transact(() => prepare(scope, work, hooks))(),
    async join(scope, over, wanted, work, hooks) {
      for (let more = true; more; ) {
        const claimed = over();
        const before = () => claimed.map((each) => deciding.get(each)).find((each) => each !== undefined);
        for (let other = before(); other !== undefined; other = before()) await other;
        const written = group.write(
          () => {
            more = over().some((each) => !claimed.includes(each));
            return !more && wanted() ? prepare(scope, work, hooks) : null;
          },
          (announce) => announce?.(),
        );
        const settled = written.catch(() => undefined);
        for (const each of claimed) deciding.set(each, settled);
        void settled.then(() => claimed.forEach((each) => deciding.delete(each)));
        await written;
      }
    },
    within: (scope, work) => prepare(scope, work),
  };
}

/** Into the log, as part of the entry. */
export function event<T extends StoredEvent>(entry: Entry, type: T, data: EventData[T]): void {
  const { store, project, agent, now: at } = entry;
  entry.events.push(insertEvent(store, { project, agent, type, data, at }));
}

/** As `event`, for one that was put together elsewhere. */
export function tell(entry: Entry, { type, data }: Told): void {
  event(entry, type, data);
}
