/** `?since=`: an event's id, a duration ago, or a time, as a moment of the wall clock. */
import { parseSince } from "../lib/since.ts";
import type { Store } from "../store/database.ts";
import { eventTime } from "../store/events.ts";

/** An event that is no longer kept, or not there yet: as far back as there are any, or now. */
export function sinceMs(store: Store, text: string, nowMs: number): number {
  const since = parseSince(text, nowMs);
  if (since === undefined) return nowMs; // the route's schema lets none of these in
  return "event" in since ? (eventTime(store, since.event) ?? nowMs) : since.atMs;
}
