/** What the fleet's answers look like, and the readers that make them out of JSON. Pure. */
import { fields, isTrue, number, numberOrNull, strings, text, textOrNull, time } from "./read.ts";
import type { Permission } from "./shapes.ts";
import { readPermission } from "./shapes.ts";

export interface FleetNode {
  readonly name: string;
  /** `live`, `late`, `lost`; by the database's clock. */
  readonly reach: string;
  readonly seenAt: number;
  readonly draining: boolean;
  readonly acceptCalls: boolean;
  readonly busy: number;
  readonly capacity: number;
  /** Events that its mirror is behind; null = it mirrors none yet. */
  readonly lag: number | null;
  readonly version: string;
  readonly providers: readonly string[];
  readonly labels: readonly string[];
}

export interface Task {
  readonly id: string;
  readonly seq: number;
  readonly state: string;
  readonly project: string;
  readonly provider: string | null;
  readonly holder: string | null;
  /** The node that has it is not heard of. */
  readonly lost: boolean;
  readonly cancel: boolean;
  readonly blockedBy: string;
  readonly agent: string | null;
  readonly error: string;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

export function readNode(value: unknown): FleetNode | null {
  const node = fields(value);
  if (typeof node["name"] !== "string") return null;
  return {
    name: node["name"],
    reach: text(node["reach"]),
    seenAt: time(node["seenAt"]) ?? 0,
    draining: isTrue(node["draining"]),
    acceptCalls: isTrue(node["acceptCalls"]),
    busy: number(node["busy"]),
    capacity: number(node["capacity"]),
    lag: numberOrNull(node["lag"]),
    version: text(node["version"]),
    providers: strings(node["providers"]),
    labels: Object.entries(fields(node["labels"])).map(([key, label]) => `${key}=${text(label)}`),
  };
}

export function readTask(value: unknown): Task | null {
  const task = fields(value);
  if (typeof task["id"] !== "string") return null;
  return {
    id: task["id"],
    seq: number(task["seq"]),
    state: text(task["state"]),
    project: text(task["project"]),
    provider: textOrNull(task["provider"]),
    holder: textOrNull(task["holder"]),
    lost: task["reach"] === "lost",
    cancel: isTrue(task["cancel"]),
    blockedBy: text(task["blockedBy"]),
    agent: textOrNull(task["agent"]),
    error: text(task["error"]),
    createdAt: time(task["createdAt"]) ?? 0,
    startedAt: time(task["startedAt"]),
    endedAt: time(task["endedAt"]),
  };
}

/** One that an agent of any box waits for. */
export function readWaiting(value: unknown): (Permission & { readonly node: string }) | null {
  const { node, reach, project, agent, name, permission } = fields(value);
  if (typeof node !== "string") return null;
  const read = readPermission(permission, {
    project: text(project),
    agent: text(agent),
    name: textOrNull(name),
    node,
    unreachable: reach !== "live",
  });
  return read === null ? null : { ...read, node };
}
