/** The routes that a box has while it belongs to a fleet. */
import type { Route } from "../http/router.ts";
import type { FleetDeps } from "./deps.ts";
import { callRoutes } from "./call-routes.ts";
import { nodeRoutes } from "./node-routes.ts";
import { readRoutes } from "./read-routes.ts";
import { taskRoutes } from "./task-routes.ts";
import { streamRoutes } from "./stream-routes.ts";

export function fleetRoutes(deps: FleetDeps): readonly Route[] {
  return [...nodeRoutes(deps), ...readRoutes(deps), ...streamRoutes(deps), ...callRoutes(deps), ...taskRoutes(deps)];
}
