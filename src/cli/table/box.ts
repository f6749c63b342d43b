/** Commands about the program itself. */
import type { Command } from "../command.ts";

export const BOX: readonly Command[] = [
  {
    name: "serve",
    what: "runs the daemon in the foreground",
    args: [],
    flags: [],
    examples: ["agent-harness serve", "agent-harness serve --config /etc/agent-harness/harness.json"],
    exits: [0, 1, 2, 69, 73, 75],
    load: () => import("../commands/serve.ts"),
  },
  {
    name: "doctor",
    what: "checks the set-up line by line, and says how to mend what is wrong",
    args: [],
    flags: [],
    examples: ["agent-harness doctor", "agent-harness doctor --json"],
    exits: [0, 1, 2, 7],
    load: () => import("../commands/doctor.ts"),
  },
  {
    name: "version",
    what: "prints the version",
    args: [],
    flags: [],
    examples: ["agent-harness version", "agent-harness version --json"],
    exits: [0, 2],
    load: () => import("../commands/version.ts"),
  },
  {
    name: "help",
    what: "lists the commands, or says all of one",
    args: [{ name: "COMMAND", kind: "command", optional: true, many: true }],
    flags: [],
    examples: ["agent-harness help run", "agent-harness help projects add"],
    exits: [0, 2],
    load: () => import("../commands/help.ts"),
  },
  {
    name: "bridge",
    what: "translates between a server and lines",
    args: [],
    flags: [],
    examples: ["agent-harness bridge opencode", "agent-harness bridge opencode"],
    exits: [0],
    hidden: true,
    raw: true,
    load: () => import("../commands/bridge.ts"),
  },
];
