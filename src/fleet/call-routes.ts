/** A call that was not answered in time, and what became of it. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { HarnessError } from "../lib/errors.ts";
import { tryJson } from "../lib/json.ts";
import { findCallRow, readAnswer } from "./call.ts";
import type { FleetDeps } from "./deps.ts";
import { asking } from "./deps.ts";

export function callRoutes(deps: FleetDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/calls/:id",
      summary: "What became of something that another box was asked; its answer is kept for ten minutes",
      relay: false,
      handler: ({ params }) =>
        asking(deps, async (ask) => {
          const call = await findCallRow(ask, params.id);
          if (call === null)
            throw new HarnessError(
              "CALL_NOT_FOUND",
              `the fleet knows no call "${params.id}": was it asked for a day ago?`,
            );
          const answer = call.state === "done" ? await readAnswer(ask, call.id) : null;
          return json({
            call: {
              ...call,
              ...(answer === null ? {} : { answer: tryJson(Buffer.from(answer.body).toString()) ?? null }),
            },
          });
        }),
    }),
  ];
}
