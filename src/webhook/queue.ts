/**
 * Which delivery goes out next. Pure. One at a time for a destination and agent, so that order is kept; few at a time
 * for a destination, and those with the fewest under way first, so that receivers that hang cannot keep the others
 * waiting. Those known to give no answer share half of the places.
 */
import type { DeliveryHead } from "../store/deliveries.ts";

export const MAX_IN_FLIGHT = 8;
const MAX_PER_DESTINATION = 2;
export const MAX_FOR_SILENT = 4;

export interface Flight {
  /** As of `destinationOf`. */
  readonly destination: string;
  readonly agent: string | null;
}

/** Receivers hang by machine and port, whatever the path. */
export function destinationOf(url: string): string {
  return new URL(url).origin;
}

export interface Outlook {
  /** In order of their due time. */
  readonly heads: readonly DeliveryHead[];
  /** By delivery id. */
  readonly flights: ReadonlyMap<string, Flight>;
  /** Destinations that gave no answer the last time. */
  readonly silent: ReadonlySet<string>;
  readonly nowMs: number;
}

/** null = nothing may go out now. */
export function nextToSend({ heads, flights, silent, nowMs }: Outlook): DeliveryHead | null {
  if (flights.size >= MAX_IN_FLIGHT) return null;
  const load = new Map<string, number>();
  const busy = new Set<string>();
  let forSilent = 0;
  for (const { destination, agent } of flights.values()) {
    load.set(destination, (load.get(destination) ?? 0) + 1);
    if (agent !== null) busy.add(`${destination} ${agent}`);
    if (silent.has(destination)) forSilent += 1;
  }
  let best: DeliveryHead | null = null;
  let least = MAX_PER_DESTINATION;
  for (const head of heads) {
    if (head.nextAt > nowMs) break;
    const destination = destinationOf(head.url);
    const underWay = load.get(destination) ?? 0;
    if (underWay >= least || flights.has(head.id)) continue;
    if (head.agent !== null && busy.has(`${destination} ${head.agent}`)) continue;
    if (silent.has(destination) && (underWay > 0 || forSilent >= MAX_FOR_SILENT)) continue;
    best = head;
    least = underWay;
    if (least === 0) break;
  }
  return best;
}

/** Epoch ms at which the next of those that rest falls due; null = none does. */
export function nextDueAt({ heads, flights, nowMs }: Outlook): number | null {
  return heads.find((head) => head.nextAt > nowMs && !flights.has(head.id))?.nextAt ?? null;
}
