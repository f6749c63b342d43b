/** Commands about projects, webhooks, and the API itself. */
import type { Command } from "../command.ts";
import type { Argument, Flag } from "../grammar.ts";
import { count } from "./look.ts";

const PROJECT: Argument = { name: "PROJECT", kind: "project" };
const DELIVERY: Argument = { name: "ID", kind: "delivery" };
const EXITS = [0, 1, 2, 3, 7] as const;
const DEFAULTS: readonly Flag[] = [
  { name: "trusted", what: "load the settings, hooks and plugins that the folder brings" },
  { name: "provider", value: "NAME", kind: "provider", what: "for agents that name none" },
  { name: "model", value: "NAME", kind: "text", what: "for agents that name none" },
  { name: "permissions", value: "MODE", kind: { oneOf: ["ask", "allow", "deny"] }, what: "for agents that name none" },
];

export const MANAGE: readonly Command[] = [
  {
    name: "projects",
    what: "lists the projects, or makes, shows, changes and forgets one",
    args: [],
    flags: [],
    examples: ["agent-harness projects", "agent-harness projects add shop /srv/shop"],
    exits: EXITS,
    routes: ["GET /projects"],
    load: () => import("../commands/projects.ts"),
    subs: [
      {
        name: "projects add",
        what: "makes a project of a folder (default: this one)",
        args: [
          { name: "NAME", kind: "text" },
          { name: "DIR", kind: "folder", optional: true },
        ],
        flags: DEFAULTS,
        examples: ["agent-harness projects add shop /srv/shop", "agent-harness projects add shop --provider codex"],
        exits: EXITS,
        routes: ["POST /projects"],
        load: async () => ({ run: (await import("../commands/projects.ts")).add }),
      },
      {
        name: "projects show",
        what: "says all that is known of a project",
        args: [PROJECT],
        flags: [],
        examples: ["agent-harness projects show shop", "agent-harness projects show shop --json"],
        exits: EXITS,
        routes: ["GET /projects/:name"],
        load: async () => ({ run: (await import("../commands/projects.ts")).show }),
      },
      {
        name: "projects set",
        what: "changes a project: trusted, cwd, webhook.url, and the defaults provider, model, permissions, system, verify",
        args: [PROJECT, { name: "KEY=VALUE", kind: "setting", many: true }],
        flags: [],
        examples: ["agent-harness projects set shop trusted=true", "agent-harness projects set shop model="],
        exits: EXITS,
        routes: ["PATCH /projects/:name"],
        load: async () => ({ run: (await import("../commands/projects.ts")).set }),
      },
      {
        name: "projects rm",
        what: "forgets a project and its agents; the folder stays",
        args: [PROJECT],
        flags: [
          { name: "force", what: "also when agents are busy" },
          { name: "discard", what: "also where their work is merged nowhere" },
          { name: "yes", what: "do not ask" },
        ],
        examples: ["agent-harness projects rm shop", "agent-harness projects rm shop --force --yes"],
        exits: EXITS,
        routes: ["DELETE /projects/:name"],
        load: async () => ({ run: (await import("../commands/projects.ts")).remove }),
      },
    ],
  },
  {
    name: "deliveries",
    what: "lists the webhooks, newest first, or shows, repeats and tests one",
    args: [],
    flags: [
      { name: "state", value: "STATE", kind: { oneOf: ["pending", "delivered", "dead"] }, what: "only these" },
      { name: "agent", value: "TARGET", kind: "target", what: "only this agent's" },
      count("the last N (50)"),
    ],
    examples: ["agent-harness deliveries --state dead", "agent-harness deliveries --agent shop/search -n 5"],
    exits: EXITS,
    routes: ["GET /deliveries"],
    load: () => import("../commands/deliveries.ts"),
    subs: [
      {
        name: "deliveries show",
        what: "shows a webhook with its body and attempts",
        args: [DELIVERY],
        flags: [],
        examples: ["agent-harness deliveries show msg_0123abcd", "agent-harness deliveries show msg_0123abcd --json"],
        exits: EXITS,
        routes: ["GET /deliveries/:id"],
        load: async () => ({ run: (await import("../commands/deliveries.ts")).show }),
      },
      {
        name: "deliveries redeliver",
        what: "sends a webhook once more, under the same id",
        args: [DELIVERY],
        flags: [{ name: "fresh", what: "under a new id" }],
        examples: [
          "agent-harness deliveries redeliver msg_0123abcd",
          "agent-harness deliveries redeliver msg_0123abcd --fresh",
        ],
        exits: EXITS,
        routes: ["POST /deliveries/:id/redeliver"],
        load: async () => ({ run: (await import("../commands/deliveries.ts")).redeliver }),
      },
      {
        name: "deliveries test",
        what: "sends a marked test event to the configured webhook",
        args: [],
        flags: [{ name: "wait", what: "stay until it was taken, or refused (1)" }],
        examples: ["agent-harness deliveries test", "agent-harness deliveries test --wait"],
        exits: EXITS,
        routes: ["POST /webhook/test"],
        load: async () => ({ run: (await import("../commands/deliveries.ts")).test }),
      },
    ],
  },
  {
    name: "open",
    what: "prints the address of the inspector, or of an agent in it",
    args: [{ name: "TARGET", kind: "target", optional: true }],
    flags: [],
    examples: ["agent-harness open", "agent-harness open shop/search"],
    exits: EXITS,
    routes: ["GET /inspect"],
    load: () => import("../commands/open.ts"),
  },
  {
    name: "api",
    what: "calls any route of the API with our address and token",
    args: [
      { name: "METHOD", kind: "method" },
      { name: "PATH", kind: "path" },
      { name: "JSON|-", kind: "text", optional: true },
    ],
    flags: [{ name: "include", short: "i", what: "show the status line first" }],
    examples: ["agent-harness api GET /agents", 'agent-harness api POST /projects \'{"name":"x","cwd":"/srv/x"}\''],
    exits: EXITS,
    routes: ["GET /openapi.json"],
    load: () => import("../commands/api.ts"),
  },
];
