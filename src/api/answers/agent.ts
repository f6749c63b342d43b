/** What is shown of an agent: its status and why, its turns and its inputs. */
import { array, boolean, integer, nullable, object, oneOf, optional, record, union, unknown } from "../../lib/check.ts";
import {
  ACTIVITY_KINDS,
  CAUSE_SOURCES,
  CLOSING_STEPS,
  INPUT_MODES,
  INPUT_ORIGINS,
  INPUT_STATES,
  PROCESS_STATES,
  STATUSES,
  TURN_ORIGINS,
  TURN_OUTCOMES,
} from "../../words/agent.ts";
import { LIMIT_CLASSES, ON_LIMIT } from "../../words/limits.ts";
import { BUDGET_KEYS } from "../../words/budget.ts";
import { PERMISSION_MODES } from "../../words/kinds.ts";
import { NOTICE_EVENTS } from "../../words/notices.ts";
import { WORKSPACE_KINDS } from "../../words/workspace.ts";
import { about, amount, count, named, text, time, yes } from "./shape.ts";

export const status = oneOf(...STATUSES);

export const usage = named(
  "Usage",
  "What was used, as far as the provider tells it",
  object({
    inputTokens: optional(count),
    outputTokens: optional(count),
    cacheReadTokens: optional(count),
    cacheWriteTokens: optional(count),
    costUsd: optional(amount),
    estimated: optional(about("Some of it was never told, because what would have told it was ended before", yes)),
  }),
);

const standingShape = {
  scope: oneOf("agent", "day"),
  key: oneOf(...BUDGET_KEYS),
  limit: amount,
  used: amount,
  unpricedTokens: optional(
    about("Of a limit in dollars: so many tokens had no price, and what they cost is not in `used`", count),
  ),
};

export const standing = named(
  "BudgetStanding",
  "How one limit stands: of the agent's life, or of its project's day",
  object(standingShape),
);

export const budget = named(
  "Budget",
  "Limits of an agent's life; 0 and absent = none",
  object({ turns: optional(count), tokens: optional(count), costUsd: optional(amount), wallMs: optional(count) }),
);

export const failure = named(
  "Failure",
  "Why a turn or a start failed. `code` is UPPER_SNAKE when it is ours, else the provider's own word",
  object({ code: text, message: text }),
);

export const causeFrame = named(
  "CauseFrame",
  "The line of output that decided a status, without secrets, at most 8 KiB",
  object({ run: count, offset: count, text, truncated: boolean() }),
);

export const cause = named(
  "Cause",
  "What decided the status, and when",
  object({ source: oneOf(...CAUSE_SOURCES), detail: text, at: time, frame: optional(causeFrame) }),
);

export const parkings = about(
  "When it waited for its account's allowance",
  array(object({ from: time, to: nullable(time) })),
);

export const retrying = object({
  attempt: count,
  reason: text,
  status: nullable(integer()),
  nextAt: optional(about("Epoch ms of the next try, where the program tells it", count)),
});

const turnShape = {
  id: text,
  origin: oneOf(...TURN_ORIGINS),
  startedAt: time,
  endedAt: nullable(time),
  outcome: nullable(oneOf(...TURN_OUTCOMES)),
  error: optional(failure),
  parked: optional(parkings),
};

export const verified = named(
  "Verified",
  "What a check said of a turn; `attempts`: how often a failure was told the agent before",
  object({ passed: boolean(), exitCode: nullable(count), attempts: count, tail: text }),
);

export const agentTurn = named(
  "AgentTurn",
  "The running turn, or the last one; `closing`: what is done before its end counts",
  object({ ...turnShape, verify: optional(verified), closing: optional(nullable(oneOf(...CLOSING_STEPS))) }),
);

export const turn = named(
  "Turn",
  "A turn as it is stored. `input` is the number of the input it answers",
  object({
    ...turnShape,
    n: count,
    input: nullable(count),
    usage: nullable(usage),
    verify: nullable(verified),
    result: optional(unknown()),
  }),
);

export const webhook = named(
  "Webhook",
  "Where notices go. The token is never shown, nor what stands behind the path of the URL",
  object({ url: text, hasToken: boolean(), events: optional(array(oneOf(...NOTICE_EVENTS))) }),
);

export const limits = named(
  "ResourceLimits",
  "What a run may use; 0 = no limit",
  object({ agentMemoryBytes: optional(count), agentTasks: optional(count), agentCpuWeight: optional(count) }),
);

export const verify = named(
  "Verify",
  "How it is checked what an agent has done; `attempts`: how often a failure is told it",
  object({ command: union(text, array(text)), timeoutMs: count, attempts: count }),
);

export const result = named(
  "ResultTerms",
  "What the result of each turn must look like, a JSON Schema",
  object({ schema: record(unknown()) }),
);

export const activity = named(
  "Activity",
  "What the agent does now, in a line of at most 160 characters",
  object({ kind: oneOf(...ACTIVITY_KINDS), text, at: time }),
);

export const limit = named(
  "Limit",
  "What an agent waits for: it goes on by itself at `resumesAt`",
  object({
    class: oneOf(...LIMIT_CLASSES),
    account: text,
    scope: about("Which allowance, in the provider's word", text),
    message: text,
    since: time,
    resetsAt: nullable(time),
    resumesAt: time,
    guessed: about("The provider told no time", boolean()),
    attempts: about("How often the turn was taken up again", count),
  }),
);

export const agent = named(
  "Agent",
  "One conversation of one provider in one project",
  object({
    id: about("8 hex digits", text),
    project: text,
    name: nullable(text),
    provider: text,
    status,
    cause,
    process: oneOf(...PROCESS_STATES),
    turn: nullable(agentTurn),
    activity: nullable(activity),
    queuedInputs: count,
    held: about("The queue waits for a person", boolean()),
    pendingPermissions: count,
    backgroundTasks: count,
    usage: about("In all its life", usage),
    resources: optional(
      about(
        "Of its latest run, where it has a control group",
        object({ cpuMs: nullable(count), memoryPeakBytes: nullable(count) }),
      ),
    ),
    retrying: nullable(retrying),
    limit: optional(about("While it waits for its account's allowance", limit)),
    error: optional(failure),
    model: nullable(text),
    permissions: nullable(oneOf(...PERMISSION_MODES)),
    systemPrompt: nullable(text),
    env: about("The names of its variables; their values are never shown", array(text)),
    webhook: nullable(webhook),
    metadata: record(text),
    limits: optional(limits),
    verify: optional(verify),
    result: optional(result),
    onLimit: optional(oneOf(...ON_LIMIT)),
    workspace: about("Where it works: the project's folder, or one of its own", oneOf(...WORKSPACE_KINDS)),
    snapshots: optional(about("What lies in the project's folder is kept at each turn's end", yes)),
    budget: optional(about("Its own word about it", budget)),
    overspent: optional(
      about(
        "Which limit ends its turn, or holds its queue",
        object({ ...standingShape, until: nullable(time), waits: boolean() }),
      ),
    ),
    standings: optional(
      about("Of one agent alone: how each limit stands, those of project and config too", array(standing)),
    ),
    session: about("The provider's id of the conversation", nullable(text)),
    createdAt: time,
    updatedAt: time,
  }),
);

export const input = named(
  "Input",
  "What somebody sent, and how far it got",
  object({
    n: count,
    text,
    raw: boolean(),
    mode: oneOf(...INPUT_MODES),
    origin: about(
      "Whose it is; `verify`: what was wrong with the turn before, fed back; `limit`: it made a turn go on",
      oneOf(...INPUT_ORIGINS),
    ),
    state: oneOf(...INPUT_STATES),
    turnId: nullable(text),
    attachments: optional(array(object({ name: text, mediaType: text, bytes: count }))),
    createdAt: time,
    endedAt: nullable(time),
  }),
);
