/**
 * What an event changes in the lists. An event says less than the agent's own view: what it does not say is fetched
 * again, so each event also answers whether its agent is stale now.
 */
import { fields, number, text, textOrNull, time } from "./read.ts";
import { readActivity, readCause, readRetrying, readTurn } from "./shapes.ts";
import type { Agent } from "./shapes.ts";
import type { Store } from "./store.ts";
import type { StreamEvent } from "./stream.ts";
import { permissionKey } from "./place.ts";

/** What has to be fetched again. */
export interface Stale {
  agent?: string;
  permissions?: boolean;
  projects?: boolean;
  totals?: boolean;
}

/** `known`: the agent's view was read behind this event, and says more than it. */
export function applyEvent(store: Store, event: StreamEvent, known: boolean): Stale {
  const { type, data } = event;
  const id = textOrNull(data["agent"]);
  const agent = id === null ? undefined : store.agents.get(id);
  const inner = fields(data["data"]);
  const at = time(data["at"]) ?? store.now();
  const change = (part: Partial<Agent>): Stale => {
    if (id === null) return {};
    if (agent !== undefined && !known) {
      store.agents.set(id, { ...agent, ...part, updatedAt: at });
      store.mark("agents");
    }
    return { agent: id };
  };

  switch (type) {
    case "agent_status": {
      const cause = readCause(inner["cause"]);
      return change({ status: text(inner["to"]), cause: { ...cause, at: cause.at ?? at } });
    }
    case "turn_started": {
      const turn = readTurn({ startedAt: data["at"], ...fields(inner["turn"]) });
      return change({ ...(turn === null ? {} : { turn }), activity: null, retrying: null });
    }
    case "turn_ended": {
      const turn = readTurn(inner["turn"]);
      return { ...change({ ...(turn === null ? {} : { turn }), retrying: null }), totals: true };
    }
    case "retrying":
      return change({ retrying: readRetrying(inner) });
    case "background":
      return change({ backgroundTasks: number(inner["tasks"]) });
    case "activity": {
      // No news, only what is going on: it is not stored, and has no envelope.
      const activity = readActivity(data["activity"]);
      if (agent !== undefined && activity !== null) {
        store.agents.set(agent.id, { ...agent, activity });
        store.mark("agents");
      }
      return {};
    }
    case "permission_requested":
      return { ...change({ pendingPermissions: (agent?.pendingPermissions ?? 0) + 1 }), permissions: true };
    case "permission_settled": {
      settle(store, id ?? "", fields(inner["permission"]), at);
      return change({ pendingPermissions: Math.max(0, (agent?.pendingPermissions ?? 1) - 1) });
    }
    case "agent_deleted":
      if (id !== null && store.agents.delete(id)) store.mark("agents");
      for (const [key, permission] of store.permissions) if (permission.agent === id) store.permissions.delete(key);
      store.mark("permissions");
      return {};
    case "project_created":
    case "project_updated":
    case "project_deleted":
      return { projects: true };
    case "delivery":
      return { totals: true };
    case "agent_created":
    case "agent_updated":
    case "agent_stalled":
    case "agent_resumed_output":
    case "turn_timeout":
    case "input":
      return id === null ? {} : { agent: id };
    default:
      return {};
  }
}

/** The card that shows it decides how long it stays; nobody else counts it any more. */
function settle(store: Store, agent: string, settled: ReturnType<typeof fields>, at: number): void {
  const key = permissionKey(agent, text(settled["id"]));
  const permission = store.permissions.get(key);
  if (permission === undefined) return;
  store.permissions.set(key, {
    ...permission,
    state: text(settled["state"]),
    settledBy: textOrNull(settled["by"]),
    settledAt: at,
  });
  store.mark("permissions");
}

/** The types that the lists need of all agents; everything of one agent comes with `whole`. */
export const LIST_TYPES = [
  "project_created",
  "project_updated",
  "project_deleted",
  "agent_created",
  "agent_updated",
  "agent_deleted",
  "agent_status",
  "agent_stalled",
  "agent_resumed_output",
  "turn_started",
  "turn_ended",
  "turn_timeout",
  "permission_requested",
  "permission_settled",
  "retrying",
  "background",
  "note",
  "delivery",
  "activity",
] as const;
