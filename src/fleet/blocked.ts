/** Why nobody takes a queued task: pure, from the nodes there are. */
import type { FleetNode } from "./registry.ts";

/** `again`: that node tries it once more, after a while. */
export interface Refusal {
  readonly why: string;
  readonly again: boolean;
}

export interface Wanted {
  readonly project: string;
  readonly provider: string | null;
  readonly node: string | null;
  /** Whoever lacks the project can fetch it. */
  readonly repo: object | null;
  readonly labels: Readonly<Record<string, string>>;
  /** The key that its secrets are sealed with. */
  readonly sealedWith: string | null;
  /** By the number of the node. */
  readonly refused: Readonly<Record<string, Refusal>>;
}

const has = (list: unknown, wanted: string): boolean => Array.isArray(list) && list.includes(wanted);

/** null: some node will take it. The reason names what would have to be mended. */
export function blockedBy(task: Wanted, nodes: readonly FleetNode[]): string | null {
  let left = nodes.filter(({ reach }) => reach === "live");
  if (left.length === 0) return "no node is live";
  const held = heldBy(nodes);
  if (held !== null) return held;
  const narrow = (keep: (node: FleetNode) => boolean): boolean => {
    left = left.filter(keep);
    return left.length > 0;
  };
  const { node, provider, project, repo, labels, sealedWith, refused } = task;
  if (node !== null && !narrow(({ name }) => name === node)) return `node "${node}" is not live`;
  for (const [label, value] of Object.entries(labels))
    if (
      !narrow(
        (each) =>
          typeof each.labels === "object" &&
          Object.entries(each.labels ?? {}).some(([n, v]) => n === label && v === value),
      )
    )
      return `no node that is live has the label ${label}=${value}`;
  if (repo === null && !narrow(({ projects }) => has(projects, project)))
    return `no node that fits has a project "${project}"`;
  if (provider !== null && !narrow(({ providers }) => has(providers, provider)))
    return `no node that fits has the provider "${provider}"`;
  if (sealedWith !== null && !narrow(({ keys }) => has(keys, sealedWith)))
    return `no node that fits has the key ${sealedWith} that its secrets are sealed with (fleet.key)`;
  const before = left;
  if (!narrow(({ no }) => !Object.hasOwn(refused, String(no)))) {
    const given = before.flatMap(({ name, no }) => {
      const refusal = refused[String(no)];
      return refusal === undefined ? [] : [{ name, ...refusal }];
    });
    const soon = given.find(({ again }) => again);
    if (soon !== undefined)
      return `every node that fits gave it back: ${soon.why} (node "${soon.name}" tries again soon)`;
    return `every node that fits gave it back: ${given[0]?.why ?? "?"}`;
  }
  if (!narrow(({ draining }) => !draining)) return "every node that fits is draining";
  if (!narrow(({ capacity }) => capacity > 0)) return "every node that fits has a capacity of 0";
  return narrow(({ busy, capacity }) => busy < capacity) ? null : "every node that fits is full";
}

/** Nothing is handed out while a node may have run what the database does not know (`incarnation.ts`). */
function heldBy(nodes: readonly FleetNode[]): string | null {
  const restored = nodes.some((node) => node.restored);
  const awaited = nodes.filter(({ vouched, reach }) => !vouched && (restored || reach !== "lost"));
  const names = awaited.map(({ name }) => `"${name}"`).join(", ");
  if (names === "")
    return nodes.some(({ settling }) => settling)
      ? "the database was brought back from a backup: nodes that it does not know are waited for a moment"
      : null;
  if (!restored) return `the database was started anew: node ${names} has not been heard of since`;
  return `the database was brought back from a backup: node ${names} has to say what it ran since (agent-harness nodes rm goes on without one that is lost)`;
}
