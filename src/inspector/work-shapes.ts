/** What the API tells of an agent's work, read from JSON, and which words a person reads for it. Pure. */
import type { DiffLine } from "./diff.ts";
import { count, moment } from "./format.ts";
import { fields, isTrue, number, numberOrNull, text, textOrNull, time } from "./read.ts";
import { readAll } from "./shapes.ts";

export interface ChangedFile {
  readonly path: string;
  readonly from: string | null;
  readonly kind: string;
  /** null: it is no text. */
  readonly added: number | null;
  readonly removed: number | null;
}

export interface Work {
  readonly kind: string;
  readonly folder: string;
  readonly branch: string | null;
  readonly target: string | null;
  readonly shared: boolean;
  /** What the last turn left is still being kept: these are the changes before it. */
  readonly pending: boolean;
  readonly commits: number | null;
  readonly files: number;
  readonly added: number;
  readonly removed: number;
  readonly changes: readonly ChangedFile[];
  readonly skipped: readonly Skipped[];
  readonly truncated: boolean;
}

export interface Skipped {
  readonly path: string;
  readonly why: string;
}

export interface FileLines {
  readonly path: string;
  /** null: too many for the answer. */
  readonly patch: string | null;
  readonly truncated: boolean;
}

export interface Kept {
  readonly id: string;
  readonly at: number;
}

export interface Merged {
  readonly merged: boolean;
  readonly into: string;
  readonly commit: string | null;
  readonly already: boolean;
  readonly fastForward: boolean;
  readonly conflicts: readonly string[];
  readonly uncommitted: number;
  readonly nested: readonly string[];
}

export function readWork(value: unknown): Work {
  const work = fields(value);
  const { kind, path, branch, target } = fields(work["workspace"]);
  return {
    kind: text(kind),
    folder: text(path),
    branch: textOrNull(branch),
    target: textOrNull(target),
    shared: isTrue(work["shared"]),
    pending: isTrue(work["pending"]),
    commits: numberOrNull(work["commits"]),
    files: number(work["files"]),
    added: number(work["insertions"]),
    removed: number(work["deletions"]),
    changes: readAll(work["changes"], readFile),
    skipped: readAll(work["skipped"], readSkipped),
    truncated: isTrue(work["truncated"]),
  };
}

function readFile(value: unknown): ChangedFile {
  const { path, from, kind, insertions, deletions } = fields(value);
  return {
    path: text(path),
    from: textOrNull(from),
    kind: text(kind),
    added: numberOrNull(insertions),
    removed: numberOrNull(deletions),
  };
}

export function readSkipped(value: unknown): Skipped {
  const { path, why } = fields(value);
  return { path: text(path), why: text(why) };
}

export function readLines(value: unknown): FileLines {
  const { path, patch, truncated } = fields(value);
  return { path: text(path), patch: textOrNull(patch), truncated: isTrue(truncated) };
}

export function readKept(value: unknown): Kept | null {
  const { id, at } = fields(value);
  return typeof id === "string" ? { id, at: time(at) ?? 0 } : null;
}

export function readMerged(value: unknown): Merged {
  const merged = fields(value);
  return {
    merged: isTrue(merged["merged"]),
    into: text(merged["into"]),
    commit: textOrNull(merged["commit"]),
    already: isTrue(merged["already"]),
    fastForward: isTrue(merged["fastForward"]),
    conflicts: readAll(merged["conflicts"], (each) => text(fields(each)["path"])),
    uncommitted: number(merged["uncommitted"]),
    nested: readAll(merged["nested"], text),
  };
}

/** What a snapshot is of, in words. */
export function keptName(id: string): string {
  if (id === "0") return "Before the first turn";
  if (/^r\d+-after$/.test(id)) return `After a restore (${id})`;
  if (id.startsWith("r")) return `Before a restore or merge (${id})`;
  return id === "end" ? "When it was deleted" : `Turn ${id}`;
}

export const keptLine = ({ id, at }: Kept, nowMs: number): string => `${keptName(id)} · ${moment(at, nowMs)}`;

export function figures({ added, removed }: Pick<ChangedFile, "added" | "removed">): string {
  return added === null || removed === null ? "no text" : `+${added} −${removed}`;
}

/** Where an agent works, in a line. */
export function placeLine({ kind, branch, commits, folder }: Work): string {
  const where = kind === "worktree" ? "Work tree" : kind === "copy" ? "Copy" : "The project's own folder";
  const on = branch === null ? "" : ` · branch ${branch}`;
  const made = commits === null ? "" : ` · ${count(commits, "commit")}`;
  return `${where} ${folder}${on}${made}`;
}

/**
 * The lines of one file's patch, without the head that only repeats its path. By their first sign alone: a line that
 * went and began with dashes is one that went.
 */
export function patchHunks(patch: string): readonly DiffLine[] {
  const lines = patch.replace(/\n$/, "").split("\n");
  const begin = lines.findIndex((line) => line.startsWith("@@"));
  if (begin < 0) return lines.map((line) => ({ sign: "@", text: line }));
  return lines.slice(begin).map((line): DiffLine => {
    const rest = line.slice(1);
    if (line.startsWith("+")) return { sign: "+", text: rest };
    if (line.startsWith("-")) return { sign: "−", text: rest };
    return line.startsWith(" ") ? { sign: " ", text: rest } : { sign: "@", text: line };
  });
}
