/** Commands for what agents did to files: looked at, brought back, merged. */
import type { Command } from "../command.ts";
import type { Flag } from "../grammar.ts";
import { TARGET } from "./look.ts";

const LOOKED = [0, 1, 2, 3, 7] as const;
const RANGE: readonly Flag[] = [
  { name: "turn", value: "N", kind: "text", what: "only what this turn did" },
  { name: "from", value: "SNAPSHOT", kind: "text", what: "since this one; default 0, the start" },
  { name: "to", value: "SNAPSHOT", kind: "text", what: "up to this one; default the newest" },
];

export const WORK: readonly Command[] = [
  {
    name: "changes",
    what: "lists the files that an agent changed, with figures",
    args: [TARGET],
    flags: RANGE,
    examples: ["agent-harness changes shop/search", "agent-harness changes shop/search --turn 3"],
    exits: LOOKED,
    routes: ["GET /projects/:name/agents/:id/changes"],
    load: () => import("../commands/changes.ts"),
  },
  {
    name: "diff",
    what: "shows the lines that an agent changed; in a pipe, a patch for git apply",
    args: [TARGET, { name: "PATH", kind: "text", optional: true }],
    flags: RANGE,
    examples: ["agent-harness diff shop/search src/search.ts", "agent-harness diff shop/search --turn 3"],
    exits: LOOKED,
    routes: ["GET /projects/:name/agents/:id/diff", "GET /projects/:name/agents/:id/patch"],
    load: () => import("../commands/diff.ts"),
  },
  {
    name: "restore",
    what: "brings an agent's folder back to a snapshot; without one, lists them",
    args: [TARGET, { name: "SNAPSHOT", kind: "text", optional: true }],
    flags: [
      { name: "path", value: "PATH", kind: "text", repeat: true, what: "only this file or folder" },
      { name: "yes", what: "do not ask" },
    ],
    examples: ["agent-harness restore shop/search", "agent-harness restore shop/search 3 --path src --yes"],
    exits: LOOKED,
    routes: ["GET /projects/:name/agents/:id/snapshots", "POST /projects/:name/agents/:id/snapshots/:snapshot/restore"],
    load: () => import("../commands/restore.ts"),
  },
  {
    name: "merge",
    what: "merges an agent's work into a branch that nobody has checked out; 1 with the conflicts named",
    args: [TARGET],
    flags: [
      { name: "into", value: "BRANCH", kind: "text", what: "made if need be; default the one it began at" },
      { name: "message", short: "m", value: "TEXT", kind: "text", what: "of the merge commit" },
      { name: "dry-run", what: "say what would come of it" },
    ],
    examples: ["agent-harness merge shop/search --into review", "agent-harness merge shop/search --dry-run"],
    exits: LOOKED,
    routes: ["POST /projects/:name/agents/:id/merge"],
    load: () => import("../commands/merge.ts"),
  },
  {
    name: "workspaces",
    what: "lists the folders of agents, those of deleted ones among them, and what they take of the disk",
    args: [],
    flags: [],
    examples: ["agent-harness workspaces", "agent-harness workspaces --json"],
    exits: LOOKED,
    routes: ["GET /workspaces"],
    load: () => import("../commands/workspaces.ts"),
    subs: [
      {
        name: "workspaces recover",
        what: "brings back the folder of a deleted agent, at its old place",
        args: [{ name: "ID", kind: "text" }],
        flags: [],
        examples: ["agent-harness workspaces recover a3f2b1c0", "agent-harness workspaces recover a3f2b1c0 --json"],
        exits: LOOKED,
        routes: ["POST /workspaces/:workspace/recover"],
        load: async () => ({ run: (await import("../commands/workspaces.ts")).recover }),
      },
    ],
  },
];
