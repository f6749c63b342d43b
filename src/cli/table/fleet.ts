/** Commands about a fleet: its boxes, and the database that joins them. */
import type { Command } from "../command.ts";
import type { Argument } from "../grammar.ts";
import { count } from "./look.ts";

const TASK: Argument = { name: "TASK", kind: "text" };
const TASK_STATES = ["queued", "claimed", "starting", "started", "done", "failed", "cancelled"] as const;
const NODE: Argument = { name: "NODE", kind: "text" };
const EXITS = [0, 1, 2, 3, 7] as const;

export const FLEET: readonly Command[] = [
  {
    name: "nodes",
    what: "lists the boxes of the fleet, or drains, undrains and removes one",
    args: [],
    flags: [],
    examples: ["agent-harness nodes", "agent-harness nodes drain build-3"],
    exits: EXITS,
    routes: ["GET /fleet/nodes", "GET /fleet"],
    load: () => import("../commands/nodes.ts"),
    subs: [
      {
        name: "nodes drain",
        what: "a box takes nothing more from the pool; what it has goes on",
        args: [NODE],
        flags: [],
        examples: ["agent-harness nodes drain build-3", "agent-harness nodes drain build-3 --json"],
        exits: EXITS,
        routes: ["POST /fleet/nodes/:node/drain"],
        load: async () => ({ run: (await import("../commands/nodes.ts")).drain }),
      },
      {
        name: "nodes undrain",
        what: "a box takes from the pool again",
        args: [NODE],
        flags: [],
        examples: ["agent-harness nodes undrain build-3", "agent-harness nodes undrain build-3 --json"],
        exits: EXITS,
        routes: ["POST /fleet/nodes/:node/undrain"],
        load: async () => ({ run: (await import("../commands/nodes.ts")).undrain }),
      },
      {
        name: "nodes rm",
        what: "takes a lost box out of the fleet, with what it mirrored",
        args: [NODE],
        flags: [{ name: "yes", what: "do not ask" }],
        examples: ["agent-harness nodes rm build-3", "agent-harness nodes rm build-3 --yes"],
        exits: EXITS,
        routes: ["DELETE /fleet/nodes/:node"],
        load: async () => ({ run: (await import("../commands/nodes.ts")).remove }),
      },
    ],
  },
  {
    name: "tasks",
    what: "lists the tasks of the fleet's pool, newest first, or shows, cancels and reassigns one",
    args: [],
    flags: [
      { name: "state", value: "STATE", kind: { listOf: TASK_STATES }, repeat: true, what: "only these" },
      count("the last N (50)"),
    ],
    examples: ["agent-harness tasks", "agent-harness tasks --state queued,started -n 10"],
    exits: EXITS,
    routes: ["GET /fleet/tasks"],
    load: () => import("../commands/tasks.ts"),
    subs: [
      {
        name: "tasks show",
        what: "says where a task is, or why nobody takes it",
        args: [TASK],
        flags: [],
        examples: ["agent-harness tasks show task_0123", "agent-harness tasks show task_0123 --json"],
        exits: EXITS,
        routes: ["GET /fleet/tasks/:id"],
        load: async () => ({ run: (await import("../commands/tasks.ts")).show }),
      },
      {
        name: "tasks cancel",
        what: "ends a task, whether it waits or runs",
        args: [TASK],
        flags: [],
        examples: ["agent-harness tasks cancel task_0123", "agent-harness tasks cancel task_0123 --json"],
        exits: EXITS,
        routes: ["POST /fleet/tasks/:id/cancel"],
        load: async () => ({ run: (await import("../commands/tasks.ts")).cancel }),
      },
      {
        name: "tasks reassign",
        what: "gives up on the box that has a task and queues it again; it may run twice",
        args: [TASK],
        flags: [{ name: "yes", what: "do not ask" }],
        examples: ["agent-harness tasks reassign task_0123", "agent-harness tasks reassign task_0123 --yes"],
        exits: EXITS,
        routes: ["POST /fleet/tasks/:id/reassign"],
        load: async () => ({ run: (await import("../commands/tasks.ts")).reassign }),
      },
    ],
  },
  {
    name: "fleet",
    what: "says how this box stands in its fleet, or makes the fleet's tables",
    args: [],
    flags: [],
    examples: ["agent-harness fleet", "agent-harness fleet migrate"],
    exits: EXITS,
    routes: ["GET /fleet"],
    load: () => import("../commands/fleet.ts"),
    subs: [
      {
        name: "fleet migrate",
        what: "makes or updates the fleet's tables in the database that the config names; run it as their owner",
        args: [],
        flags: [],
        examples: ["agent-harness fleet migrate", "agent-harness fleet migrate --config ./harness.json"],
        exits: [0, 1, 2],
        load: async () => ({ run: (await import("../commands/fleet.ts")).migrate }),
      },
      {
        name: "fleet call",
        what: "says what became of something that another box was asked",
        args: [{ name: "CALL", kind: "text" }],
        flags: [],
        examples: ["agent-harness fleet call ahc_0123", "agent-harness fleet call ahc_0123 --json"],
        exits: EXITS,
        routes: ["GET /calls/:id"],
        load: async () => ({ run: (await import("../commands/fleet.ts")).call }),
      },
    ],
  },
];
