/** Rows of workspaces: where an agent works, made of what. They outlive their agent, so that its work can be found. */
import { toJson } from "../lib/json.ts";
import { aText, listOf, readStored } from "../lib/stored.ts";
import type { WorkspaceKind, WorkspaceState } from "../words/workspace.ts";
import type { Store } from "./database.ts";

export interface Workspace {
  /** Its agent's. */
  readonly id: string;
  readonly project: string;
  /** Its agent's. */
  readonly name: string | null;
  readonly kind: WorkspaceKind;
  readonly state: WorkspaceState;
  /** What snapshots are of. */
  readonly folder: string;
  /** Where the agent works: the same, or below it. */
  readonly cwd: string;
  /** The project's folder that it was made from. */
  readonly source: string;
  /** The commit it began at. */
  readonly base: string | null;
  /** The branch it began at, `refs/heads/…`. */
  readonly target: string | null;
  /** Its own, `refs/heads/…`. */
  readonly branch: string | null;
  /** Branches that it was merged into. */
  readonly mergedInto: readonly string[];
  readonly createdAt: number;
  /** When its agent went. */
  readonly goneAt: number | null;
}

const COLUMNS = `id, project, name, kind, state, folder, cwd, source, base, target, branch, merged_into AS mergedInto,
  created_at AS createdAt, gone_at AS goneAt`;

type Row = Omit<Workspace, "mergedInto"> & { readonly mergedInto: string };

function fromRow(row: Row): Workspace {
  const merged = readStored(listOf(aText), JSON.parse(row.mergedInto) as unknown);
  return { ...row, mergedInto: merged.ok ? merged.state : [] };
}

/** New, or in the place of the one that was. */
export function saveWorkspace(store: Store, each: Workspace): void {
  store.run(
    `INSERT OR REPLACE INTO workspaces
     (id, project, name, kind, state, folder, cwd, source, base, target, branch, merged_into, created_at, gone_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    each.id,
    each.project,
    each.name,
    each.kind,
    each.state,
    each.folder,
    each.cwd,
    each.source,
    each.base,
    each.target,
    each.branch,
    toJson(each.mergedInto),
    each.createdAt,
    each.goneAt,
  );
}

export function findWorkspace(store: Store, id: string): Workspace | null {
  const row = store.get<Row>(`SELECT ${COLUMNS} FROM workspaces WHERE id = ?`, id);
  return row === null ? null : fromRow(row);
}

export function hasWorkspaces(store: Store): boolean {
  return store.get("SELECT 1 FROM workspaces LIMIT 1") !== null;
}

export function listWorkspaces(store: Store): Workspace[] {
  return store.all<Row>(`SELECT ${COLUMNS} FROM workspaces ORDER BY created_at, id`).map(fromRow);
}

/** Gone before a time: what is kept of them may go, too. */
export function workspacesGoneBefore(store: Store, atMs: number): Workspace[] {
  return store.all<Row>(`SELECT ${COLUMNS} FROM workspaces WHERE gone_at < ? ORDER BY id`, atMs).map(fromRow);
}

export function deleteWorkspace(store: Store, id: string): void {
  store.run("DELETE FROM snapshots WHERE agent = ?", id);
  store.run("DELETE FROM workspaces WHERE id = ?", id);
}
