/** Whole sentences for who listens instead of looking: who waits, who is done. Nothing is said twice. */
import { h, setText } from "./dom.ts";
import { nameOf, wordOf } from "./looks.ts";
import type { Store } from "./store.ts";
import { isConnected } from "./store.ts";

export function createAnnouncer(store: Store): HTMLElement {
  const element = h("div", { class: "sr", role: "status", "aria-live": "polite" });
  const known = new Map<string, string>();
  let first = true;
  store.on(["agents", "permissions", "connection"], () => {
    if (!store.loaded || !isConnected(store)) return;
    const told: string[] = [];
    for (const agent of store.agents.values()) {
      const before = known.get(agent.id);
      known.set(agent.id, agent.status);
      if (first || before === undefined || before === agent.status) continue;
      const title = [...store.permissions.values()].find((each) => each.agent === agent.id)?.title;
      if (agent.status === "waiting_input")
        told.push(`${nameOf(agent)} waits for you${title === undefined ? "" : `: ${title}`}`);
      else if (agent.status === "idle") told.push(`${nameOf(agent)} is ${wordOf(agent, true).toLowerCase()}`);
      else if (agent.status === "error" || agent.status === "exited")
        told.push(`${nameOf(agent)} has ${agent.status === "error" ? "failed" : "exited"}`);
    }
    first = false;
    if (told.length > 0) setText(element, told.length > 3 ? `${told.length} agents changed` : `${told.join(". ")}.`);
  });
  return element;
}
