/** The pool: tasks that any box with room may take. */
import { json } from "../http/answer.ts";
import { integerText, listText } from "../http/query.ts";
import { MAX_BODY_BYTES, route } from "../http/router.ts";
import * as schemas from "../api/schemas.ts";
import { integer, object, oneOf, optional, record, string } from "../lib/check.ts";
import { sha256 } from "../lib/digest.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { NAME } from "../words/names.ts";
import { blockedBy } from "./blocked.ts";
import { repoSchema } from "./checkout.ts";
import type { Ask } from "./database.ts";
import type { FleetDeps } from "./deps.ts";
import { asking, memberOf } from "./deps.ts";
import { lockSecrets } from "./lockbox.ts";
import type { FleetNode } from "./registry.ts";
import { listNodes } from "./registry.ts";
import type { Task } from "./task.ts";
import { cancelTask, findTask, insertTask, listTasks, reassignTask } from "./task.ts";
import { TASK_STATES, isOver } from "./task-core.ts";
import { textOf } from "./values.ts";

const ALL = "/api/v1/fleet/tasks";
const ONE = "/api/v1/fleet/tasks/:id";
const A_MONTH_MS = 30 * 24 * 60 * 60 * 1000;

const newTask = object({
  ...schemas.newAgentShape,
  task: schemas.taskText,
  project: schemas.projectName,
  requires: optional(
    object({
      labels: optional(
        record(string({ max: 64 }), { maxKeys: 16, keyPattern: NAME, keyWhat: "a label of 1 to 64 letters or digits" }),
      ),
      provider: optional(schemas.projectName),
      node: optional(schemas.projectName),
    }),
  ),
  repo: optional(repoSchema),
  queueTtlMs: optional(integer({ min: 1000, max: A_MONTH_MS })),
});

export function taskRoutes(deps: FleetDeps) {
  const shown = (ask: Ask, task: Task): Promise<Record<string, unknown>> =>
    viewOf(task, task.state === "queued" ? () => listNodes(ask) : null);
  const found = async (ask: Ask, id: string): Promise<Task> => {
    const task = await findTask(ask, id);
    if (task !== null) return task;
    throw new HarnessError("TASK_NOT_FOUND", `the fleet has no task "${id}": GET ${ALL} lists them`);
  };
  return [
    route({
      method: "POST",
      path: ALL,
      summary:
        "Put a task into the pool: the body of a new agent and its project; any node that fits and has room takes it",
      relay: false,
      body: newTask,
      bodyBytes: MAX_BODY_BYTES,
      success: { status: 202 },
      async handler({ body: { project, requires = {}, repo, queueTtlMs, ...given }, req, bodyBytes }) {
        const { name: createdBy } = memberOf(deps);
        const key = keyOf(req);
        const agent = withProvider(given, requires.provider);
        const hash = sha256(bodyBytes).toString("hex");
        const id = `task_${deps.api.newUuid()}`;
        const { body: what, key: sealedWith } = await lockSecrets(deps.config.keys, id, agent);
        const task = {
          ...{ id, project, createdBy, body: what, sealedWith },
          provider: agent.provider ?? null,
          node: requires.node ?? null,
          labels: requires.labels ?? {},
          repo: repo ?? null,
          queueTtlMs: queueTtlMs ?? null,
        };
        return await asking(deps, async (ask) => {
          const earlier = await deps.database.transact(async (inside) => {
            await insertTask(inside, task);
            if (key === null) return null;
            const { count } = await inside(
              "INSERT INTO ~task_keys (key, hash, task) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING",
              ...[key, hash, task.id],
            );
            if (count === 1) return null;
            await inside("DELETE FROM ~tasks WHERE id = $1", task.id);
            const [row] = await inside("SELECT task, hash FROM ~task_keys WHERE key = $1", key);
            return row ?? null;
          });
          if (earlier !== null && textOf(earlier, "hash") !== hash)
            throw new HarnessError(
              "IDEMPOTENCY_MISMATCH",
              "this Idempotency-Key was used with another body: use a new key for a new request",
            );
          deps.pool.wake();
          const stored = await found(ask, earlier === null ? task.id : textOf(earlier, "task"));
          const headers = earlier === null ? {} : { "Idempotency-Replayed": "true" };
          return json({ task: await shown(ask, stored) }, { status: 202, headers });
        });
      },
    }),
    route({
      method: "GET",
      path: ALL,
      summary: "Tasks of the pool, newest first, in pages; one that waits says why nobody takes it",
      relay: false,
      query: object({
        state: optional(listText(oneOf(...TASK_STATES))),
        limit: optional(schemas.count(1000)),
        before: optional(integerText({ max: Number.MAX_SAFE_INTEGER })),
      }),
      handler: ({ query: { state, limit = 200, before } }) =>
        asking(deps, async (ask) => {
          const rows = await listTasks(ask, {
            states: state ?? null,
            before: before ?? Number.MAX_SAFE_INTEGER,
            limit: limit + 1,
          });
          const page = rows.slice(0, limit);
          const nodes = page.some((task) => task.state === "queued") ? await listNodes(ask) : [];
          const tasks = await Promise.all(page.map((task) => viewOf(task, () => Promise.resolve(nodes))));
          return json({ tasks, next: rows.length > limit ? (page.at(-1)?.seq ?? null) : null });
        }),
    }),
    route({
      method: "GET",
      path: ONE,
      summary: "One task of the pool: where it is, and what became of it",
      relay: false,
      handler: ({ params }) =>
        asking(deps, async (ask) => json({ task: await shown(ask, await found(ask, params.id)) })),
    }),
    route({
      method: "POST",
      path: `${ONE}/cancel`,
      summary: "End it: one that waits at once, one that runs by its node",
      relay: false,
      handler: ({ params }) =>
        asking(deps, async (ask) => {
          await cancelTask(ask, (await found(ask, params.id)).id);
          deps.pool.wake();
          return json({ task: await shown(ask, await found(ask, params.id)) });
        }),
    }),
    route({
      method: "POST",
      path: `${ONE}/reassign`,
      summary: "Give up on the node that has it and queue it again: it may run twice when that node comes back",
      relay: false,
      handler: ({ params }) =>
        asking(deps, async (ask) => {
          const task = await found(ask, params.id);
          if (!(await reassignTask(ask, task.id)))
            throw new HarnessError(
              "TASK_SETTLED",
              `task ${task.id} is ${isOver(task.state) ? `over (${task.state})` : task.state}: only one that a node has can be given to another`,
            );
          deps.pool.wake();
          return json({ task: await shown(ask, await found(ask, params.id)) });
        }),
    }),
  ];
}

/** What a box must have and what the agent is of are the same: whichever of the two names it. */
function withProvider<T extends { readonly provider?: string | undefined }>(agent: T, wanted: string | undefined): T {
  if (wanted === undefined || agent.provider === wanted) return agent;
  if (agent.provider === undefined) return { ...agent, provider: wanted };
  const message = `got ${JSON.stringify(wanted)}, expected the task's own provider ${JSON.stringify(agent.provider)}`;
  throw invalidRequest([{ path: "requires.provider", message }]);
}

function keyOf(req: Request): string | null {
  const key = req.headers.get("idempotency-key");
  if (key === null || /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw invalidRequest([
    { path: "Idempotency-Key", message: "expected 1 to 255 printable ASCII characters without spaces" },
  ]);
}

async function viewOf(
  task: Task,
  nodes: (() => Promise<readonly FleetNode[]>) | null,
): Promise<Record<string, unknown>> {
  const { claimedBy: _no, session: _session, refused: _refused, holder, reach, superseded, ...rest } = task;
  const blocked = task.state === "queued" && nodes !== null ? blockedBy(task, await nodes()) : null;
  return {
    ...rest,
    holder,
    ...(holder === null || isOver(task.state) ? {} : { reach }),
    ...(blocked === null ? {} : { blockedBy: blocked }),
    ...(superseded.length === 0 ? {} : { superseded }),
  };
}
