/** What is shown of the box: projects, providers, webhooks on their way, and what a process looks like from inside. */
import { array, boolean, integer, nullable, object, oneOf, optional, record, unknown } from "../../lib/check.ts";
import type { Schema } from "../../lib/check.ts";
import { INTENTS, STATUSES } from "../../words/agent.ts";
import { PERMISSION_MODES } from "../../words/kinds.ts";
import { ON_LIMIT } from "../../words/limits.ts";
import { USAGE_BY } from "../../words/said.ts";
import { budget, failure, limits, result, status, verify, webhook } from "./agent.ts";
import { workspace } from "../schemas.ts";
import { about, amount, count, named, text, time } from "./shape.ts";

export const project = named(
  "Project",
  "A name, a folder, and what its agents inherit",
  object({
    name: text,
    cwd: about("After symlinks", text),
    trusted: boolean(),
    webhook: nullable(webhook),
    defaults: object({
      provider: optional(text),
      model: optional(text),
      permissions: optional(oneOf(...PERMISSION_MODES)),
      systemPrompt: optional(text),
      limits: optional(limits),
      verify: optional(verify),
      result: optional(result),
      onLimit: optional(oneOf(...ON_LIMIT)),
      workspace: optional(workspace),
      snapshots: optional(boolean()),
      budget: optional(budget),
    }),
    budgetPerDay: about(
      "Of all its agents together",
      nullable(object({ tokens: optional(count), costUsd: optional(amount) })),
    ),
    createdAt: time,
  }),
);

export const provider = named(
  "Provider",
  "A configured agent program",
  object({
    name: text,
    kind: text,
    command: array(text),
    path: nullable(text),
    version: nullable(text),
    available: boolean(),
    login: nullable(object({ loggedIn: boolean(), detail: text })),
    reason: about("Why it cannot be used, and the step that mends it", nullable(text)),
    warnings: about(
      "It can be used, but not as one would expect; told by its handshake",
      array(object({ code: text, message: text })),
    ),
  }),
);

const deliveryShape = {
  id: about("`webhook-id`: the same over retries and redelivery", text),
  seq: count,
  project: nullable(text),
  agentId: nullable(text),
  event: text,
  url: text,
  state: oneOf("pending", "delivered", "dead"),
  attempts: count,
  lastError: nullable(text),
  nextAttemptAt: nullable(time),
  waitsFor: optional(about("The earlier one of the same agent that has to be settled first", text)),
  createdAt: time,
  settledAt: nullable(time),
};

export const delivery = named("Delivery", "One webhook on its way", object(deliveryShape));

export const deliveryWithAttempts = named(
  "DeliveryWithAttempts",
  "The same, with what was sent and how each attempt went",
  object({
    ...deliveryShape,
    body: unknown(),
    attempts: array(
      object({
        n: count,
        at: time,
        durationMs: integer(),
        status: nullable(integer()),
        error: nullable(text),
        response: nullable(text),
      }),
    ),
  }),
);

const sums = {
  turns: about("That ended", count),
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  costUsd: amount,
  unpricedTokens: about("Of the tokens, those for which no price was told: what they cost is not in costUsd", count),
};

const usageSum = named("UsageSum", "What was used in a time, also by agents that are forgotten", object(sums));

const estimated = about("Some of it was never told, because what would have told it was ended before", boolean());

export const usageReport = named(
  "UsageReport",
  "Who used what. `key` is the project, the agent's id, the account or the day of the box. By account, `account` is null where it was not known, and `key` is the provider then",
  object({
    since: time,
    by: oneOf(...USAGE_BY),
    usage: array(
      object({
        key: text,
        project: optional(nullable(text)),
        name: optional(nullable(text)),
        account: optional(nullable(text)),
        ...sums,
        estimated,
      }),
    ),
    total: object({ ...sums, estimated }),
  }),
);

const byStatus = Object.fromEntries(STATUSES.map((each) => [each, optional(count)]));

export const boxStatus = named(
  "Status",
  "The box at a glance",
  object({
    version: text,
    uptime: about("Seconds", count),
    ready: boolean(),
    fleet: optional(about("The config joins it to a fleet: GET /api/v1/fleet", boolean())),
    projects: count,
    agents: object({ ...byStatus, total: count }),
    oldestPermission: nullable(object({ agent: text, project: text, id: text, title: text, createdAt: time })),
    deliveries: object({ pending: count, delivered: count, dead: count }),
    usage: object({ today: about("Since midnight of the box", usageSum), total: usageSum }),
    providers: array(provider),
  }),
);

export const health = named(
  "Health",
  "Enough to know that it lives",
  object({
    status: oneOf("ok"),
    version: text,
    uptime: count,
    projects: count,
    agents: count,
    ready: boolean(),
  }),
);

export const counts: Schema<unknown> = object({
  from: time,
  minutes: count,
  agents: about("By agent: events in each minute, oldest first; null = nobody counted", record(array(nullable(count)))),
});

export const frames = named(
  "Frames",
  "Lines of a process's output",
  object({
    run: count,
    size: about("Of the whole output, in bytes", count),
    frames: array(object({ offset: count, text, truncated: boolean() })),
    next: about("Where the next page begins", nullable(count)),
  }),
);

export const debug = named(
  "Debug",
  "A process from inside, for the person who has to find out why",
  object({
    agent: text,
    status,
    process: nullable(
      object({
        pid: count,
        wrapperPid: count,
        startTicks: count,
        bootId: text,
        startedAt: time,
        rssBytes: nullable(count),
        watching: text,
        cgroup: about("The folder of its control group; null without one", nullable(text)),
        used: nullable(object({ cpuMs: nullable(count), memoryPeakBytes: nullable(count), oomKills: count })),
        tree: array(object({ pid: count, ppid: count })),
        survivors: array(count),
      }),
    ),
    leftBehind: about("What earlier runs left running", array(object({ pid: count, name: text }))),
    run: nullable(
      object({
        n: count,
        state: text,
        version: nullable(text),
        exitCode: nullable(integer()),
        cpuMs: nullable(count),
        memoryPeakBytes: nullable(count),
      }),
    ),
    files: object({ dir: text, stdoutBytes: nullable(count), stderrBytes: nullable(count) }),
    counters: object({ frames: count, unknownFrames: count, skippedLines: count }),
    offset: count,
    intent: nullable(oneOf(...INTENTS)),
    startsLeft: integer(),
    ready: boolean(),
    held: boolean(),
    lastFrameAt: time,
    error: nullable(failure),
    lastFrames: array(text),
    stderrTail: text,
  }),
);
