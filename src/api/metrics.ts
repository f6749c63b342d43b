/**
 * `GET /metrics`: counts for Prometheus. Needs the token like everything else: it says how many agents there are. What
 * is counted is loaded when somebody scrapes.
 */
import { route } from "../http/router.ts";
import type { ApiDeps } from "./deps.ts";

export function metricsRoutes(deps: ApiDeps) {
  const handler = async () => (await import("./counts.ts")).metricsAnswer(deps);
  const summary = "Prometheus metrics";
  const success = { type: "text/plain" };
  return [
    route({ method: "GET", path: "/api/v1/metrics", summary, success, handler }),
    route({ method: "GET", path: "/metrics", summary: `${summary}, where scrapers look by default`, success, handler }),
  ];
}
