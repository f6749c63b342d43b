/** Accounts: who pays for agents, what is used up there, and a person's word that it may be tried again. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt, assertReady } from "./deps.ts";
import { answerLeaving } from "./idempotent.ts";
import { agentView } from "./views.ts";

export function accountRoutes(deps: ApiDeps) {
  return [
    route({
      method: "GET",
      path: "/api/v1/accounts",
      summary: "Accounts of the agents: what is used of their allowances, and what waits for one",
      async handler() {
        assertReady(deps);
        return json({ accounts: (await import("./accounts-view.ts")).accountsView(deps) });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/accounts/:account/retry",
      summary: "It was paid, logged in to, or is to be tried now: one agent tries, the others follow its answer",
      handler({ params, req, bodyBytes }) {
        assertReady(deps);
        return answerLeaving(deps, { scope: `retry ${params.account}`, req, bodyBytes }, async (leave) => {
          const keeper = await deps.keeper();
          keeper.assertKnown(params.account);
          leave();
          return { status: 200, body: { agents: keeper.retry(params.account) } };
        });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/projects/:name/agents/:id/limit/skip",
      summary: "Let an agent that waits for its account try at once",
      handler({ params, req, bodyBytes }) {
        const actor = actorAt(deps, params);
        return answerLeaving(deps, { scope: `skip ${actor.id}`, req, bodyBytes }, async (leave) => {
          const keeper = await deps.keeper();
          keeper.assertWaits(actor);
          leave();
          keeper.skip(actor);
          return { status: 200, body: { agent: agentView(actor.agent()) }, agent: actor.id };
        });
      },
    }),
  ];
}
