/**
 * What each event holds, by its type. A type without a shape does not compile; the tests check every event that they
 * see.
 */
import type { Schema } from "../../lib/check.ts";
import { array, boolean, integer, nullable, object, oneOf, optional, union } from "../../lib/check.ts";
import { CLOSING_STEPS, INPUT_STATES, TURN_ORIGINS, TURN_OUTCOMES } from "../../words/agent.ts";
import type { LiveEvent, StoredEvent } from "../../words/events.ts";
import { EVENT_TYPES } from "../../words/events.ts";
import { DECISIONS, PERMISSION_KINDS, PERMISSION_STATES, SETTLERS } from "../../words/said.ts";
import { activity, cause, failure, parkings, retrying, standing, status, usage, verified } from "./agent.ts";
import { message, messageShape } from "./said.ts";
import type { Named } from "./shape.ts";
import { WORKSPACE_KINDS } from "../../words/workspace.ts";
import { about, count, named, text, time, yes } from "./shape.ts";

const projectNamed = object({ project: object({ name: text }) });
const agentNamed = object({ agent: object({ id: text, name: nullable(text) }) });
const ofTurn = optional(about("The turn it is about", text));

const omitted = named(
  "OmittedMessage",
  "A message that is too large for its event: `GET …/messages/{mid}` has it, or `?clip=` brings its beginning",
  object({ ...messageShape, omitted: yes }),
);

const endedTurn = named(
  "EndedTurn",
  "A turn and how it ended",
  object({
    id: text,
    origin: oneOf(...TURN_ORIGINS),
    startedAt: time,
    endedAt: time,
    outcome: oneOf(...TURN_OUTCOMES),
    error: optional(failure),
    usage: optional(usage),
    verify: optional(verified),
    parked: optional(parkings),
  }),
);

const DATA: Readonly<Record<StoredEvent, Schema<unknown>>> = {
  project_created: projectNamed,
  project_updated: projectNamed,
  project_deleted: projectNamed,
  agent_created: object({ agent: object({ id: text, name: nullable(text), provider: text }) }),
  agent_updated: agentNamed,
  agent_deleted: agentNamed,
  agent_status: object({ from: status, to: status, cause }),
  agent_stalled: object({ turn: ofTurn, silentMs: integer(), tool: nullable(text) }),
  agent_resumed_output: object({ turn: ofTurn }),
  turn_started: object({ turn: object({ id: text, origin: oneOf(...TURN_ORIGINS) }) }),
  turn_closing: object({ turn: text, step: oneOf(...CLOSING_STEPS) }),
  turn_ended: object({ turn: endedTurn }),
  turn_timeout: object({ turn: ofTurn, limitMs: count }),
  input: object({ input: object({ n: count, state: oneOf(...INPUT_STATES), turnId: nullable(text) }) }),
  message: object({ message: union(message, omitted) }),
  permission_requested: object({
    permission: object({
      id: text,
      kind: oneOf(...PERMISSION_KINDS),
      tool: text,
      title: text,
      options: array(oneOf(...DECISIONS)),
    }),
  }),
  permission_settled: object({
    permission: object({ id: text, state: oneOf(...PERMISSION_STATES), by: oneOf(...SETTLERS) }),
  }),
  agent_budget: object({ budget: standing }),
  retrying,
  background: object({ tasks: count }),
  workspace: object({
    workspace: object({ kind: oneOf(...WORKSPACE_KINDS), path: text, branch: nullable(text) }),
  }),
  snapshot: object({
    snapshot: object({ id: text, files: count, insertions: count, deletions: count, skipped: count }),
  }),
  note: object({ level: oneOf("info", "warn"), code: text, message: text }),
  delivery: object({ delivery: object({ id: text, event: text, state: text }) }),
};

const LIVE: Readonly<Record<LiveEvent, Schema<unknown>>> = {
  delta: object({ project: text, agent: text, key: text, kind: oneOf("text", "thinking"), text }),
  activity: object({ project: text, agent: text, activity }),
};

const nameOf = (type: string): string =>
  `${type
    .split("_")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("")}Event`;

const forgotten = named("Forgotten", "Its agent was deleted, and what it said with it", object({ forgotten: yes }));

/** One line of `data:` each; what is stored has an id, also in pages. */
const stored = Object.entries(DATA).map(([type, data]): [string, Named<unknown>] => {
  const record = object({
    id: count,
    type: oneOf(type),
    project: nullable(text),
    agent: nullable(text),
    at: time,
    data: union(data, forgotten),
  });
  return [type, named(nameOf(type), EVENT_TYPES[type as StoredEvent], record)];
});
const live = Object.entries(LIVE).map(([type, shape]): [string, Named<unknown>] => [
  type,
  named(nameOf(type), EVENT_TYPES[type as LiveEvent], shape),
]);
const reset = named(
  "ResetEvent",
  "Said first when the cursor is no longer kept: what is",
  object({ oldest: count, newest: count }),
);

/** By the name in `event:`. */
export const EVENT_SHAPES: ReadonlyMap<string, Named<unknown>> = new Map([...stored, ...live, ["reset", reset]]);

export const storedEvent = named("StoredEvent", "An event of the log", union(...stored.map(([, shape]) => shape)));
export const streamEvent = named(
  "StreamEvent",
  "What a `data:` line of the stream holds; `event:` names its type",
  union(...EVENT_SHAPES.values()),
);

export const eventPage = named(
  "EventPage",
  "Events in order, what is kept, and whether there are more on the side that the page did not begin from",
  object({ events: array(storedEvent), oldest: count, newest: count, more: boolean() }),
);
