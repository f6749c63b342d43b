/**
 * `X-Event-Cursor` on lists: the newest event that the list already knows of. A stream `since` it goes on without a gap
 * and without a repeat, because lists are read on the thread that commits.
 */
import type { Store } from "../store/database.ts";
import { newestEvent } from "../store/events.ts";

export function eventCursor(store: Store): { readonly "X-Event-Cursor": string } {
  return { "X-Event-Cursor": String(newestEvent(store)) };
}
