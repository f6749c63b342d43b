/** The one command that stays: it is found by itself, so that a daemon does not carry the words of all the others. */
import type { Command } from "../command.ts";

export const SERVE: Command = {
  name: "serve",
  what: "runs the daemon in the foreground",
  args: [],
  flags: [],
  examples: ["agent-harness serve", "agent-harness serve --config /etc/agent-harness/harness.json"],
  exits: [0, 1, 2, 69, 73, 75],
  load: () => import("../commands/serve.ts"),
};
