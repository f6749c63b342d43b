/**
 * What each route answers: the shape of its good answer, its own errors, and the tag it is listed under. A route
 * without a row, and a row without a route, fail a test; so does every answer of a test that does not fit its row.
 */
import { array, boolean, nullable, object, optional, record, union, unknown } from "../../lib/check.ts";
import type { ErrorCode } from "../../words/errors.ts";
import { account } from "./accounts.ts";
import { agent, agentTurn, input, turn } from "./agent.ts";
import { attachPlan, lease } from "./attach.ts";
import {
  boxStatus,
  counts,
  debug,
  delivery,
  deliveryWithAttempts,
  frames,
  health,
  project,
  provider,
  usageReport,
} from "./box.ts";
import { FLEET_ANSWERS } from "./fleet.ts";
import { eventPage, streamEvent } from "./events.ts";
import { listedPermission, message, permission } from "./said.ts";
import { nightReport } from "./report.ts";
import type { RouteAnswer } from "./route.ts";
import { isKeyed } from "./route.ts";
import { count, text, yes } from "./shape.ts";
import { changes, diff, merged, recovered, restored, snapshots, workspaces } from "./workspaces.ts";

const AGENT = "/api/v1/projects/:name/agents/:id";
const oneAgent = object({ agent });
const pageOfAgents = object({ agents: array(agent), next: nullable(text) });
/** A replay under an `Idempotency-Key` whose agent was deleted meanwhile. */
const forgotten = object({ agent: object({ id: text, forgotten: yes }), input: nullable(count) });
const made: readonly ErrorCode[] = [
  "PROJECT_UNTRUSTED",
  "RESULT_NOT_SUPPORTED",
  "PROVIDER_UNAVAILABLE",
  "ATTACHMENT_REFUSED",
  "NAME_TAKEN",
  "PROJECT_UNTRUSTED",
  "PROJECT_GOING",
  "TOO_MANY_AGENTS",
  "BUDGET_NOT_METERED",
];

const WORK: readonly ErrorCode[] = ["NO_WORKSPACE", "SNAPSHOT_NOT_FOUND", "GIT_MISSING", "WORKSPACE_FAILED"];

const EVENTS: RouteAnswer = {
  tag: "events",
  answer: eventPage,
  also: { type: "text/event-stream", answer: streamEvent },
  takes: ["Last-Event-ID"],
};

export const ANSWERS: Readonly<Record<string, RouteAnswer>> = {
  "GET /api/v1/status": { tag: "box", answer: boxStatus },
  "GET /api/v1/health": { tag: "box", answer: health },
  "GET /healthz": { tag: "box" },
  "GET /readyz": { tag: "box" },
  "GET /api/v1/providers": { tag: "box", answer: object({ providers: array(provider) }) },
  "GET /api/v1/usage": { tag: "box", answer: usageReport },
  "GET /api/v1/report": { tag: "box", answer: nightReport },
  "GET /api/v1/metrics": { tag: "box" },
  "GET /metrics": { tag: "box" },
  "GET /api/v1/openapi.json": { tag: "box", answer: record(unknown()) },

  "GET /api/v1/accounts": { tag: "accounts", answer: object({ accounts: array(account) }) },
  "POST /api/v1/accounts/:account/retry": {
    tag: "accounts",
    answer: object({ agents: count }),
    errors: ["ACCOUNT_NOT_FOUND"],
  },
  [`POST ${AGENT}/limit/skip`]: { tag: "accounts", answer: oneAgent, errors: ["NOT_LIMITED"] },

  "GET /api/v1/projects": { tag: "projects", answer: object({ projects: array(project) }) },
  "POST /api/v1/projects": {
    tag: "projects",
    answer: object({ project }),
    errors: ["PROJECT_EXISTS", "PROJECT_UNTRUSTED"],
  },
  "GET /api/v1/projects/:name": { tag: "projects", answer: object({ project }) },
  "PATCH /api/v1/projects/:name": {
    tag: "projects",
    answer: object({ project }),
    errors: ["PROJECT_HAS_AGENTS", "PROJECT_UNTRUSTED", "RESULT_NOT_SUPPORTED", "BUDGET_NOT_METERED"],
  },
  "DELETE /api/v1/projects/:name": { tag: "projects", errors: ["PROJECT_BUSY", "PROJECT_GOING", "WORK_NOT_MERGED"] },

  "GET /api/v1/agents": { tag: "agents", answer: pageOfAgents, cursor: true },
  "GET /api/v1/projects/:name/agents": { tag: "agents", answer: pageOfAgents, cursor: true },
  "POST /api/v1/projects/:name/agents": {
    tag: "agents",
    answer: union(oneAgent, forgotten),
    errors: made,
  },
  [`GET ${AGENT}`]: { tag: "agents", answer: oneAgent },
  [`PATCH ${AGENT}`]: {
    tag: "agents",
    answer: oneAgent,
    errors: ["NAME_TAKEN", "PROJECT_UNTRUSTED", "RESULT_NOT_SUPPORTED", "BUDGET_NOT_METERED"],
  },
  [`DELETE ${AGENT}`]: { tag: "agents", errors: ["WORK_NOT_MERGED"] },
  [`GET ${AGENT}/result`]: {
    tag: "agents",
    answer: object({ turnId: text, result: unknown() }),
    errors: ["RESULT_NOT_FOUND"],
  },
  [`GET ${AGENT}/turns`]: { tag: "agents", answer: object({ turns: array(turn), more: boolean() }), cursor: true },
  [`GET ${AGENT}/debug`]: { tag: "agents", answer: debug },
  [`GET ${AGENT}/frames`]: { tag: "agents", answer: frames, errors: ["FRAMES_FREED"] },
  [`GET ${AGENT}/output`]: { tag: "agents" },

  [`POST ${AGENT}/input`]: {
    tag: "inputs",
    answer: object({ input, turn: optional(agentTurn) }),
    errors: ["AGENT_BUSY", "BUDGET_EXCEEDED", "ATTACHMENT_REFUSED"],
  },
  [`GET ${AGENT}/inputs`]: { tag: "inputs", answer: object({ inputs: array(input) }) },
  [`DELETE ${AGENT}/inputs/:n`]: { tag: "inputs", errors: ["INPUT_NOT_FOUND", "INPUT_DELIVERED"] },
  [`POST ${AGENT}/inputs/release`]: {
    tag: "inputs",
    answer: object({ held: boolean(), queuedInputs: count }),
    errors: ["BUDGET_EXCEEDED"],
  },

  [`GET ${AGENT}/messages`]: {
    tag: "messages",
    answer: object({ messages: array(message), more: boolean() }),
    cursor: true,
  },
  [`GET ${AGENT}/messages/last`]: { tag: "messages", answer: object({ message: nullable(message) }) },
  [`GET ${AGENT}/messages/:mid`]: { tag: "messages", answer: object({ message }), errors: ["MESSAGE_NOT_FOUND"] },

  "GET /api/v1/permissions": {
    tag: "permissions",
    answer: object({ permissions: array(listedPermission), next: nullable(text) }),
    cursor: true,
  },
  [`GET ${AGENT}/permissions`]: {
    tag: "permissions",
    answer: object({ permissions: array(permission) }),
    cursor: true,
  },
  [`POST ${AGENT}/permissions/:pid`]: {
    tag: "permissions",
    answer: object({ permission }),
    errors: ["PERMISSION_NOT_FOUND", "PERMISSION_SETTLED", "PERMISSION_CHANGED"],
  },

  [`POST ${AGENT}/abort`]: {
    tag: "control",
    answer: object({ agent, aborted: boolean() }),
    errors: ["ABORT_UNCONFIRMED"],
  },
  [`POST ${AGENT}/stop`]: { tag: "control", answer: oneAgent, errors: ["STOP_UNCONFIRMED"] },
  [`POST ${AGENT}/resume`]: { tag: "control", answer: oneAgent, errors: ["ATTACHED", "BUDGET_EXCEEDED"] },
  [`GET ${AGENT}/attach`]: { tag: "control", answer: attachPlan },
  [`POST ${AGENT}/attach`]: {
    tag: "control",
    answer: lease,
    errors: ["ATTACHED", "AGENT_BUSY", "NO_SCREEN", "NO_LEASE", "STOP_UNCONFIRMED"],
  },
  [`DELETE ${AGENT}/attach`]: { tag: "control", answer: object({ messages: count }), errors: ["NO_LEASE"] },
  [`GET ${AGENT}/wait`]: {
    tag: "control",
    answer: object({ agent, reached: boolean(), turn: optional(turn) }),
    errors: ["TURN_NOT_FOUND"],
  },

  [`GET ${AGENT}/changes`]: { tag: "work", answer: changes, errors: WORK },
  [`GET ${AGENT}/diff`]: { tag: "work", answer: diff, errors: WORK },
  [`GET ${AGENT}/patch`]: { tag: "work", errors: WORK },
  [`GET ${AGENT}/snapshots`]: { tag: "work", answer: snapshots },
  [`POST ${AGENT}/snapshots/:snapshot/restore`]: {
    tag: "work",
    answer: restored,
    errors: [...WORK, "AGENT_BUSY"],
  },
  [`POST ${AGENT}/merge`]: {
    tag: "work",
    answer: merged,
    errors: [...WORK, "AGENT_BUSY", "BRANCH_IN_USE", "MERGE_NEEDS_GIT_2_38"],
  },
  "GET /api/v1/workspaces": { tag: "work", answer: workspaces },
  "POST /api/v1/workspaces/:workspace/recover": {
    tag: "work",
    answer: recovered,
    errors: ["WORKSPACE_NOT_FOUND", "GIT_MISSING", "WORKSPACE_FAILED"],
  },

  "GET /api/v1/events": EVENTS,
  "GET /api/v1/projects/:name/events": EVENTS,
  [`GET ${AGENT}/events`]: EVENTS,
  "GET /api/v1/event-types": { tag: "events", answer: object({ types: record(text) }) },
  "GET /api/v1/activity": { tag: "events", answer: counts },

  "GET /api/v1/deliveries": {
    tag: "webhooks",
    answer: object({ deliveries: array(delivery), next: nullable(count) }),
  },
  "GET /api/v1/deliveries/:id": {
    tag: "webhooks",
    answer: object({ delivery: deliveryWithAttempts }),
    errors: ["DELIVERY_NOT_FOUND"],
  },
  "POST /api/v1/deliveries/:id/redeliver": {
    tag: "webhooks",
    answer: object({ delivery }),
    errors: ["DELIVERY_NOT_FOUND", "DELIVERY_FORGOTTEN"],
  },
  "POST /api/v1/webhook/test": { tag: "webhooks", answer: object({ delivery }), errors: ["NO_WEBHOOK"] },
  ...FLEET_ANSWERS,
};

/** What any route of its kind may give. */
export function errorsOf(method: string, path: string, open: boolean): readonly ErrorCode[] {
  return [
    "INVALID_REQUEST",
    ...(open ? [] : (["UNAUTHORIZED", "TOO_MANY_ATTEMPTS"] as const)),
    "FORBIDDEN_HOST",
    "FORBIDDEN_ORIGIN",
    ...(path.includes("/projects/:name") ? (["PROJECT_NOT_FOUND"] as const) : []),
    ...(path.startsWith(AGENT) ? (["AGENT_NOT_FOUND"] as const) : []),
    ...(method === "GET" ? [] : (["TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"] as const)),
    ...(isKeyed(method, path) ? (["IDEMPOTENCY_MISMATCH", "OUTCOME_UNKNOWN"] as const) : []),
    ...(ANSWERS[`${method} ${path}`]?.errors ?? []),
    "INTERNAL",
    "NOT_READY",
    "STORE_BUSY",
    "OVERLOADED",
    "DISK_FULL",
  ];
}
