/** `GET /usage`: who used what since when. It is added up by what is loaded when somebody asks. */
import { json } from "../http/answer.ts";
import { sinceText } from "../http/query.ts";
import { route } from "../http/router.ts";
import { object, oneOf, optional } from "../lib/check.ts";
import { USAGE_BY } from "../words/said.ts";
import type { ApiDeps } from "./deps.ts";

export function usageRoutes(deps: ApiDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/usage",
      summary: "Tokens, cost and turns since a time (default: midnight; by day: a week), added up by what is asked for",
      query: object({ since: optional(sinceText()), by: optional(oneOf(...USAGE_BY)) }),
      handler: async ({ query }) => json((await import("./spent.ts")).usageAnswer(deps, query)),
    }),
  ];
}
