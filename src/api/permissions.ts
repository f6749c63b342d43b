/** The permission inbox: what agents wait for, and the answers. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { object, oneOf, optional } from "../lib/check.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import type { Permission, PermissionCursor } from "../store/permissions.ts";
import { getPermission, listPermissions, permissionsOfAll } from "../store/permissions.ts";
import type { Verdict } from "../words/said.ts";
import { PERMISSION_STATES } from "../words/said.ts";
import { eventCursor } from "./cursor.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt, assertReady } from "./deps.ts";
import type { Answer } from "./idempotent.ts";
import { answerOnce } from "./idempotent.ts";
import * as schemas from "./schemas.ts";
import { permissionHash, permissionView } from "./views.ts";

const ONE = "/api/v1/projects/:name/agents/:id";
const state = optional(oneOf(...PERMISSION_STATES));

export function permissionRoutes(deps: ApiDeps) {
  const { store } = deps;
  return [
    route({
      method: "GET",
      path: "/api/v1/permissions",
      summary: "What all agents asked, oldest first, in pages; ?state=pending = what waits for a person",
      query: object({
        state,
        limit: optional(schemas.count(1000)),
        after: optional(schemas.permissionCursor),
      }),
      handler({ query: { limit = 200, after, ...query } }) {
        assertReady(deps);
        const found = permissionsOfAll(store, {
          ...query,
          ...(after === undefined ? {} : { after: readCursor(after) }),
          limit: limit + 1,
        });
        const page = found.slice(0, limit);
        const last = found.length > limit ? page.at(-1) : undefined;
        return json(
          {
            permissions: page.map((each) => ({
              project: each.project,
              agent: each.agent,
              name: each.name,
              ...permissionView(each),
            })),
            next: last === undefined ? null : `${last.createdAt}-${last.agent}-${last.id}`,
          },
          { headers: eventCursor(store) },
        );
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/permissions`,
      summary: "What the agent asked, open and settled",
      query: object({ state }),
      handler({ params, query }) {
        const actor = actorAt(deps, params);
        return json(
          { permissions: listPermissions(store, actor.id, query.state).map(permissionView) },
          { headers: eventCursor(store) },
        );
      },
    }),
    route({
      method: "POST",
      path: `${ONE}/permissions/:pid`,
      summary:
        "Answer one; the same answer again is fine, another one is 409, as is one for another request than `expect`",
      body: schemas.decision,
      bodyBytes: schemas.TEXTS_BYTES,
      handler({ params, body: { expect, ...body }, req, bodyBytes }) {
        const actor = actorAt(deps, params);
        const permission = getPermission(store, actor.id, params.pid);
        if (permission === null) {
          throw new HarnessError(
            "PERMISSION_NOT_FOUND",
            `the agent has no permission "${params.pid}": GET …/permissions lists them`,
          );
        }
        if (expect !== undefined && expect !== permissionHash(permission)) {
          throw new HarnessError(
            "PERMISSION_CHANGED",
            `permission ${permission.id} is not the request that was shown: look at it again, then answer`,
          );
        }
        return answerOnce(deps, { scope: `answer ${actor.id} ${permission.id}`, req, bodyBytes }, (keep) => {
          const answer = (now: Permission): Answer => ({
            status: 200,
            body: { permission: permissionView(now) },
            agent: actor.id,
          });
          if (permission.state !== "pending") return answer(settled(permission, body));
          assertPossible(permission, body);
          return actor.step("api", (step) => {
            step.fact({ type: "decide", id: permission.id, ...body });
            const made = answer(getPermission(store, actor.id, permission.id) ?? permission);
            keep(made);
            return made;
          });
        });
      },
    }),
  ];
}

function readCursor(text: string): PermissionCursor {
  const [createdAt = "", agent = "", id = ""] = text.split("-");
  return { createdAt: Number(createdAt), agent, id };
}

/** The same answer again is fine. */
function settled(permission: Permission, given: Verdict): Permission {
  const stored = permission.answer;
  if (stored !== null && Bun.deepEquals(given, stored)) return permission;
  const how = permission.settledBy === null ? "" : ` (by ${permission.settledBy.replace("_", " ")})`;
  throw new HarnessError(
    "PERMISSION_SETTLED",
    `permission ${permission.id} is ${permission.state}${how} and cannot be answered again`,
  );
}

function assertPossible(permission: Permission, { decision, answers }: Verdict): void {
  if (!permission.options.includes(decision)) {
    throw invalidRequest([
      { path: "decision", message: `got "${decision}", this one offers ${permission.options.join(", ")}` },
    ]);
  }
  if (
    permission.kind === "question" &&
    decision !== "deny" &&
    (answers === undefined || Object.keys(answers).length === 0)
  ) {
    throw invalidRequest([
      { path: "answers", message: "missing, expected an object of question → answer, since this is a question" },
    ]);
  }
  if (permission.kind !== "question" && answers !== undefined) {
    throw invalidRequest([{ path: "answers", message: `only a question takes answers, this is a ${permission.kind}` }]);
  }
}
