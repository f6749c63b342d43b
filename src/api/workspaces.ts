/** Agents' work: what changed, what was kept, bringing it back, merging it; and the folders that hold it. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { object, optional } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { isBusy } from "../words/agent.ts";
import type { AgentParams, ApiDeps } from "./deps.ts";
import { actorAt, assertReady } from "./deps.ts";
import { answerLeaving } from "./idempotent.ts";
import * as schemas from "./schemas.ts";

const ONE = "/api/v1/projects/:name/agents/:id";

export function workspaceRoutes(deps: ApiDeps) {
  /** The work itself is loaded when somebody asks. */
  const work = () => import("./workspace-views.ts");

  return [
    route({
      method: "GET",
      path: `${ONE}/changes`,
      summary: "The files that an agent changed, with figures; ?turn= of one turn, ?from=&to= between two snapshots",
      query: object(schemas.workRange),
      async handler({ params, query }) {
        const { id } = actorAt(deps, params);
        return json(await (await work()).changesView(deps, id, query));
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/diff`,
      summary: "The same with the lines, file by file, each cut where it is long; ?path= of one file",
      query: object({ ...schemas.workRange, path: optional(schemas.workPath) }),
      async handler({ params, query }) {
        const { id } = actorAt(deps, params);
        return json(await (await work()).diffView(deps, id, query));
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/patch`,
      summary: "All of it as a patch for git apply, whatever its size",
      query: object(schemas.workRange),
      async handler({ params, query }) {
        const { id } = actorAt(deps, params);
        const patch = await (await deps.rooms()).patch(id, query);
        return new Response(new Uint8Array(patch), {
          headers: { "Content-Type": "text/x-diff", "Cache-Control": "no-store" },
        });
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/snapshots`,
      summary: "What was kept of the agent's folder: before its first turn, and at each turn's end",
      async handler({ params }) {
        const { id } = actorAt(deps, params);
        return json((await work()).snapshotsView(deps, id));
      },
    }),
    route({
      method: "POST",
      path: `${ONE}/snapshots/:snapshot/restore`,
      summary: "Bring the agent's folder back to what was kept; what lies there now is kept first",
      body: schemas.restore,
      handler({ params, body, req, bodyBytes }) {
        const { id } = actorAt(deps, params);
        return answerLeaving(deps, { scope: `restore ${id} ${params.snapshot}`, req, bodyBytes }, async (leave) => {
          resting(deps, params);
          leave();
          return { status: 200, body: await (await work()).restoreView(deps, id, params.snapshot, body), agent: id };
        });
      },
    }),
    route({
      method: "POST",
      path: `${ONE}/merge`,
      summary: "Merge the agent's work into a branch that nobody has checked out; conflicts are answered as data",
      body: schemas.merge,
      handler({ params, body, req, bodyBytes }) {
        const { id } = actorAt(deps, params);
        return answerLeaving(deps, { scope: `merge ${id}`, req, bodyBytes }, async (leave) => {
          resting(deps, params);
          leave();
          return { status: 200, body: await (await work()).mergeView(deps, id, body), agent: id };
        });
      },
    }),
    route({
      method: "GET",
      path: "/api/v1/workspaces",
      summary: "Every folder of an agent, those of agents that are gone among them, with what they take of the disk",
      async handler() {
        assertReady(deps);
        return json(await (await work()).workspacesView(deps));
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/workspaces/:workspace/recover",
      summary: "Bring back the folder of an agent that is gone, at its old place",
      handler({ params: { workspace }, req, bodyBytes }) {
        assertReady(deps);
        return answerLeaving(deps, { scope: `recover ${workspace}`, req, bodyBytes }, async (leave) => {
          leave();
          return { status: 200, body: await (await work()).recoverView(deps, workspace) };
        });
      },
    }),
  ];
}

/** Nothing is changed under an agent's hands. */
function resting(deps: ApiDeps, params: AgentParams): void {
  if (!isBusy(actorAt(deps, params).state().status)) return;
  throw new HarnessError("AGENT_BUSY", "the agent works in its folder: wait until it is idle, or abort it first");
}
