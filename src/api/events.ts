/** The event log as a live stream. Replay and live come from the same store, so there is no gap between them. */
import type { Commit, Delta } from "../agents/bus.ts";
import { json } from "../http/answer.ts";
import { listText } from "../http/query.ts";
import { route } from "../http/router.ts";
import type { SseMessage } from "../http/sse.ts";
import { parseCursor, sseResponse } from "../http/sse.ts";
import { object, oneOf, optional, string } from "../lib/check.ts";
import { invalidRequest } from "../lib/errors.ts";
import type { EventRecord, EventScope } from "../store/events.ts";
import { eventRange, eventsAfter } from "../store/events.ts";
import { getProject } from "../store/projects.ts";
import type { EventType } from "../words/events.ts";
import { EVENT_NAMES, EVENT_TYPES } from "../words/events.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";

const query = object({
  since: optional(string({ min: 1, max: 16 })),
  types: optional(listText(oneOf(...EVENT_NAMES))),
});

interface Asked {
  readonly req: Request;
  readonly query: { readonly since?: string; readonly types?: readonly EventType[] };
  readonly signal: AbortSignal;
  keepOpen(): void;
}

export function eventRoutes(deps: ApiDeps) {
  const success = { type: "text/event-stream" };
  return [
    route({
      method: "GET",
      path: "/api/v1/events",
      summary: "Everything that happens (SSE)",
      query,
      success,
      handler: (ctx) => stream(deps, {}, ctx),
    }),
    route({
      method: "GET",
      path: "/api/v1/projects/:name/events",
      summary: "What happens in a project (SSE)",
      query,
      success,
      handler: (ctx) => stream(deps, { project: getProject(deps.store, ctx.params.name).name }, ctx),
    }),
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents/:id/events",
      summary: "What happens to an agent (SSE)",
      query,
      success,
      handler: (ctx) => stream(deps, { agent: actorAt(deps, ctx.params).id }, ctx),
    }),
    route({
      method: "GET",
      path: "/api/v1/event-types",
      summary: "Every type of event, with what it says",
      handler: () => json({ types: EVENT_TYPES }),
    }),
  ];
}

function stream(
  { store, bus, clock, log }: ApiDeps,
  place: { project?: string; agent?: string },
  { req, query: { since, types }, signal, keepOpen }: Asked,
): Response {
  const scope: EventScope = { ...place, ...(types === undefined ? {} : { types }) };
  const { oldest, newest } = eventRange(store);
  const asked = readCursor(req.headers.get("last-event-id"), since);
  const inRange = asked === null || (asked >= oldest - 1 && asked <= newest);
  keepOpen();
  return sseResponse({
    // Without a cursor the stream begins now; outside of what is kept it begins with what there is, and says so.
    afterId: asked === null ? newest : inRange ? asked : oldest - 1,
    preamble: inRange ? [] : [{ event: "reset", data: JSON.stringify({ oldest, newest }) }],
    replay: (afterId, limit) => eventsAfter(store, scope, afterId, limit).map(asMessage),
    subscribe(listener) {
      const stops = [
        bus.onCommit((commit: Commit) => {
          for (const each of commit.events) if (inScope(each, scope)) listener(asMessage(each));
        }),
        bus.onDelta((delta: Delta) => {
          if (inScope({ type: "delta", agent: delta.agent, project: delta.project }, scope))
            listener({ event: "delta", data: JSON.stringify(delta) });
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
      message: `got ${JSON.stringify(text.slice(0, 40))}, expected the id of an event`,
    },
  ]);
}

function inScope(
  each: { readonly type: string; readonly agent: string | null; readonly project: string | null },
  { agent, project, types }: EventScope,
): boolean {
  if (types !== undefined && !types.includes(each.type)) return false;
  if (agent !== undefined) return each.agent === agent;
  return project === undefined || each.project === project;
}

function asMessage(record: EventRecord): SseMessage {
  const { id, type, project, agent, at, data } = record;
  return { id, event: type, data: JSON.stringify({ id, type, project, agent, at, data }) };
}
