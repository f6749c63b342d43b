/**
 * Another box as the source of a page: its events as the fleet has them, its lists through the box that answers; and
 * when it is not heard of, what the fleet knew of it last. Never fills in over what the page has heard from it itself.
 */
import type { Client } from "./client.ts";
import { ApiError } from "./client.ts";
import type { Source } from "./connection.ts";
import { LIST_TYPES } from "./events.ts";
import { readWaiting } from "./fleet-shapes.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { fields, number, textOrNull } from "./read.ts";
import { readAgent, readAll } from "./shapes.ts";
import type { Store } from "./store.ts";
import { keyOf } from "./place.ts";

const PAGE = 1000;

export function createSource(watch: FleetWatch, store: Store, home: Client, node: string): Source {
  const found = () => watch.nodes.find(({ name }) => name === node);
  const isLive = (): boolean => watch.problem === null && found()?.reach === "live";

  const remember = async (): Promise<void> => {
    const named = encodeURIComponent(node);
    const agents = [];
    for (let after = ""; ;) {
      const { body } = await home.get(`/fleet/agents?node=${named}&limit=${PAGE}${after}`);
      agents.push(...readAll(body["agents"], (each) => readAgent(fields(each)["agent"])));
      const next = textOrNull(body["next"]);
      if (next === null) break;
      after = `&after=${encodeURIComponent(next)}`;
    }
    const { body } = await home.get(`/fleet/permissions?node=${named}&limit=${PAGE}`);
    for (const agent of agents) store.agents.set(agent.id, agent);
    for (const each of readAll(body["permissions"], readWaiting)) {
      const own = { ...each, node: null };
      store.permissions.set(keyOf(own), own);
    }
    store.loaded = true;
  };

  return {
    client: home,
    async remembered() {
      await watch.look();
      if (watch.problem !== null) throw watch.problem;
      const box = found();
      if (box === undefined) throw new ApiError(404, "NODE_NOT_FOUND", `the fleet has no box "${node}" (any more)`);
      if (box.reach === "live" && box.acceptCalls) return null;
      if (!store.loaded) await remember();
      for (const [key, each] of store.permissions)
        if (each.node === null && !each.unreachable) store.permissions.set(key, { ...each, unreachable: true });
      store.mark("agents");
      store.mark("permissions");
      if (box.reach !== "live") return box.seenAt;
      throw new ApiError(400, "NOT_RELAYED", `${node} takes no calls of other boxes: this is what the fleet was told`);
    },
    // Of one agent all types are wanted; those of the others that come along mean nothing to the lists.
    path: (followed) =>
      `/fleet/events?node=${encodeURIComponent(node)}${followed === null ? `&types=${LIST_TYPES.join(",")}` : ""}`,
    idOf: ({ data }) => number(data["id"]),
    onTurn(listener) {
      let was = isLive();
      watch.on(() => {
        if (isLive() === was) return;
        was = isLive();
        listener();
      });
    },
  };
}
