/** `GET …/debug`; what it shows is loaded when somebody asks. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";

export function debugRoutes(deps: ApiDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents/:id/debug",
      summary: "Process, files, offsets, counters and last frames of an agent",
      async handler({ params }) {
        const actor = actorAt(deps, params);
        return json((await import("./inside.ts")).fromInside(deps, actor));
      },
    }),
  ];
}
