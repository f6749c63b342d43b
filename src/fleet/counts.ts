/**
 * What `GET /metrics` says besides where a box belongs to a fleet. Asks the database nothing: a scrape waits for
 * nobody.
 */
import type { Metric } from "../http/metrics.ts";
import { newestEvent } from "../store/events.ts";
import type { FleetDeps } from "./deps.ts";

export function fleetMetrics({ api, database, membership, mirror, pool, held, config }: FleetDeps): readonly Metric[] {
  const behind = mirror.mirrored === null ? null : newestEvent(api.store) - mirror.mirrored;
  const gauge = (name: string, help: string, value: number | null): Metric => ({
    name: `agent_harness_fleet_${name}`,
    type: "gauge",
    help,
    samples: value === null ? [] : [{ value }],
  });
  return [
    gauge("joined", "1 while this box is a node of its fleet.", membership.member() === null ? 0 : 1),
    gauge("database_up", "1 while the fleet's database answers.", database.up ? 1 : 0),
    gauge("mirror_lag_events", "Events of this box that the mirror does not have yet.", behind),
    gauge(
      "mirror_stopped",
      "1 when the mirror has stopped for good; the log says why.",
      mirror.stopped === null ? 0 : 1,
    ),
    gauge(
      "stream_held_seconds",
      "How long an open transaction has held readers of the event log back.",
      held.seconds(),
    ),
    gauge("pool_busy", "Tasks of the pool that this box is at work on.", pool.busy()),
    gauge("pool_capacity", "Most of them at once.", config.capacity),
  ];
}
