/**
 * What was last known of a box that is lost: the answers of its own routes, from the mirror, marked with their age.
 * What only the box itself knows is not guessed.
 */
import { json } from "../http/answer.ts";
import { AGENT_ID } from "../words/names.ts";
import type { Ask } from "./database.ts";
import type { FleetNode } from "./registry.ts";
import { jsonOf, numberOf, textOf } from "./values.ts";

const ONE_AGENT = /^\/api\/v1\/projects\/([^/]+)\/agents\/([^/]+)(\/messages|\/messages\/last|\/permissions)?$/;
const AGENTS = /^\/api\/v1(?:\/projects\/([^/]+))?\/agents$/;
const PAGE = 200;

/** null: the mirror does not know it. */
export async function staleAnswer(
  ask: Ask,
  node: FleetNode,
  path: string,
  search: URLSearchParams,
): Promise<Response | null> {
  const marks = { asOf: node.seenAt, stale: true };
  const list = AGENTS.exec(path);
  if (list !== null) {
    const project = list[1] === undefined ? null : decodeURIComponent(list[1]);
    const rows = await ask(
      `SELECT id, doc FROM ~agents WHERE node_no = $1 AND NOT deleted AND ($2::text IS NULL OR project = $2) AND id > $3
       ORDER BY id LIMIT ${PAGE + 1}`,
      node.no,
      project,
      search.get("after") ?? "",
    );
    const page = rows.slice(0, PAGE);
    const last = rows.length > PAGE ? page.at(-1) : undefined;
    const agents = page.map((row) => jsonOf(row, "doc"));
    return json({ agents, next: last === undefined ? null : textOf(last, "id"), ...marks });
  }
  const [, project = "", name = "", what = ""] = ONE_AGENT.exec(path) ?? [];
  if (name === "") return null;
  const [agent] = await ask(
    `SELECT id, doc FROM ~agents WHERE node_no = $1 AND project = $2 AND NOT deleted AND ${AGENT_ID.test(name) ? "id" : "name"} = $3`,
    node.no,
    decodeURIComponent(project),
    decodeURIComponent(name),
  );
  if (agent === undefined) return null;
  const id = textOf(agent, "id");
  switch (what) {
    case "":
      return json({ agent: jsonOf(agent, "doc"), ...marks });
    case "/permissions": {
      const rows = await ask(
        "SELECT doc FROM ~permissions WHERE node_no = $1 AND agent = $2 ORDER BY created_at",
        node.no,
        id,
      );
      return json({ permissions: rows.map((row) => jsonOf(row, "doc")), ...marks });
    }
    case "/messages/last": {
      const rows = await ask(
        `SELECT doc FROM ~messages WHERE node_no = $1 AND agent = $2 AND doc LIKE '%"role":"assistant"%' ORDER BY id DESC LIMIT 1`,
        node.no,
        id,
      );
      return json({ message: rows[0] === undefined ? null : jsonOf(rows[0], "doc"), ...marks });
    }
    default: {
      const after = Number(search.get("after") ?? 0);
      const before = Number(search.get("before") ?? Number.MAX_SAFE_INTEGER);
      const forward = search.has("after");
      const rows = await ask(
        `SELECT id, doc FROM ~messages WHERE node_no = $1 AND agent = $2 AND id > $3::bigint AND id < $4::bigint
         ORDER BY id ${forward ? "" : "DESC"} LIMIT ${PAGE + 1}`,
        node.no,
        id,
        Number.isSafeInteger(after) ? after : 0,
        Number.isSafeInteger(before) ? before : Number.MAX_SAFE_INTEGER,
      );
      const page = rows.slice(0, PAGE).sort((a, b) => numberOf(a, "id") - numberOf(b, "id"));
      return json({ messages: page.map((row) => jsonOf(row, "doc")), more: rows.length > PAGE, ...marks });
    }
  }
}
