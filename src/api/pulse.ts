/**
 * How lively each agent was, minute by minute: events counted as they are committed, in memory, an hour back. Not
 * stored: after a restart the minutes before it are unknown, and said to be.
 */
import type { Bus } from "../agents/bus.ts";
import { json } from "../http/answer.ts";
import { integerText } from "../http/query.ts";
import { route } from "../http/router.ts";
import { object, optional } from "../lib/check.ts";
import type { ApiDeps } from "./deps.ts";
import { iso } from "./views.ts";

const MINUTE_MS = 60_000;
const MINUTES = 60;

export interface Pulse {
  /** Events of each agent in the `minutes` minutes up to now, oldest first; null = before we were there to count. */
  counts(now: number, minutes: number): Record<string, readonly (number | null)[]>;
}

/** 60 counters an agent; one that was silent for an hour costs nothing. */
export function createPulse(bus: Bus, startedAt: number, now: () => number): Pulse {
  const since = Math.floor(startedAt / MINUTE_MS);
  /** `minute % 60` → count, and the last minute it is good for. */
  const rings = new Map<string, { readonly ring: Uint32Array; last: number }>();

  /** Minutes that passed since the ring was written last hold nothing. */
  const wind = (kept: { readonly ring: Uint32Array; last: number }, minute: number): void => {
    for (let each = Math.max(kept.last + 1, minute - MINUTES + 1); each <= minute; each++)
      kept.ring[each % MINUTES] = 0;
    kept.last = Math.max(kept.last, minute);
  };

  bus.onCommit(({ agent, events }) => {
    if (agent === null || events.length === 0) return;
    if (events.some((event) => event.type === "agent_deleted")) return void rings.delete(agent);
    const minute = Math.floor(now() / MINUTE_MS);
    let kept = rings.get(agent);
    if (kept === undefined) rings.set(agent, (kept = { ring: new Uint32Array(MINUTES), last: minute }));
    wind(kept, minute);
    const at = kept.last % MINUTES; // a clock that was set back counts on where it was
    kept.ring[at] = (kept.ring[at] ?? 0) + events.length;
  });

  return {
    counts(at, minutes) {
      const newest = Math.floor(at / MINUTE_MS);
      const counts: Record<string, readonly (number | null)[]> = {};
      for (const [agent, kept] of rings) {
        if (kept.last <= newest - MINUTES) {
          rings.delete(agent);
          continue;
        }
        wind(kept, newest);
        counts[agent] = Array.from({ length: minutes }, (_, i) => {
          const minute = newest - minutes + 1 + i;
          return minute < since ? null : (kept.ring[minute % MINUTES] ?? 0);
        });
      }
      return counts;
    },
  };
}

export function pulseRoutes({ bus, clock, startedAt }: ApiDeps) {
  const pulse = createPulse(bus, startedAt, () => clock.now());
  return [
    route({
      method: "GET",
      path: "/api/v1/activity",
      summary: "Events per minute and agent, oldest first, of the last hour; null = before the daemon's start",
      query: object({ minutes: optional(integerText({ min: 1, max: MINUTES })) }),
      handler({ query: { minutes = MINUTES } }) {
        const now = clock.now();
        const from = (Math.floor(now / MINUTE_MS) - minutes + 1) * MINUTE_MS;
        return json({ from: iso(from), minutes, agents: pulse.counts(now, minutes) });
      },
    }),
  ];
}
