/** What git's plumbing says, read. Pure. */
import type { BytePath } from "./paths.ts";
import { readPath, splitNul } from "./paths.ts";

export interface IndexEntry {
  readonly mode: string;
  readonly oid: string;
  readonly path: BytePath;
}

/** Of `ls-files -s -z` and `ls-tree -r -z` alike; a path in conflict stands there once for each stage. */
export function readEntries(bytes: Uint8Array): IndexEntry[] {
  return splitNul(bytes).flatMap((line) => {
    const tab = line.indexOf("\t");
    const [mode = "", second = "", third = ""] = line.slice(0, tab).split(" ");
    // ls-tree names the type between mode and id, ls-files the stage behind them.
    const oid = /^(blob|tree|commit)$/.test(second) ? third : second;
    return tab === -1 ? [] : [{ mode, oid, path: line.slice(tab + 1) }];
  });
}

export const GITLINK = "160000";
export const SYMLINK = "120000";

export const CHANGE_KINDS = ["added", "modified", "deleted", "renamed", "copied", "type"] as const;
export type ChangeKind = (typeof CHANGE_KINDS)[number];

export interface Change {
  readonly kind: ChangeKind;
  readonly path: BytePath;
  /** Where it was before. */
  readonly from?: BytePath;
  readonly oldMode: string;
  readonly newMode: string;
  readonly newOid: string;
  /** null: it is no text. */
  readonly insertions: number | null;
  readonly deletions: number | null;
}

const KINDS: Readonly<Record<string, ChangeKind>> = {
  A: "added",
  M: "modified",
  D: "deleted",
  R: "renamed",
  C: "copied",
  T: "type",
};

/** Of `diff-tree -r -z --raw --numstat`: first all raw rows, then the numbers, in the same order. */
export function readChanges(bytes: Uint8Array): Change[] {
  const parts = splitNul(bytes);
  const raw: Omit<Change, "insertions" | "deletions">[] = [];
  const numbers: (readonly [number | null, number | null])[] = [];
  for (let i = 0; i < parts.length;) {
    const part = parts[i++] ?? "";
    if (part.startsWith(":")) {
      const [oldMode = "", newMode = "", , newOid = "", letter = ""] = part.slice(1).split(" ");
      const kind = KINDS[letter[0] ?? ""] ?? "modified";
      const first = parts[i++] ?? "";
      const moved = kind === "renamed" || kind === "copied";
      raw.push({
        kind,
        oldMode,
        newMode,
        newOid,
        ...(moved ? { from: first, path: parts[i++] ?? "" } : { path: first }),
      });
    } else {
      const [insertions = "-", deletions = "-", path = ""] = splitTabs(part);
      numbers.push([figure(insertions), figure(deletions)]);
      if (path === "") i += 2; // a rename: both paths follow by themselves
    }
  }
  return raw.map((each, i) => {
    const [insertions = null, deletions = null] = numbers[i] ?? [];
    return { ...each, insertions, deletions };
  });
}

function splitTabs(line: string): [string, string, string] {
  const [first = "", second = ""] = line.split("\t", 2);
  return [first, second, line.slice(first.length + second.length + 2)];
}

const figure = (text: string): number | null => (/^\d+$/.test(text) ? Number(text) : null);

export interface Skipped {
  readonly path: BytePath;
  readonly why: string;
}

/** Folders that git could not look into, from its warnings. */
export function unreadableFolders(stderr: string): Skipped[] {
  return [...stderr.matchAll(/^warning: could not open directory '(.*)\/?': (.+)$/gm)].map(
    ([, path = "", why = ""]) => ({
      path: readPath(path.replace(/\/$/, "")),
      why: why.toLowerCase(),
    }),
  );
}

/** The path at which `update-index` gave up; null: it was something else. */
export function refusedPath(stderr: string): BytePath | null {
  const found = /^fatal: Unable to process path (.*)$/m.exec(stderr);
  return found === null ? null : readPath(found[1] ?? "");
}

export interface WorktreeEntry {
  readonly path: BytePath;
  readonly branch: string | null;
}

/** Of `worktree list --porcelain -z`. */
export function readWorktrees(bytes: Uint8Array): WorktreeEntry[] {
  const found: { path: BytePath; branch: string | null }[] = [];
  for (const line of splitNul(bytes)) {
    if (line.startsWith("worktree ")) found.push({ path: line.slice("worktree ".length), branch: null });
    const last = found.at(-1);
    if (last !== undefined && line.startsWith("branch ")) last.branch = line.slice("branch ".length);
  }
  return found;
}

export interface Conflict {
  readonly path: BytePath;
  /** 1 = what both came from, 2 = the branch's, 3 = the agent's. */
  readonly stages: readonly number[];
}

/** Of `merge-tree --write-tree -z`: the tree, and what could not be merged where its exit code is 1. */
export function readMergeTree(bytes: Uint8Array): { readonly tree: string; readonly conflicts: readonly Conflict[] } {
  const [tree = "", ...rest] = splitNul(bytes);
  const stages = new Map<BytePath, number[]>();
  for (const line of rest) {
    // The files in conflict end with an empty line; messages for people follow.
    const found = /^\d{6} [0-9a-f]+ ([123])\t([\s\S]+)$/.exec(line);
    if (found === null) break;
    const [, stage = "", path = ""] = found;
    stages.set(path, [...(stages.get(path) ?? []), Number(stage)]);
  }
  return { tree: tree.trim(), conflicts: [...stages].map(([path, each]) => ({ path, stages: each })) };
}
