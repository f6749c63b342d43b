/** What the routes of a fleet answer. They are there where the config has a `fleet`. */
import { array, boolean, integer, nullable, object, oneOf, optional, record, unknown } from "../../lib/check.ts";
import { agent } from "./agent.ts";
import { permission } from "./said.ts";
import { about, count, named, text, time } from "./shape.ts";
import type { RouteAnswer } from "./route.ts";

const reach = oneOf("live", "late", "lost");

const node = named(
  "FleetNode",
  "A box of the fleet",
  object({
    name: text,
    uuid: text,
    version: text,
    labels: record(text),
    providers: array(text),
    projects: array(text),
    keys: about("Names of the keys with which it opens secrets of tasks", array(text)),
    capacity: count,
    acceptCalls: boolean(),
    draining: boolean(),
    reach: about("By the database's clock; nobody is lost while the database is away", reach),
    seenAt: time,
    busy: count,
    ready: boolean(),
    lag: about("Events that its mirror is behind", nullable(integer())),
  }),
);

/** Where something is, and how far away that is. */
const standing = { node: text, reach };

const task = named(
  "FleetTask",
  "A task of the pool",
  object({
    id: text,
    seq: count,
    state: oneOf("queued", "claimed", "starting", "started", "done", "failed", "cancelled"),
    claim: about("How often it was taken", count),
    cancel: about("Somebody wants it ended", boolean()),
    project: text,
    provider: nullable(text),
    node: about("The only one that may take it", nullable(text)),
    labels: record(text),
    repo: about("Where a box that lacks the project fetches it", nullable(object({ url: text, ref: optional(text) }))),
    sealedWith: about("The name of the key that seals its secrets", nullable(text)),
    holder: about("The node that has it", nullable(text)),
    reach: optional(oneOf("live", "lost")),
    blockedBy: optional(about("Why nobody takes it", text)),
    agent: nullable(text),
    error: nullable(text),
    superseded: optional(
      about(
        "Boxes that began it before a person gave it to another, and what became of that",
        array(object({ claim: count, node: text, agent: nullable(text), outcome: text })),
      ),
    ),
    createdBy: text,
    createdAt: time,
    startedAt: nullable(time),
    endedAt: nullable(time),
  }),
);

const AWAY = ["FLEET_AWAY", "FLEET_REFUSED", "FLEET_SCHEMA"] as const;

export const FLEET_ANSWERS: Readonly<Record<string, RouteAnswer>> = {
  "GET /api/v1/fleet": {
    tag: "fleet",
    answer: object({
      node: text,
      joined: boolean(),
      database: oneOf("up", "away"),
      why: optional(object({ error: text, message: text })),
      schema: text,
      nodes: nullable(object({ live: count, late: count, lost: count })),
      permissions: about("What agents of all nodes wait for", nullable(count)),
      tasks: about("Of the pool: queued, and those that a node has", nullable(object({ queued: count, held: count }))),
      lag: about("Events of this box that its mirror does not have", nullable(integer())),
      mirrorStopped: about("Why nothing of this box is mirrored any more", nullable(text)),
    }),
  },
  "GET /api/v1/fleet/nodes": { tag: "fleet", answer: object({ nodes: array(node) }), errors: AWAY },
  "POST /api/v1/fleet/nodes/:node/drain": {
    tag: "fleet",
    answer: object({ node }),
    errors: [...AWAY, "NODE_NOT_FOUND"],
  },
  "POST /api/v1/fleet/nodes/:node/undrain": {
    tag: "fleet",
    answer: object({ node }),
    errors: [...AWAY, "NODE_NOT_FOUND"],
  },
  "DELETE /api/v1/fleet/nodes/:node": { tag: "fleet", errors: [...AWAY, "NODE_NOT_FOUND", "NODE_LIVES"] },
  "GET /api/v1/fleet/agents": {
    tag: "fleet",
    answer: object({
      agents: array(object({ ...standing, asOf: about("By the database's clock", time), agent })),
      next: nullable(text),
    }),
    errors: AWAY,
  },
  "GET /api/v1/fleet/permissions": {
    tag: "fleet",
    answer: object({
      permissions: array(object({ ...standing, project: text, agent: text, name: nullable(text), permission })),
      next: nullable(text),
    }),
    errors: AWAY,
  },
  "GET /api/v1/fleet/events": { tag: "fleet", takes: ["Last-Event-ID"], errors: AWAY },
  "GET /api/v1/calls/:id": {
    tag: "fleet",
    answer: object({
      call: object({
        id: text,
        node: text,
        method: text,
        path: text,
        state: oneOf("queued", "claimed", "done", "expired"),
        status: nullable(integer()),
        createdAt: time,
        answer: optional(unknown()),
      }),
    }),
    errors: [...AWAY, "CALL_NOT_FOUND"],
  },
  "POST /api/v1/fleet/tasks": { tag: "fleet", answer: object({ task }), errors: [...AWAY, "FLEET_KEY"] },
  "GET /api/v1/fleet/tasks": {
    tag: "fleet",
    answer: object({ tasks: array(task), next: nullable(count) }),
    errors: AWAY,
  },
  "GET /api/v1/fleet/tasks/:id": { tag: "fleet", answer: object({ task }), errors: [...AWAY, "TASK_NOT_FOUND"] },
  "POST /api/v1/fleet/tasks/:id/cancel": {
    tag: "fleet",
    answer: object({ task }),
    errors: [...AWAY, "TASK_NOT_FOUND"],
  },
  "POST /api/v1/fleet/tasks/:id/reassign": {
    tag: "fleet",
    answer: object({ task }),
    errors: [...AWAY, "TASK_NOT_FOUND", "TASK_SETTLED"],
  },
};
