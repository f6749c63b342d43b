/**
 * `/api/v1/nodes/:node/…`: every route of this API, of another box. Made from the table, so that none is forgotten:
 * what must not be relayed says so in its own row.
 */
import { json } from "../http/answer.ts";
import type { Route } from "../http/router.ts";
import { MAX_BODY_BYTES, route } from "../http/router.ts";
import { HarnessError } from "../lib/errors.ts";
import { AGENT_ID } from "../words/names.ts";
import type { Ask } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import type { FleetDeps } from "./deps.ts";
import { asking } from "./deps.ts";
import type { FleetNode } from "./registry.ts";
import { getNode } from "./registry.ts";
import { staleAnswer } from "./stale.ts";
import { textOf } from "./values.ts";

const BASE = "/api/v1/";
const PATIENCE_MS = 30_000;
const LONGEST_WAIT_SECONDS = 300;
const USUAL_WAIT_SECONDS = 30;
const ASKED_HEADERS = ["accept", "content-type", "idempotency-key"];

/** `own`: the routes of this box, which are those of every box. */
export function relayRoutes(deps: FleetDeps, own: readonly Route[]): readonly Route[] {
  return own
    .filter(({ path }) => path.startsWith(BASE))
    .map(({ method, path, summary, query, relay, success }): Route => {
      const relayed = route({
        method,
        path: `${BASE}nodes/:node/${path.slice(BASE.length)}` as `${string}:node${string}`,
        summary: `${summary} (of another box)`,
        relay: false,
        body: "raw",
        bodyBytes: MAX_BODY_BYTES,
        async handler({ params, req, url, bodyBytes, keepOpen, signal }) {
          if (relay === false || (success?.type === "text/event-stream" && !wantsPages(req))) throw notRelayed(path);
          const inner = url.pathname.slice(`${BASE}nodes/`.length);
          const rest = inner.slice(inner.indexOf("/") + 1);
          keepOpen();
          return await relayedTo(deps, decodeURIComponent(params["node"] ?? ""), {
            ...{ method, req, bodyBytes, signal },
            path: `${BASE}${rest}`,
            search: url.searchParams,
            isWait: path.endsWith("/wait"),
          });
        },
      });
      // The other box checks the query as it checks everything; that we know it too gives the answer sooner.
      return query === undefined ? relayed : { ...relayed, query };
    });
}

/** The event log is a stream that nobody can hand on, or a page like any other. */
function wantsPages(req: Request): boolean {
  const accept = req.headers.get("accept") ?? "";
  return accept.includes("application/json") && !accept.includes("text/event-stream");
}

function notRelayed(path: string): HarnessError {
  const way = path.endsWith("/events")
    ? "GET /api/v1/fleet/events?node=NAME has the events of another box, Accept: application/json pages of them"
    : path.endsWith("/attach")
      ? "a screen is attached on the box itself"
      : "ask that box at its own address";
  return new HarnessError("NOT_RELAYED", `${path} is not handed on to another box: ${way}`);
}

interface Relayed {
  readonly method: string;
  readonly req: Request;
  readonly bodyBytes: Uint8Array;
  readonly signal: AbortSignal;
  readonly path: string;
  readonly search: URLSearchParams;
  readonly isWait: boolean;
}

async function relayedTo(deps: FleetDeps, name: string, relayed: Relayed): Promise<Response> {
  const { method, req, bodyBytes, signal, search, isWait } = relayed;
  const node = await asking(deps, (ask) => getNode(ask, name));
  const changes = method !== "GET";
  const stale = changes ? null : (path: string) => staleAnswer(deps.database.ask, node, path, search);
  if (node.reach === "lost")
    return (await asking(deps, () => stale?.(relayed.path) ?? Promise.resolve(null))) ?? gone(node);
  if (!node.acceptCalls)
    throw new HarnessError("NOT_RELAYED", `node "${name}" takes no calls of other boxes (fleet.acceptCalls)`);
  const path = await asking(deps, (ask) => byId(ask, node, relayed.path));
  const waitMs = isWait ? cutWait(search) * 1000 : 0;
  const query = search.size === 0 ? "" : `?${search}`;
  const asked = await deps.asker.ask({
    node,
    shown: path,
    request: {
      method,
      path: `${path}${query}`,
      headers: Object.fromEntries(
        ASKED_HEADERS.flatMap((key) => (req.headers.has(key) ? [[key, req.headers.get(key) ?? ""]] : [])),
      ),
      body: Buffer.from(bodyBytes).toString("base64"),
    },
    ttlMs: changes ? deps.config.relayTtlMs : PATIENCE_MS + waitMs,
    patienceMs: PATIENCE_MS + waitMs,
    signal,
  });
  if (asked.type === "waiting") return json({ call: asked.call, node: name, state: asked.state }, { status: 202 });
  const { status, headers, body } = asked.answer;
  return new Response(status === 204 ? null : new Uint8Array(body), {
    status,
    headers: { "Cache-Control": "no-store", ...headers },
  });
}

function gone(node: FleetNode): never {
  throw new HarnessError(
    "NODE_LOST",
    `node "${node.name}" was last heard of at ${node.seenAt}: what was known then is in GET /api/v1/fleet/agents?node=${node.name}`,
  );
}

/** Nobody holds a call for longer. */
function cutWait(search: URLSearchParams): number {
  const asked = Number(search.get("timeout") ?? USUAL_WAIT_SECONDS);
  if (!(asked > LONGEST_WAIT_SECONDS)) return Number.isFinite(asked) ? asked : USUAL_WAIT_SECONDS;
  search.set("timeout", String(LONGEST_WAIT_SECONDS));
  return LONGEST_WAIT_SECONDS;
}

/**
 * An agent that is named is meant as it is now: when the call is carried out, another one may have the name. Where the
 * mirror does not know it yet, the other box decides.
 */
async function byId(ask: Ask, node: FleetNode, path: string): Promise<string> {
  const [, project = "", name = "", rest = ""] = /^\/api\/v1\/projects\/([^/]+)\/agents\/([^/]+)(.*)$/.exec(path) ?? [];
  if (name === "" || AGENT_ID.test(name)) return path;
  const [row] = await ask(
    "SELECT id FROM ~agents WHERE node_no = $1 AND project = $2 AND name = $3 AND NOT deleted",
    node.no,
    decodeURIComponent(project),
    decodeURIComponent(name),
  ).catch((error: unknown) => {
    if (error instanceof DatabaseAway) throw error;
    return [];
  });
  return row === undefined ? path : `${BASE}projects/${project}/agents/${textOf(row, "id")}${rest}`;
}
