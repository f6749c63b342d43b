/** What is shown of agents' work: files, lines, snapshots, and the folders that hold it. */
import { array, boolean, integer, nullable, object, oneOf, optional } from "../../lib/check.ts";
import { WORKSPACE_KINDS, WORKSPACE_STATES } from "../../words/workspace.ts";
import { about, count, named, text, time, yes } from "./shape.ts";

const path = about("As text; in quotes with escapes where a name is no text", text);
const skipped = array(object({ path, why: text }));
const figures = { files: count, insertions: count, deletions: count };

const place = {
  kind: oneOf(...WORKSPACE_KINDS),
  path: text,
  branch: nullable(text),
  base: about("The commit that the work began at", nullable(text)),
  target: about("The branch that it began at", nullable(text)),
};

const file = {
  path,
  kind: oneOf("added", "modified", "deleted", "renamed", "copied", "type"),
  from: optional(path),
  mode: optional(about("Its new mode, where that changed", text)),
  insertions: about("null: it is no text", nullable(count)),
  deletions: nullable(count),
};

const workspace = named("Workspace", "Where an agent works, and what it was made from", object(place));

export const changes = named(
  "Changes",
  "What lies between two snapshots of an agent's folder; the figures are of all files, also where the list is cut",
  object({
    workspace,
    shared: optional(about("It is the project's folder: others work in it, too", yes)),
    pending: optional(about("What lies there is being saved: these are the changes up to the turn before", yes)),
    from: text,
    to: text,
    ...figures,
    commits: about("On its branch since the base", nullable(count)),
    changes: array(object(file)),
    skipped,
    truncated: boolean(),
  }),
);

export const diff = named(
  "Diff",
  "The lines of each file as a unified diff; null where they are too many for one answer: ask with `path`",
  object({
    from: text,
    to: text,
    files: array(object({ ...file, patch: nullable(text), truncated: boolean() })),
    truncated: boolean(),
  }),
);

export const snapshots = object({
  snapshots: array(
    named(
      "Snapshot",
      "What lay in an agent's folder; the figures are those since the first. `r1`, …: before a restore or a merge",
      object({ id: text, commit: text, at: time, ...figures, skipped, bytes: count, tookMs: count }),
    ),
  ),
});

export const restored = named(
  "Restored",
  "What was brought back, what stayed as it was and why, and the snapshot that takes it back",
  object({ snapshot: text, written: count, deleted: count, kept: skipped, before: text }),
);

export const merged = named(
  "Merged",
  "Whether a branch has the work now. With conflicts nothing was changed; stages: 1 base, 2 the branch, 3 the agent",
  object({
    merged: boolean(),
    into: text,
    commit: nullable(text),
    already: boolean(),
    fastForward: boolean(),
    created: boolean(),
    conflicts: array(object({ path, stages: array(integer({ min: 1, max: 3 })) })),
    uncommitted: about("Files that were in no commit and went along", count),
    nested: about("Repositories within, which stay behind", array(path)),
  }),
);

export const workspaces = object({
  workspaces: array(
    object({
      id: text,
      project: text,
      name: nullable(text),
      state: oneOf(...WORKSPACE_STATES),
      pending: optional(about("What lies there is being saved", yes)),
      ...place,
      bytes: nullable(count),
      createdAt: time,
      goneAt: about("When its agent was deleted", nullable(time)),
    }),
  ),
  snapshotBytes: nullable(count),
});

export const recovered = object({ workspace, written: count, kept: skipped });
