/**
 * Conversations that a person has in the program's own screen. A row outlives the daemon, so that no second process is
 * started on a conversation that is open somewhere else.
 */
import type { ScreenIdentity } from "../words/agent.ts";
import { isObject } from "../lib/check.ts";
import { toJson, tryJson } from "../lib/json.ts";
import type { Store } from "./database.ts";


export interface Lease {
  readonly agent: string;
  readonly id: string;
  readonly beganAt: number;
  /** null: the command has not yet said which process it started. */
  readonly screen: ScreenIdentity | null;
}

interface LeaseRow {
  readonly agent: string;
  readonly id: string;
  readonly began_at: number;
  readonly screen: string | null;
}

const fromRow = ({ agent, id, began_at, screen }: LeaseRow): Lease => ({
  agent,
  id,
  beganAt: began_at,
  screen: screen === null ? null : asScreen(tryJson(screen)),
});

function asScreen(value: unknown): ScreenIdentity | null {
  if (!isObject(value)) return null;
  const { bootId, pid, startTicks } = value;
  if (typeof bootId !== "string" || typeof pid !== "number" || typeof startTicks !== "number") return null;
  return { bootId, pid, startTicks };
}

export function insertLease(store: Store, { agent, id, beganAt }: Lease): void {
  store.run("INSERT INTO leases (agent, id, began_at, screen) VALUES (?, ?, ?, NULL)", agent, id, beganAt);
}

export function findLease(store: Store, agent: string): Lease | null {
  const row = store.get<LeaseRow>("SELECT * FROM leases WHERE agent = ?", agent);
  return row === null ? null : fromRow(row);
}

export function allLeases(store: Store): Lease[] {
  return store.all<LeaseRow>("SELECT * FROM leases").map(fromRow);
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
