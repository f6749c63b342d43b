/** For machines that ask whether we live: open without a token, and they say nothing about what the agents do. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { HarnessError } from "../lib/errors.ts";
import { startOfDay } from "../lib/day.ts";
import { VERSION } from "../lib/version.ts";
import { countAgents } from "../store/agents.ts";
import { countProjects } from "../store/projects.ts";
import { countDeliveries } from "../store/deliveries.ts";
import { oldestPending } from "../store/permissions.ts";
import { usageSince } from "../store/usage.ts";
import type { ApiDeps } from "./deps.ts";
import { iso } from "./views.ts";

export function healthRoutes(deps: ApiDeps) {
  const { config, store, bus, supervisor, clock, startedAt, providers, reporter } = deps;
  /** Machines ask often: counted again only when something was committed meanwhile. */
  let counts: { readonly projects: number; readonly agents: number } | null = null;
  bus.onCommit(() => (counts = null));
  const counted = () => (counts ??= { projects: countProjects(store), agents: countAgents(store).total });
  const uptime = () => Math.floor((clock.now() - startedAt) / 1000);
  return [
    route({
      method: "GET",
      path: "/api/v1/status",
      summary:
        "The box at a glance: agents by status, the longest waiting permission, webhooks, what was used, providers",
      async handler() {
        const oldest = oldestPending(store);
        return json({
          version: VERSION,
          uptime: uptime(),
          ready: supervisor.ready,
          ...(config.fleet === undefined ? {} : { fleet: true }),
          projects: countProjects(store),
          agents: countAgents(store),
          oldestPermission: oldest === null ? null : { ...oldest, createdAt: iso(oldest.createdAt) },
          deliveries: countDeliveries(store),
          usage: { today: usageSince(store, startOfDay(clock.now())), total: usageSince(store, 0) },
          providers: await reporter().then(({ glance }) => Promise.all([...providers.values()].map(glance))),
        });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/health",
      summary: "Version, uptime (seconds) and counts",
      auth: false,
      relay: false,
      handler: () => json({ status: "ok", version: VERSION, uptime: uptime(), ...counted(), ready: supervisor.ready }),
    }),
    route({
      method: "GET",
      path: "/healthz",
      summary: "200 while the process answers",
      auth: false,
      handler: () => new Response("ok\n"),
    }),
    route({
      method: "GET",
      path: "/readyz",
      summary: "200 once every agent was looked at after the start",
      auth: false,
      handler() {
        if (supervisor.ready) return new Response("ready\n");
        throw new HarnessError("NOT_READY", "still looking at what survived the restart");
      },
    }),
  ];
}
