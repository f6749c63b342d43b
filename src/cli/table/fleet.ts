/** Commands about a fleet: its boxes, and the database that joins them. */
import type { Command } from "../command.ts";
import type { Argument } from "../grammar.ts";

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
    ],
  },
];
