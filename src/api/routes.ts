/** The route table: the server, the API description and the tests are made from this one list. */
import { json } from "../http/answer.ts";
import type { Route } from "../http/router.ts";
import { route } from "../http/router.ts";
import { accountRoutes } from "./accounts.ts";
import { agentRoutes } from "./agents.ts";
import { attachRoutes } from "./attach.ts";
import { controlRoutes } from "./control.ts";
import { debugRoutes } from "./debug.ts";
import { deliveryRoutes } from "./deliveries.ts";
import type { ApiDeps } from "./deps.ts";
import { eventRoutes } from "./events.ts";
import { frameRoutes } from "./frames.ts";
import { healthRoutes } from "./health.ts";
import { inputRoutes } from "./inputs.ts";
import { messageRoutes } from "./messages.ts";
import { metricsRoutes } from "./metrics.ts";
import { permissionRoutes } from "./permissions.ts";
import { projectRoutes } from "./projects.ts";
import { providerRoutes } from "./providers.ts";
import { pulseRoutes } from "./pulse.ts";
import { reportRoutes } from "./report.ts";
import { turnRoutes } from "./turns.ts";
import { usageRoutes } from "./usage.ts";
import { workspaceRoutes } from "./workspaces.ts";

/** `more`: of what the config has added. */
export function apiRoutes(deps: ApiDeps, more: readonly Route[] = []): readonly Route[] {
  const routes: Route[] = [
    ...healthRoutes(deps),
    ...providerRoutes(deps),
    ...projectRoutes(deps),
    ...agentRoutes(deps),
    ...inputRoutes(deps),
    ...messageRoutes(deps),
    ...turnRoutes(deps),
    ...usageRoutes(deps),
    ...reportRoutes(deps),
    ...permissionRoutes(deps),
    ...controlRoutes(deps),
    ...accountRoutes(deps),
    ...attachRoutes(deps),
    ...workspaceRoutes(deps),
    ...eventRoutes(deps),
    ...pulseRoutes(deps),
    ...debugRoutes(deps),
    ...frameRoutes(deps),
    ...deliveryRoutes(deps),
    ...metricsRoutes(deps),
    ...more,
    route({
      method: "GET",
      path: "/api/v1/openapi.json",
      summary: "This API, described",
      // Its words are read when somebody asks: a daemon that nobody asks does not hold them.
      handler: async () => json((await import("./answers/description.ts")).describeApi(routes)),
    }),
  ];
  return routes;
}
