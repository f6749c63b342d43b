/** What a report of the last hours is made of, row by row. Only read here; nothing of it is added up. */
import type { TurnError, TurnOutcome, Verified } from "../words/agent.ts";
import type { Parking } from "../words/limits.ts";
import type { PermissionState, Settler } from "../words/said.ts";
import * as readers from "./agent-state.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";

export interface TurnRow {
  readonly agent: string;
  readonly outcome: TurnOutcome;
  readonly error: TurnError | null;
  readonly verify: Verified | null;
  readonly parked: readonly Parking[];
}

/** Those that ended since then, in their order. */
export function turnsSince(store: Store, since: number): TurnRow[] {
  type Row = Pick<TurnRow, "agent" | "outcome"> & Readonly<Record<"error" | "verify" | "parked", string | null>>;
  return store
    .all<Row>(
      `SELECT agent, outcome, error, verify, parked FROM turns
       WHERE ended_at >= ? AND outcome IS NOT NULL ORDER BY ended_at, n`,
      since,
    )
    .map(({ error, verify, parked, ...row }) => ({
      ...row,
      error: fromColumn(readers.error, error, null),
      verify: fromColumn(readers.verified, verify, null),
      parked: fromColumn(readers.parkings, parked, []),
    }));
}

export interface WaitRow {
  readonly agent: string;
  readonly state: PermissionState;
  readonly settledBy: Settler | null;
  readonly createdAt: number;
  readonly settledAt: number | null;
}

/** Questions that were open at any moment since then. */
export function waitsSince(store: Store, since: number): WaitRow[] {
  return store.all(
    `SELECT agent, state, settled_by AS settledBy, created_at AS createdAt, settled_at AS settledAt
     FROM permissions WHERE state = 'pending' OR settled_at >= ? ORDER BY created_at`,
    since,
  );
}

/** The newest of each agent that was made since then. */
export interface ChangesRow {
  readonly agent: string;
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
}

export function changesSince(store: Store, since: number): ChangesRow[] {
  return store.all(
    `SELECT s.agent, s.files, s.insertions, s.deletions FROM snapshots s
     WHERE s.rowid = (SELECT rowid FROM snapshots WHERE agent = s.agent ORDER BY rowid DESC LIMIT 1)
     AND s.at >= ?`,
    since,
  );
}

export interface DeadRow {
  readonly id: string;
  readonly project: string | null;
  readonly agent: string | null;
  readonly event: string;
  readonly at: number;
  readonly error: string | null;
}

export function deadSince(store: Store, since: number): DeadRow[] {
  return store.all(
    `SELECT id, project, agent, event, settled_at AS at, last_error AS error FROM deliveries
     WHERE state = 'dead' AND settled_at >= ? ORDER BY seq`,
    since,
  );
}

export interface StartRow {
  readonly start: number;
  readonly at: number;
  /** null: it found no process. */
  readonly agent: string | null;
  /** 1 or 0; null: it was not taken over in time to say it. */
  readonly lived: number | null;
}

/** The very first start of all is none again. */
export function restartsSince(store: Store, since: number): StartRow[] {
  return store.all(
    `SELECT s.id AS start, s.at, r.agent, r.lived FROM starts s LEFT JOIN start_runs r ON r.start = s.id
     WHERE s.at >= ? AND s.id > 1 ORDER BY s.id, r.agent`,
    since,
  );
}
