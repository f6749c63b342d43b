/** A person takes a conversation over in the program's own screen, and gives it back. */
import { readlinkSync } from "node:fs";
import type { Actor } from "../agents/actor.ts";
import { ownHost } from "../agents/attach.ts";
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { integer, object, optional, string } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import type { Plan } from "./screen-plan.ts";
import { iso } from "./views.ts";
import { until } from "./until.ts";

const PATH = "/api/v1/projects/:name/agents/:id/attach";
const END_MS = 20_000;

const renewal = object({
  lease: optional(string({ min: 1, max: 64 })),
  screen: optional(
    object({
      bootId: string({ min: 1, max: 64 }),
      pid: integer({ min: 1, max: 4_194_304 }),
      startTicks: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    }),
  ),
});

export function attachRoutes(deps: ApiDeps) {
  const { attachments } = deps;
  return [
    route({
      method: "GET",
      path: PATH,
      relay: false,
      summary: "How the program's own screen would be started, and who has the conversation now",
      async handler({ params }) {
        const actor = actorAt(deps, params);
        const lease = attachments.lease(actor.id);
        const attached = lease === null ? null : { since: iso(lease.beganAt), screen: lease.screen };
        return json({ screen: await screenPlan(deps, actor), host: host(), attached });
      },
    }),
    route({
      method: "POST",
      path: PATH,
      relay: false,
      summary:
        "Take the conversation over: our process ends. With the lease: it is renewed (every 10 s, 30 s old = given back)",
      body: optional(renewal),
      async handler({ params, body, keepOpen, signal }) {
        const actor = actorAt(deps, params);
        if (body?.lease !== undefined) {
          attachments.renew(actor, body.lease, body.screen ?? null);
          return json({ lease: body.lease });
        }
        const plan = await screenPlan(deps, actor);
        if (!("argv" in plan)) throw new HarnessError("NO_SCREEN", plan.reason);
        keepOpen();
        const lease = attachments.begin(actor);
        const gone = await until(
          deps,
          actor,
          () => actor.live() === null && actor.state().intent === null,
          END_MS,
          signal,
        );
        if (!gone)
          throw new HarnessError(
            "STOP_UNCONFIRMED",
            "our process does not end: GET …/debug names it; try again in a moment",
          );
        attachments.begun(actor);
        return json({ lease: lease.id, screen: plan });
      },
    }),
    route({
      method: "DELETE",
      path: PATH,
      relay: false,
      summary: "Give the conversation back; what was said in the screen is brought in",
      query: object({ lease: string({ min: 1, max: 64 }) }),
      async handler({ params, query, keepOpen }) {
        const actor = actorAt(deps, params);
        keepOpen();
        return json({ messages: await attachments.end(actor, query.lease) });
      },
    }),
  ];
}

const host = () => ownHost(readlinkSync("/proc/self/ns/pid"));

/** How it would be started is worked out when somebody asks. */
const screenPlan = async (deps: ApiDeps, actor: Actor): Promise<Plan> =>
  (await import("./screen-plan.ts")).screenPlan(deps, actor);
