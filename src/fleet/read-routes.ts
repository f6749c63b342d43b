/** What all boxes have, from the mirror: agents, and what they wait for. */
import { json } from "../http/answer.ts";
import { listText } from "../http/query.ts";
import { route } from "../http/router.ts";
import * as schemas from "../api/schemas.ts";
import { object, optional, string } from "../lib/check.ts";
import { invalidRequest } from "../lib/errors.ts";
import type { Rows } from "./database.ts";
import type { FleetDeps } from "./deps.ts";
import { asking } from "./deps.ts";
import { REACH } from "./reach.ts";
import { textArray } from "./registry.ts";
import { jsonOf, numberOf, textOf, timeOf } from "./values.ts";

const cursor = string({ pattern: /^[0-9]{1,18}-[0-9a-zA-Z_.-]{1,200}$/, what: "the `next` of the page before" });

const WHERE_IT_STANDS = `n.name AS node, ${REACH} AS reach`;
const BOXES = "JOIN ~nodes n USING (node_no) JOIN ~heartbeats h USING (node_no) CROSS JOIN ~meta m";

const AGENTS = `
  SELECT a.node_no, a.id, a.doc, a.at AS as_of, ${WHERE_IT_STANDS}
  FROM ~agents a ${BOXES}
  WHERE NOT a.deleted AND (a.node_no, a.id) > ($1::int, $2::text)
    AND ($3::text IS NULL OR n.name = $3) AND ($4::text IS NULL OR a.project = $4)
    AND ($5::text[] IS NULL OR a.status = ANY ($5::text[])) AND ($6::text IS NULL OR a.provider = $6)
  ORDER BY a.node_no, a.id LIMIT $7`;

const PERMISSIONS = `
  SELECT p.node_no, p.agent, p.id, p.doc, a.project, a.name, to_char(extract(epoch FROM p.created_at) * 1000000, 'FM999999999999999999') AS stamp,
    ${WHERE_IT_STANDS}
  FROM ~permissions p ${BOXES} JOIN ~agents a ON a.node_no = p.node_no AND a.id = p.agent AND NOT a.deleted
  WHERE p.state = 'pending' AND (p.created_at, p.node_no, p.agent, p.id) >
    (to_timestamp($1::bigint / 1000000.0), $2::int, $3::text, $4::text) AND ($5::text IS NULL OR n.name = $5)
  ORDER BY p.created_at, p.node_no, p.agent, p.id LIMIT $6`;

export function readRoutes(deps: FleetDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/fleet/agents",
      summary: "The agents of all nodes as they were mirrored last, with the node and how far away it is, in pages",
      relay: false,
      query: object({
        node: optional(schemas.projectName),
        project: optional(schemas.projectName),
        status: optional(listText(schemas.status)),
        provider: optional(schemas.projectName),
        limit: optional(schemas.count(1000)),
        after: optional(cursor),
      }),
      async handler({ query: { limit = 200, after, node, project, status, provider } }) {
        const [no = 0, id = ""] = after === undefined ? [] : parts(after, 2);
        const rows = await asking(deps, (ask) =>
          ask(
            AGENTS,
            ...[Number(no), id, node ?? null, project ?? null],
            ...[status === undefined ? null : textArray(status), provider ?? null, limit + 1],
          ),
        );
        const { page, last } = paged(rows, limit);
        return json({
          agents: page.map((row) => ({ ...standing(row), asOf: timeOf(row, "as_of"), agent: jsonOf(row, "doc") })),
          next: last === undefined ? null : `${numberOf(last, "node_no")}-${textOf(last, "id")}`,
        });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/fleet/permissions",
      summary: "What the agents of all nodes wait for, oldest first, in pages",
      relay: false,
      query: object({
        node: optional(schemas.projectName),
        limit: optional(schemas.count(1000)),
        after: optional(cursor),
      }),
      async handler({ query: { limit = 200, after, node } }) {
        const [stamp = "0", no = "0", agent = "", id = ""] = after === undefined ? [] : parts(after, 4);
        const rows = await asking(deps, (ask) =>
          ask(PERMISSIONS, stamp, Number(no), agent, id, node ?? null, limit + 1),
        );
        const { page, last } = paged(rows, limit);
        return json({
          permissions: page.map((row) => ({
            ...standing(row),
            project: textOf(row, "project"),
            agent: textOf(row, "agent"),
            name: row["name"],
            permission: jsonOf(row, "doc"),
          })),
          next:
            last === undefined
              ? null
              : [textOf(last, "stamp"), numberOf(last, "node_no"), textOf(last, "agent"), textOf(last, "id")].join("-"),
        });
      },
    }),
  ];
}

const standing = (row: Rows[number]) => ({ node: textOf(row, "node"), reach: textOf(row, "reach") });

function paged(rows: Rows, limit: number): { readonly page: Rows[number][]; readonly last: Rows[number] | undefined } {
  const page = rows.slice(0, limit);
  return { page, last: rows.length > limit ? page.at(-1) : undefined };
}

/** The last part is whatever is left: an id may hold dashes. */
function parts(text: string, count: number): readonly string[] {
  const found = text.split("-");
  if (found.length < count)
    throw invalidRequest([{ path: "after", message: `got ${JSON.stringify(text)}, expected the \`next\` of a page` }]);
  return [...found.slice(0, count - 1), found.slice(count - 1).join("-")];
}
