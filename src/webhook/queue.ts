/**
 * Which delivery goes out next. Pure. One at a time for a destination and agent, so that order is kept; few at a time for a
 * destination, and those with the fewest under way first, so that receivers that hang cannot keep the others waiting.
 */
import type { DeliveryHead } from "../store/deliveries.ts";

export const MAX_IN_FLIGHT = 8;
export const MAX_PER_DESTINATION = 2;

export interface Flight {
  /** As of `destinationOf`. */
  readonly destination: string;
  readonly agent: string | null;
}

/** Receivers hang by machine and port, whatever the path. */
export function destinationOf(url: string): string {
  return new URL(url).origin;
}

/** `heads` in order of their due time; `flights` by delivery id. null = nothing may go out now. */
export function nextToSend(heads: readonly DeliveryHead[], flights: ReadonlyMap<string, Flight>, nowMs: number): DeliveryHead | null {
  if (flights.size >= MAX_IN_FLIGHT) return null;
  const load = new Map<string, number>();
  const busy = new Set<string>();
  for (const { destination, agent } of flights.values()) {
    load.set(destination, (load.get(destination) ?? 0) + 1);
    if (agent !== null) busy.add(`${destination} ${agent}`);
  }
  let best: DeliveryHead | null = null;
  let least = MAX_PER_DESTINATION;
  for (const head of heads) {
    if (head.nextAt > nowMs) break;
    const destination = destinationOf(head.url);
    const under = load.get(destination) ?? 0;
    if (under >= least || flights.has(head.id) || (head.agent !== null && busy.has(`${destination} ${head.agent}`))) continue;
    best = head;
    least = under;
    if (least === 0) break;
  }
  return best;
}

/** Epoch ms at which the next of those that rest falls due; null = none does. */
export function nextDueAt(heads: readonly DeliveryHead[], flights: ReadonlyMap<string, Flight>, nowMs: number): number | null {
  return heads.find((head) => head.nextAt > nowMs && !flights.has(head.id))?.nextAt ?? null;
}
