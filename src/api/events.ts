/**
 * The event log, as a live stream or in pages (`Accept: application/json`). Replay and live come from the same store,
 * so there is no gap between them.
 */
import { toJson } from "../lib/json.ts";
import type { Commit, Delta, Doings } from "../agents/bus.ts";
import { json } from "../http/answer.ts";
import { listText } from "../http/query.ts";
import { route } from "../http/router.ts";
import type { SseMessage } from "../http/sse.ts";
import { parseCursor, sseResponse } from "../http/sse.ts";
import { isObject, object, oneOf, optional, string } from "../lib/check.ts";
import { invalidRequest } from "../lib/errors.ts";
import type { Store } from "../store/database.ts";
import type { EventRecord, EventScope } from "../store/events.ts";
import { eventRange, eventsAfter, inScope, listEvents } from "../store/events.ts";
import { findMessage } from "../store/messages.ts";
import { getProject } from "../store/projects.ts";
import type { EventType } from "../words/events.ts";
import { EVENT_NAMES, EVENT_TYPES } from "../words/events.ts";
import { clipMessage } from "./clip.ts";
import { eventCursor } from "./cursor.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import * as schemas from "./schemas.ts";
import { activityView } from "./views.ts";
import { given } from "../lib/given.ts";

const shape = {
  since: optional(string({ min: 1, max: 16 })),
  types: optional(listText(oneOf(...EVENT_NAMES))),
  clip: optional(schemas.clip),
  after: optional(schemas.idText),
  before: optional(schemas.idText),
  limit: optional(schemas.count(1000)),
};
const query = object(shape);

interface Asked {
  readonly req: Request;
  readonly query: {
    readonly since?: string;
    readonly types?: readonly EventType[];
    readonly whole?: string;
    readonly clip?: number;
    readonly after?: number;
    readonly before?: number;
    readonly limit?: number;
  };
  readonly signal: AbortSignal;
  keepOpen(): void;
}

export function eventRoutes(deps: ApiDeps) {
  const success = { type: "text/event-stream" };
  return [
    route({
      method: "GET",
      path: "/api/v1/events",
      summary:
        "Everything that happens (SSE; pages with Accept: application/json); ?whole=ID = of this agent all types",
      query: object({ ...shape, whole: optional(schemas.agentId) }),
      success,
      handler: (ctx) => answer(deps, {}, ctx),
    }),
    route({
      method: "GET",
      path: "/api/v1/projects/:name/events",
      summary: "What happens in a project (the same)",
      query,
      success,
      handler: (ctx) => answer(deps, { project: getProject(deps.store, ctx.params.name).name }, ctx),
    }),
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents/:id/events",
      summary: "What happens to an agent (the same)",
      query,
      success,
      handler: (ctx) => answer(deps, { agent: actorAt(deps, ctx.params).id }, ctx),
    }),
    route({
      method: "GET",
      path: "/api/v1/event-types",
      summary: "Every type of event, with what it says",
      handler: () => json({ types: EVENT_TYPES }),
    }),
  ];
}

/** A list for those who ask for JSON and would not take a stream. */
function answer(deps: ApiDeps, place: { project?: string; agent?: string }, asked: Asked): Response {
  const { types, whole } = asked.query;
  const scope = { ...place, ...given({ types, whole }) };
  const accept = asked.req.headers.get("accept") ?? "";
  const paged = accept.includes("application/json") && !accept.includes("text/event-stream");
  refuse(asked.query, paged ? ["since"] : ["after", "before", "limit"], paged);
  return paged ? page(deps, scope, asked) : stream(deps, scope, asked);
}

function refuse(
  query: Asked["query"],
  keys: readonly ("since" | "after" | "before" | "limit")[],
  paged: boolean,
): void {
  const issues = keys
    .filter((key) => query[key] !== undefined)
    .map((path) => ({
      path,
      message: paged
        ? "belongs to the stream: pages begin `after` an id or end `before` one"
        : "belongs to pages: send Accept: application/json, or begin the stream `since` an id",
    }));
  if (issues.length > 0) throw invalidRequest(issues);
}

function page({ store }: ApiDeps, scope: EventScope, { query: { clip, after, before, limit = 100 } }: Asked): Response {
  const { events, more } = listEvents(store, scope, {
    ...given({ after, before }),
    limit,
  });
  return json(
    { events: events.map((each) => asShown(store, each, clip)), ...eventRange(store), more },
    { headers: eventCursor(store) },
  );
}

function stream(
  { store, bus, clock, log }: ApiDeps,
  scope: EventScope,
  { req, query: { since, clip }, signal, keepOpen }: Asked,
): Response {
  const { oldest, newest } = eventRange(store);
  const asked = readCursor(req.headers.get("last-event-id"), since);
  const inRange = asked === null || (asked >= oldest - 1 && asked <= newest);
  const asMessage = (record: EventRecord): SseMessage => {
    const shown = asShown(store, record, clip);
    return { id: shown.id, event: shown.type, data: toJson(shown) };
  };
  keepOpen();
  return sseResponse({
    // Without a cursor the stream begins now; outside of what is kept it begins with what there is, and says so.
    afterId: asked === null ? newest : inRange ? asked : oldest - 1,
    preamble: inRange ? [] : [{ event: "reset", data: toJson({ oldest, newest }) }],
    replay: (afterId, limit) => eventsAfter(store, scope, afterId, limit).map(asMessage),
    subscribe(listener) {
      const stops = [
        bus.onCommit((commit: Commit) => {
          for (const each of commit.events) if (inScope(each, scope)) listener(asMessage(each));
        }),
        bus.onDelta((delta: Delta) => {
          if (inScope({ type: "delta", agent: delta.agent, project: delta.project }, scope))
            listener({ event: "delta", data: toJson(delta) });
        }),
        bus.onActivity(({ project, agent, activity }: Doings) => {
          if (inScope({ type: "activity", agent, project }, scope))
            listener({
              event: "activity",
              data: toJson({ project, agent, activity: activityView(activity) }),
            });
        }),
      ];
      return () => {
        for (const stop of stops) stop();
      };
    },
    signal,
    clock,
    onDrop: () => log.info("dropped an event stream whose client does not read", {}),
  });
}

function readCursor(header: string | null, since: string | undefined): number | null {
  const text = header ?? since;
  if (text === undefined || text === null || text === "") return null;
  const cursor = parseCursor(text);
  if (cursor !== undefined) return cursor;
  throw invalidRequest([
    {
      path: header === null ? "since" : "Last-Event-ID",
      message: `got ${toJson(text.slice(0, 40))}, expected the id of an event`,
    },
  ]);
}

function asShown(
  store: Store,
  { id, type, project, agent, at, data }: EventRecord,
  clip: number | undefined,
): EventRecord {
  return { id, type, project, agent, at, data: clip === undefined ? data : clipData(store, agent, data, clip) };
}

/** A message that is too large for its event is named there; cut, it fits. One that is gone stays named. */
function clipData(store: Store, agent: string | null, data: unknown, clip: number): unknown {
  if (agent === null || !isObject(data) || !isObject(data["message"])) return data;
  const id = data["message"]["id"];
  const message = typeof id === "number" ? findMessage(store, agent, id) : null;
  return message === null ? data : { ...data, message: clipMessage(message, clip) };
}
