/** `GET /report`: what happened while nobody looked. It is put together by what is loaded when somebody asks. */
import { json } from "../http/answer.ts";
import { sinceText } from "../http/query.ts";
import { route } from "../http/router.ts";
import { object, optional } from "../lib/check.ts";
import type { ApiDeps } from "./deps.ts";
import { assertReady } from "./deps.ts";

export function reportRoutes(deps: ApiDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/report",
      summary: "What each agent did and waited for since a time (default: 12 hours ago), restarts, dead deliveries",
      query: object({ since: optional(sinceText()) }),
      handler: async ({ query }) => {
        assertReady(deps);
        return json((await import("./night.ts")).reportAnswer(deps, query.since ?? "12h"));
      },
    }),
  ];
}
