/** Commands that act on agents: give them work, answer them, end them. */
import type { Command } from "../command.ts";
import type { Flag } from "../grammar.ts";
import { TARGET } from "./look.ts";

const TARGETS = { ...TARGET, many: true } as const;
const YES: Flag = { name: "yes", what: "do not ask" };
const ACTED = [0, 1, 2, 3, 7] as const;

const ATTACHMENT: Flag = {
  name: "attach",
  value: "FILE",
  kind: "file",
  repeat: true,
  what: "a picture or file that goes with the text",
};
const CHECKS: readonly Flag[] = [
  {
    name: "verify",
    value: "COMMAND",
    kind: "text",
    what: "a check that decides when it is done; told it when it fails",
  },
  { name: "verify-timeout", value: "DURATION", kind: "duration", what: "how long the check may take (10m)" },
  { name: "verify-attempts", value: "N", kind: "number", what: "how often a failure is told the agent (2)" },
];
const ANSWERS: readonly Flag[] = [
  { name: "next", what: "the oldest request of all; shows it and asks" },
  { name: "message", short: "m", value: "TEXT", kind: "text", what: "tell the agent this, too" },
];

/** What the agent may spend in its life. */
const BUDGET: readonly Flag[] = [
  { name: "budget-usd", value: "USD", kind: "text", what: "what it may cost, where its program tells that" },
  { name: "budget-tokens", value: "N", kind: "text", what: "what the model may read and write" },
  { name: "budget-turns", value: "N", kind: "text", what: "how many turns it gets" },
  { name: "budget-time", value: "DURATION", kind: "duration", what: "how long it may work" },
];

export const ACT: readonly Command[] = [
  {
    name: "run",
    what: "gives an agent a task in this folder and stays until it is done",
    args: [{ name: "TEXT|-", kind: "text", optional: true }],
    flags: [
      { name: "dir", short: "C", value: "DIR", kind: "folder", what: "the project's folder, instead of this one" },
      { name: "project", value: "NAME", kind: "project", what: "the project by its name" },
      { name: "provider", value: "NAME", kind: "provider", what: "the agent program" },
      { name: "model", value: "NAME", kind: "text", what: "its model" },
      { name: "permissions", value: "MODE", kind: { oneOf: ["ask", "allow", "deny"] }, what: "what it may do" },
      { name: "name", value: "NAME", kind: "text", what: "the agent's name" },
      { name: "system", value: "TEXT", kind: "text", what: "system prompt" },
      { name: "env", value: "K=V", kind: "pair", repeat: true, what: "a variable for it" },
      { name: "meta", value: "K=V", kind: "pair", repeat: true, what: "metadata, told in webhooks" },
      { name: "webhook", value: "URL", kind: "url", what: "where its notices go" },
      { name: "worktree", what: "in a work tree of its own, on a branch of its own" },
      {
        name: "base",
        value: "REF",
        kind: "text",
        what: "with --worktree: where it begins; default what is checked out",
      },
      { name: "copy", what: "in a copy of the folder" },
      ...CHECKS,
      ...BUDGET,
      ATTACHMENT,
      { name: "fleet", what: "on any box of the fleet that has the project and room" },
      {
        name: "require",
        value: "K=V",
        kind: "pair",
        repeat: true,
        what: "with --fleet: a label that the box must have",
      },
      { name: "detach", short: "d", what: "do not stay; prints project/name" },
      { name: "timeout", value: "DURATION", kind: "duration", what: "abort the turn after it (124)" },
      { name: "wait-input", what: "stay while it waits for somebody's answer" },
      { name: "rm", what: "forget the agent afterwards" },
      { name: "key", value: "KEY", kind: "text", what: "idempotency key: the same again makes no second agent" },
      { name: "reconnect", value: "DURATION", kind: "duration", what: "how long to look for a lost daemon (5m)" },
    ],
    examples: [
      'agent-harness run --verify "make test" "fix the failing test"',
      "agent-harness run --detach --name nightly - < task.md",
    ],
    exits: [0, 1, 2, 3, 4, 5, 6, 7, 124, 130],
    routes: ["POST /projects/:name/agents", "POST /projects", "POST /fleet/tasks"],
    load: () => import("../commands/run.ts"),
  },
  {
    name: "send",
    what: "sends an agent one more input; it is queued while the agent is busy",
    args: [TARGET, { name: "TEXT|-", kind: "text", optional: true }],
    flags: [
      { name: "interrupt", what: "end the running turn, and go first" },
      { name: "reject", what: "refuse it when the agent is busy" },
      { name: "verbatim", what: "no slash commands: the text as it is" },
      ATTACHMENT,
      { name: "wait", what: "stay until it is answered, as run does" },
      { name: "timeout", value: "DURATION", kind: "duration", what: "with --wait: abort the turn after it (124)" },
      { name: "wait-input", what: "with --wait: stay while it waits for somebody's answer" },
      { name: "key", value: "KEY", kind: "text", what: "idempotency key: the same again is sent once" },
      { name: "reconnect", value: "DURATION", kind: "duration", what: "how long to look for a lost daemon (5m)" },
    ],
    examples: ['agent-harness send shop/search "and the tests?"', "agent-harness send . --wait - < more.md"],
    exits: [0, 1, 2, 3, 4, 5, 6, 7, 124, 130],
    routes: ["POST /projects/:name/agents/:id/input"],
    load: () => import("../commands/send.ts"),
  },
  {
    name: "set",
    what: "changes an agent: name, model, permissions, verify, webhook.url, metadata.K",
    args: [TARGET, { name: "KEY=VALUE", kind: "setting", many: true }],
    flags: [],
    examples: ["agent-harness set shop/search model=opus", "agent-harness set shop/search metadata.ticket="],
    exits: ACTED,
    routes: ["PATCH /projects/:name/agents/:id"],
    load: () => import("../commands/set.ts"),
  },
  {
    name: "inputs",
    what: "lists what was sent to an agent, and how far each got",
    args: [TARGET],
    flags: [],
    examples: ["agent-harness inputs shop/search", "agent-harness inputs rm shop/search 3"],
    exits: ACTED,
    routes: ["GET /projects/:name/agents/:id/inputs"],
    load: () => import("../commands/inputs.ts"),
    subs: [
      {
        name: "inputs rm",
        what: "takes an input back before it is delivered",
        args: [TARGET, { name: "N", kind: "input" }],
        flags: [],
        examples: ["agent-harness inputs rm shop/search 3", "agent-harness inputs rm . 2"],
        exits: ACTED,
        routes: ["DELETE /projects/:name/agents/:id/inputs/:n"],
        load: async () => ({ run: (await import("../commands/inputs.ts")).remove }),
      },
      {
        name: "inputs release",
        what: "lets a held queue go on",
        args: [TARGET],
        flags: [],
        examples: ["agent-harness inputs release shop/search", "agent-harness inputs release ."],
        exits: ACTED,
        routes: ["POST /projects/:name/agents/:id/inputs/release"],
        load: async () => ({ run: (await import("../commands/inputs.ts")).release }),
      },
    ],
  },
  {
    name: "approve",
    what: "allows what an agent asks",
    args: [
      { name: "TARGET", kind: "waiting", optional: true },
      { name: "PID", kind: "permission", optional: true },
    ],
    flags: [
      ...ANSWERS,
      { name: "always", what: "allow it for the agent's life" },
      { name: "answer", value: "Q=A", kind: "pair", repeat: true, what: "answer of a question (its text or number)" },
    ],
    examples: ["agent-harness approve shop/search p3", 'agent-harness approve shop/search p4 --answer "1=Blue"'],
    exits: ACTED,
    routes: ["POST /projects/:name/agents/:id/permissions/:pid", "GET /permissions"],
    load: () => import("../commands/approve.ts"),
  },
  {
    name: "deny",
    what: "refuses what an agent asks",
    args: [
      { name: "TARGET", kind: "waiting", optional: true },
      { name: "PID", kind: "permission", optional: true },
    ],
    flags: ANSWERS,
    examples: ["agent-harness deny shop/search p3", 'agent-harness deny shop/search p3 -m "not in production"'],
    exits: ACTED,
    routes: ["POST /projects/:name/agents/:id/permissions/:pid", "GET /permissions"],
    load: () => import("../commands/deny.ts"),
  },
  {
    name: "abort",
    what: "ends the running turn and keeps the conversation",
    args: [TARGETS],
    flags: [{ name: "keep-queued", what: "hold what is queued, instead of cancelling it" }],
    examples: ["agent-harness abort shop/search", "agent-harness abort . --keep-queued"],
    exits: ACTED,
    routes: ["POST /projects/:name/agents/:id/abort"],
    load: () => import("../commands/abort.ts"),
  },
  {
    name: "stop",
    what: "ends the process and keeps the conversation",
    args: [TARGETS],
    flags: [YES],
    examples: ["agent-harness stop shop/search", "agent-harness stop shop/search docs/rewrite --yes"],
    exits: ACTED,
    routes: ["POST /projects/:name/agents/:id/stop"],
    load: () => import("../commands/stop.ts"),
  },
  {
    name: "resume",
    what: "brings the process back; a held queue goes on",
    args: [{ name: "TARGET", kind: "ended", many: true }],
    flags: [{ name: "force", what: "end a screen that was left open first" }],
    examples: ["agent-harness resume shop/search", "agent-harness resume ."],
    exits: [0, 1, 2, 3, 6, 7],
    routes: ["POST /projects/:name/agents/:id/resume"],
    load: () => import("../commands/resume.ts"),
  },
  {
    name: "rm",
    what: "ends an agent's process tree and forgets the agent",
    args: [TARGETS],
    flags: [YES, { name: "discard", what: "also where its work is merged nowhere" }],
    examples: ["agent-harness rm shop/search", "agent-harness rm shop/search docs/rewrite --yes"],
    exits: ACTED,
    routes: ["DELETE /projects/:name/agents/:id"],
    load: () => import("../commands/rm.ts"),
  },
  {
    name: "attach",
    what: "hands a conversation to you in the program's own screen, and takes it back when you leave",
    args: [TARGET],
    flags: [
      { name: "abort", what: "end the running turn first" },
      { name: "print", what: "show what would be run, and change nothing" },
    ],
    examples: ["agent-harness attach shop/search", "agent-harness attach . --print"],
    exits: [0, 1, 2, 3, 7],
    routes: [
      "GET /projects/:name/agents/:id/attach",
      "POST /projects/:name/agents/:id/attach",
      "DELETE /projects/:name/agents/:id/attach",
    ],
    load: () => import("../commands/attach.ts"),
  },
];
