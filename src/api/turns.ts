/** Turns: what each answered, how it ended, how long it took and what it used. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { object, optional, string } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { findTurn, lastWithResult, listTurns } from "../store/turns.ts";
import { eventCursor } from "./cursor.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import * as schemas from "./schemas.ts";
import { turnRecordView } from "./views.ts";

export function turnRoutes(deps: ApiDeps) {
  const { store } = deps;
  return [
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents/:id/result",
      summary: "The result of a turn, or the newest one there is: what fits the schema that was asked for",
      query: object({ turn: optional(string({ min: 1, max: 64 })) }),
      handler({ params, query }) {
        const { id } = actorAt(deps, params);
        const turn = query.turn === undefined ? lastWithResult(store, id) : findTurn(store, id, query.turn);
        if (turn === null || !("result" in turn))
          throw new HarnessError("RESULT_NOT_FOUND", "no turn has given a result that fits its schema");
        return json({ turnId: turn.id, result: turn.result });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents/:id/turns",
      summary: "Turns, oldest first: the newest page, or a page before a turn's `n`; `more` = there are older ones",
      query: object({ before: optional(schemas.idText), limit: optional(schemas.count(1000)) }),
      handler({ params, query }) {
        const actor = actorAt(deps, params);
        const { turns, more } = listTurns(store, actor.id, { ...query, limit: query.limit ?? 100 });
        return json({ turns: turns.map(turnRecordView), more }, { headers: eventCursor(store) });
      },
    }),
  ];
}
