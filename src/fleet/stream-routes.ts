/** The event stream of the fleet. */
import { listText } from "../http/query.ts";
import { route } from "../http/router.ts";
import * as schemas from "../api/schemas.ts";
import { object, optional, string } from "../lib/check.ts";
import { invalidRequest } from "../lib/errors.ts";
import type { FleetDeps } from "./deps.ts";
import { asking } from "./deps.ts";
import { textArray } from "./registry.ts";
import { beginOf, parseStreamCursor, streamOf } from "./stream.ts";

/** Types that a newer node may have are no mistake. */
const typeName = string({ pattern: /^[a-z_]{1,40}$/, what: "a type of event" });

export function streamRoutes(deps: FleetDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/fleet/events",
      summary: "What happens on all nodes (SSE), as it is mirrored; an id of it is good on every node",
      relay: false,
      success: { type: "text/event-stream" },
      query: object({
        since: optional(string({ min: 1, max: 60 })),
        node: optional(schemas.projectName),
        project: optional(schemas.projectName),
        agent: optional(schemas.agentId),
        types: optional(listText(typeName)),
      }),
      async handler({ req, query: { since, node, project, agent, types }, signal, keepOpen }) {
        const header = req.headers.get("last-event-id");
        const text = header ?? since;
        const asked = text === undefined || text === "" ? null : parseStreamCursor(text);
        if (asked === undefined)
          throw invalidRequest([
            {
              path: header === null ? "since" : "Last-Event-ID",
              message: `got ${JSON.stringify(text?.slice(0, 40))}, expected the id of an event of this stream`,
            },
          ]);
        const begin = await asking(deps, (ask) => beginOf(ask, asked));
        keepOpen();
        const { clock, log } = deps.api;
        const onDrop = () => log.info("dropped an event stream whose client does not read", {});
        const stream = streamOf({ database: deps.database, held: deps.held, clock, signal, onDrop }, begin, {
          node: node ?? null,
          project: project ?? null,
          agent: agent ?? null,
          types: types === undefined ? null : textArray(types),
        });
        return new Response(stream, {
          headers: {
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",
          },
        });
      },
    }),
  ];
}
