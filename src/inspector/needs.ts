/** How many things need a person now: open requests, and agents that failed unseen. Pure over the store. */
import type { Seen } from "./seen.ts";
import type { Store } from "./store.ts";

export function countNeeds(store: Store, seen: Seen): number {
  let n = 0;
  for (const { state } of store.permissions.values()) if (state === "pending") n += 1;
  for (const agent of store.agents.values())
    if ((agent.status === "error" || agent.status === "exited") && seen.isUnseen(agent)) n += 1;
  return n;
}
