/** Rows of checks that are under way: what a next daemon needs to find their processes. Gone when they are over. */
import { toJson } from "../lib/json.ts";
import type { Store } from "./database.ts";

export interface Check {
  readonly agent: string;
  readonly turn: string;
  /** The first, or the second when that was lost. */
  readonly n: number;
  readonly nonce: string;
  /** null: it was about to be started. */
  readonly identity: unknown;
}

type CheckRow = Omit<Check, "identity"> & { readonly identity: string | null };

const fromRow = (row: CheckRow): Check => ({
  ...row,
  identity: row.identity === null ? null : (JSON.parse(row.identity) as unknown),
});

const COLUMNS = "agent, turn, n, nonce, identity";

export function insertCheck(store: Store, { agent, turn, n, nonce }: Omit<Check, "identity">): void {
  store.run("INSERT INTO checks (agent, turn, n, nonce) VALUES (?, ?, ?, ?)", agent, turn, n, nonce);
}

export function saveCheckIdentity(store: Store, turn: string, n: number, identity: unknown): void {
  store.run("UPDATE checks SET identity = ? WHERE turn = ? AND n = ?", toJson(identity), turn, n);
}

export function findCheck(store: Store, turn: string, n: number): Check | null {
  const row = store.get<CheckRow>(`SELECT ${COLUMNS} FROM checks WHERE turn = ? AND n = ?`, turn, n);
  return row === null ? null : fromRow(row);
}

export function hasChecks(store: Store): boolean {
  return store.get("SELECT 1 FROM checks LIMIT 1") !== null;
}

export function allChecks(store: Store): Check[] {
  return store.all<CheckRow>(`SELECT ${COLUMNS} FROM checks`).map(fromRow);
}

export function deleteCheck(store: Store, turn: string, n: number): void {
  store.run("DELETE FROM checks WHERE turn = ? AND n = ?", turn, n);
}
