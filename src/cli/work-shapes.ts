/** What the API's answers about agents' files look like to the commands, and how ranges of snapshots are asked for. */
import type { Args } from "./args.ts";

export interface FileShape {
  readonly path: string;
  readonly kind: string;
  readonly from?: string;
  readonly insertions: number | null;
  readonly deletions: number | null;
}

interface SkippedShape {
  readonly path: string;
  readonly why: string;
}

export interface ChangesShape {
  readonly workspace: { readonly kind: string; readonly path: string; readonly branch: string | null };
  readonly pending?: boolean;
  readonly from: string;
  readonly to: string;
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
  readonly commits: number | null;
  readonly changes: readonly FileShape[];
  readonly skipped: readonly SkippedShape[];
}

export interface DiffShape {
  readonly files: readonly (FileShape & { readonly patch: string | null; readonly truncated: boolean })[];
}

export interface SnapshotShape {
  readonly id: string;
  readonly at: string;
  readonly files: number;
  readonly insertions: number;
  readonly deletions: number;
  readonly skipped: readonly SkippedShape[];
}

export interface RestoredShape {
  readonly written: number;
  readonly deleted: number;
  readonly kept: readonly SkippedShape[];
  readonly before: string;
}

export interface MergedShape {
  readonly merged: boolean;
  readonly into: string;
  readonly commit: string | null;
  readonly already: boolean;
  readonly fastForward: boolean;
  readonly created: boolean;
  readonly conflicts: readonly { readonly path: string; readonly stages: readonly number[] }[];
  readonly uncommitted: number;
  readonly nested: readonly string[];
}

export interface WorkspacesShape {
  readonly workspaces: readonly {
    readonly id: string;
    readonly project: string;
    readonly name: string | null;
    readonly kind: string;
    readonly state: string;
    readonly pending?: boolean;
    readonly path: string;
    readonly branch: string | null;
    readonly bytes: number | null;
    readonly goneAt: string | null;
  }[];
  readonly snapshotBytes: number | null;
}

export function rangeQuery(args: Args, more: Readonly<Record<string, string | undefined>> = {}): string {
  const query = new URLSearchParams();
  for (const name of ["turn", "from", "to"]) {
    const value = args.value(name);
    if (value !== undefined) query.set(name, value);
  }
  for (const [name, value] of Object.entries(more)) if (value !== undefined) query.set(name, value);
  return query.size === 0 ? "" : `?${query.toString()}`;
}
