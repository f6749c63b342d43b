/**
 * Conversations that a person has in the program's own screen. A row outlives the daemon, so that no second process is
 * started on a conversation that is open somewhere else.
 */
import { toJson } from "../lib/json.ts";
import { aCount, aText, shapeOf } from "../lib/stored.ts";
import type { ScreenIdentity } from "../words/agent.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";

export interface Lease {
  readonly agent: string;
  readonly id: string;
  readonly beganAt: number;
  /** null: the command has not yet said which process it started. */
  readonly screen: ScreenIdentity | null;
}

const COLUMNS = "agent, id, began_at AS beganAt, screen";

type LeaseRow = Omit<Lease, "screen"> & { readonly screen: string | null };

const identity = shapeOf<ScreenIdentity>({ bootId: aText, pid: aCount, startTicks: aCount });

const fromRow = (row: LeaseRow): Lease => ({ ...row, screen: fromColumn(identity, row.screen, null) });

export function insertLease(store: Store, { agent, id, beganAt }: Lease): void {
  store.run("INSERT INTO leases (agent, id, began_at, screen) VALUES (?, ?, ?, NULL)", agent, id, beganAt);
}

export function findLease(store: Store, agent: string): Lease | null {
  const row = store.get<LeaseRow>(`SELECT ${COLUMNS} FROM leases WHERE agent = ?`, agent);
  return row === null ? null : fromRow(row);
}

export function allLeases(store: Store): Lease[] {
  return store.all<LeaseRow>(`SELECT ${COLUMNS} FROM leases`).map(fromRow);
}

export function saveLeaseScreen(store: Store, agent: string, screen: ScreenIdentity): void {
  store.run("UPDATE leases SET screen = ? WHERE agent = ?", toJson(screen), agent);
}

export function deleteLease(store: Store, agent: string): void {
  store.run("DELETE FROM leases WHERE agent = ?", agent);
}

export function saveLeaseBegan(store: Store, agent: string, beganAt: number): void {
  store.run("UPDATE leases SET began_at = ? WHERE agent = ?", beganAt, agent);
}
