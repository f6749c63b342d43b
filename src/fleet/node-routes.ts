/** The fleet at a glance, and its nodes. */
import { json, noContent } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { newestEvent } from "../store/events.ts";
import { asking, memberOf } from "./deps.ts";
import type { FleetDeps } from "./deps.ts";
import { mirroredOf } from "./identity.ts";
import type { FleetNode } from "./registry.ts";
import { REACHES } from "./reach.ts";
import { listNodes, removeNode, setDraining } from "./registry.ts";
import { numberOf } from "./values.ts";

const ONE = "/api/v1/fleet/nodes/:node";

const WAITS = `
  SELECT (SELECT count(*) FROM ~permissions WHERE state = 'pending') AS permissions,
    (SELECT count(*) FROM ~tasks WHERE state = 'queued') AS queued,
    (SELECT count(*) FROM ~tasks WHERE state IN ('claimed', 'starting', 'started')) AS held`;

export function nodeRoutes(deps: FleetDeps) {
  const drain = (draining: boolean) => ({
    method: "POST" as const,
    path: `${ONE}/${draining ? ("drain" as const) : ("undrain" as const)}` as const,
    summary: draining
      ? "The node takes nothing more from the pool; what it has goes on"
      : "The node takes from the pool again",
    relay: false as const,
    handler: async ({ params }: { readonly params: { readonly node: string } }) =>
      json({ node: nodeView(await asking(deps, (ask) => setDraining(ask, params.node, draining))) }),
  });
  return [
    route({
      method: "GET",
      path: "/api/v1/fleet",
      summary:
        "The fleet at a glance: nodes by reach, what waits, how far this box's mirror lags; also while its database is away",
      relay: false,
      async handler() {
        const { api, database, membership, mirror, name, config } = deps;
        const member = membership.member();
        const why = membership.why;
        const there = member !== null && database.up;
        const [nodes, waits] = there
          ? await asking(deps, (ask) => Promise.all([listNodes(ask), ask(WAITS)])).catch(() => [null, null])
          : [null, null];
        const [waiting] = waits ?? [];
        return json({
          node: name,
          joined: member !== null,
          database: database.up ? "up" : "away",
          ...(why === null ? {} : { why: { error: why.code, message: why.message } }),
          schema: config.schema,
          nodes: nodes === null ? null : counted(nodes),
          permissions: waiting === undefined ? null : numberOf(waiting, "permissions"),
          tasks:
            waiting === undefined ? null : { queued: numberOf(waiting, "queued"), held: numberOf(waiting, "held") },
          // By this box's own store: it is known, and grows, while the database is away.
          lag: Math.max(0, newestEvent(api.store) - (mirror.mirrored ?? mirroredOf(api.store))),
          mirrorStopped: mirror.stopped,
        });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/fleet/nodes",
      summary: "The nodes by name, and which of them live",
      relay: false,
      handler: async () => json({ nodes: (await asking(deps, listNodes)).map(nodeView) }),
    }),
    route(drain(true)),
    route(drain(false)),
    route({
      method: "DELETE",
      path: ONE,
      summary: "Take a lost node out of the fleet, with what it mirrored; its name is free again",
      relay: false,
      success: { status: 204 },
      async handler({ params }) {
        memberOf(deps);
        await asking(deps, (ask) => removeNode(ask, params.node));
        return noContent();
      },
    }),
  ];
}

function counted(nodes: readonly FleetNode[]): Record<string, number> {
  return Object.fromEntries(REACHES.map((reach) => [reach, nodes.filter((each) => each.reach === reach).length]));
}

function nodeView(known: FleetNode): Record<string, unknown> {
  const { no: _no, session: _session, publicKey: _key, vouched: _v, restored: _r, settling: _s, ...node } = known;
  return node;
}
