/** Agents: made with their first task, looked at, changed, ended. */
import { budgetOf } from "../agents/run-settings.ts";
import { initialState } from "../store/agent-state.ts";
import { invalidRequest } from "../lib/errors.ts";
import { object, optional } from "../lib/check.ts";
import { json, jsonText } from "../http/answer.ts";
import { flagText, listText } from "../http/query.ts";
import { MAX_BODY_BYTES, route } from "../http/router.ts";
import type { Agent, AgentSettings } from "../store/agents.ts";
import { assertNameFree, causeFrame } from "../store/agents.ts";
import { createScope } from "../store/idempotency.ts";
import { getProject } from "../store/projects.ts";
import { assertMetered, mergeBudget } from "./budgets.ts";
import { eventCursor } from "./cursor.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt, assertReady, assertStays } from "./deps.ts";
import type { Answer } from "./idempotent.ts";
import { answerLeaving, answerOnce } from "./idempotent.ts";
import { assertTextFits, takeInput } from "./inputs.ts";
import type { AgentFilter } from "./listing.ts";
import { agentsPage } from "./listing.ts";
import { assertAvailable, unknownProvider } from "./providers.ts";
import * as schemas from "./schemas.ts";
import { assertGivesResults, assertMayVerify, verifyOf } from "./verify.ts";
import { agentView } from "./views.ts";
import { assertNothingLost, assertWorkspace, letGo } from "./workspace-guard.ts";
import { assertWebhookAllowed } from "./webhooks.ts";
import { given } from "../lib/given.ts";

const ONE = "/api/v1/projects/:name/agents/:id";

const filters = {
  status: optional(listText(schemas.status)),
  provider: optional(schemas.projectName),
  name: optional(schemas.agentName),
  limit: optional(schemas.count(1000)),
  after: optional(schemas.cursor),
};

export function agentRoutes(deps: ApiDeps) {
  const { store, clock } = deps;

  /** The page that was asked for last, for those who poll: good until the next commit. */
  let polled: {
    readonly asked: string;
    readonly text: string;
    readonly headers: Readonly<Record<string, string>>;
  } | null = null;
  deps.bus.onCommit(() => (polled = null));
  const page = (query: Omit<AgentFilter, "limit"> & { readonly limit?: number }) => {
    assertReady(deps);
    const asked = JSON.stringify(query);
    if (polled?.asked !== asked)
      polled = {
        asked,
        text: agentsPage(deps.supervisor.agents(), { ...query, limit: query.limit ?? 200 }),
        headers: eventCursor(store),
      };
    return jsonText(polled.text, { headers: polled.headers });
  };

  return [
    route({
      method: "GET",
      path: "/api/v1/agents",
      summary: "All agents, oldest first, in pages",
      query: object({ ...filters, project: optional(schemas.projectName) }),
      handler: ({ query }) => page(query),
    }),
    route({
      method: "GET",
      path: "/api/v1/projects/:name/agents",
      summary: "The project's agents, oldest first, in pages",
      query: object(filters),
      handler({ params, query }) {
        // A project with agents is there; the store is asked only about the others.
        if (!deps.supervisor.agents().some((agent) => agent.project === params.name)) getProject(store, params.name);
        return page({ ...query, project: params.name });
      },
    }),
    route({
      method: "POST",
      path: "/api/v1/projects/:name/agents",
      summary: "Make an agent; with a task it begins at once",
      body: schemas.newAgent,
      bodyBytes: MAX_BODY_BYTES,
      success: { status: 201 },
      async handler({ params, body, req, bodyBytes }) {
        assertReady(deps);
        const name = body.provider ?? getProject(store, params.name).defaults.provider;
        const loaded = await deps.providers.get(name ?? "")?.load();
        if (body.result) (await import("./result.ts")).assertSchema(body.result);
        const reader = body.attachments && (await import("./attachment-reader.ts"));
        const project = getProject(store, params.name);
        assertStays(deps, project.name);
        return answerOnce(deps, { scope: createScope(project.name), req, bodyBytes }, (keep) => {
          if (name === undefined) {
            throw invalidRequest([
              {
                path: "provider",
                message: `missing, expected one of ${[...deps.providers.keys()].join(", ")} (the project has no default)`,
              },
            ]);
          }
          const provider = loaded ?? unknownProvider(deps, name, "provider");
          assertAvailable(deps, provider, project, body.env ?? {});
          if (body.task !== undefined) assertTextFits(provider, body.task, "task");
          else if (body.attachments !== undefined)
            throw invalidRequest([{ path: "attachments", message: "they go with a task, and there is none" }]);
          assertMetered(
            provider.codec,
            budgetOf(deps.config.budget, project.defaults.budget, body.budget),
            project.budgetPerDay,
          );
          const attachments =
            reader?.readAttachments(body.attachments, { codec: provider.codec, root: project.cwd }) ?? [];
          if (body.webhook !== undefined) assertWebhookAllowed(deps, body.webhook.url, "webhook.url");
          const wish = body.workspace ?? project.defaults.workspace ?? "shared";
          assertWorkspace(deps, wish, project);
          const now = clock.now();
          const settings: AgentSettings = {
            model: body.model ?? null,
            permissions: body.permissions ?? null,
            systemPrompt: body.systemPrompt ?? null,
            env: body.env ?? {},
            webhook: body.webhook ?? null,
            metadata: body.metadata ?? {},
            ...given({ limits: body.limits }),
            ...(body.verify === undefined ? {} : { verify: verifyOf(body.verify) }),
            ...given({ result: body.result, onLimit: body.onLimit }),
            ...(wish === "shared" ? {} : { workspace: wish }),
            ...((body.snapshots ?? project.defaults.snapshots) === true ? { snapshots: true } : {}),
            ...given({ budget: body.budget }),
          };
          assertMayVerify(deps, project, settings.verify ?? project.defaults.verify);
          assertGivesResults(provider.codec, settings.result ?? project.defaults.result);
          const agent: Agent = {
            id: freeId(deps),
            project: project.name,
            name: body.name ?? null,
            provider: provider.name,
            uuid: deps.newUuid(),
            state: initialState(now),
            settings,
            createdAt: now,
            updatedAt: now,
          };
          let answer: Answer = { status: 201, body: null, input: null, agent: agent.id };
          deps.supervisor.create(agent, provider, (actor, step) => {
            const input =
              body.task === undefined
                ? null
                : takeInput(deps, actor, step, { text: body.task, raw: false, mode: "queue", attachments });
            answer = {
              status: 201,
              body: { agent: agentView({ ...agent, state: step.state() }) },
              input: input?.id ?? null,
              agent: agent.id,
            };
            keep(answer);
          });
          return answer;
        });
      },
    }),
    route({
      method: "GET",
      path: ONE,
      summary: "One agent, by id or name, with the line of output that decided its status",
      handler({ params }) {
        const actor = actorAt(deps, params);
        const agent = actor.agent();
        return json({
          agent: { ...agentView(agent, causeFrame(store, agent.id)), standings: actor.budget().standings },
        });
      },
    }),
    route({
      method: "PATCH",
      path: ONE,
      summary: "Change an agent (JSON Merge Patch); model and permissions hold from the next turn",
      body: schemas.agentPatch,
      async handler({ params, body, req, bodyBytes }) {
        if (body.result) (await import("./result.ts")).assertSchema(body.result);
        const actor = actorAt(deps, params);
        return answerOnce(deps, { scope: `change ${actor.id}`, req, bodyBytes }, (keep) => {
          const agent = actor.agent();
          const name = body.name === undefined ? agent.name : body.name;
          if (name !== agent.name) assertNameFree(store, agent.project, name);
          if (body.webhook) assertWebhookAllowed(deps, body.webhook.url, "webhook.url");
          const { verify, result, budget: oldBudget, ...others } = agent.settings;
          const checked = body.verify === undefined ? verify : body.verify === null ? undefined : verifyOf(body.verify);
          if (body.verify) assertMayVerify(deps, getProject(store, agent.project), checked);
          if (body.result) assertGivesResults(actor.runSettings().codec, body.result);
          const budget = body.budget === undefined ? oldBudget : mergeBudget(oldBudget, body.budget);
          if (body.budget !== undefined) {
            const { defaults, budgetPerDay } = getProject(store, agent.project);
            const whole = budgetOf(deps.config.budget, defaults.budget, budget);
            assertMetered(actor.runSettings().codec, whole, budgetPerDay);
          }
          const settings: AgentSettings = {
            ...others,
            ...given({
              verify: checked,
              result: body.result === undefined ? result : (body.result ?? undefined),
              budget,
              model: body.model,
              permissions: body.permissions,
              webhook: body.webhook,
            }),
            ...(body.metadata === undefined ? {} : { metadata: mergeMetadata(agent.settings.metadata, body.metadata) }),
          };
          const restart = [body.model, body.permissions, body.result].some((each) => each !== undefined);
          const changed = { name, settings, restart };
          const answered = actor.configure(changed, (now) => {
            const answer: Answer = { status: 200, body: { agent: agentView(now) }, agent: actor.id };
            keep(answer);
            return answer;
          });
          // What runs may be more than what is left now.
          if (body.budget !== undefined) actor.facts("api", { type: "recheck" });
          return answered;
        });
      },
    }),
    route({
      method: "DELETE",
      path: ONE,
      summary: "End the agent's whole process tree and forget it; ?discard=1 also where its work is merged nowhere",
      query: object({ discard: optional(flagText()) }),
      success: { status: 204 },
      handler({ params, query, req, bodyBytes }) {
        // The path, because afterwards there is no agent any more that it names.
        const scope = `forget ${params.name}/${params.id}`;
        return answerLeaving(deps, { scope, req, bodyBytes }, async (leave) => {
          const { id } = actorAt(deps, params);
          if (query.discard !== true) await assertNothingLost(deps, [id]);
          leave();
          const survivors = await deps.supervisor.remove(id);
          await letGo(deps, [id]);
          // Another user's, or stuck in the kernel: named, so that somebody can look after them.
          const headers: Record<string, string> =
            survivors.length === 0 ? {} : { "Agent-Survivors": survivors.map(({ pid }) => pid).join(", ") };
          return { status: 204, body: undefined, headers };
        });
      },
    }),
  ];
}

function mergeMetadata(
  old: Readonly<Record<string, string>>,
  patch: Readonly<Record<string, string | null>> | null,
): Record<string, string> {
  const merged: Record<string, string> = {};
  if (patch !== null) {
    for (const [key, value] of Object.entries({ ...old, ...patch })) if (value !== null) merged[key] = value;
  }
  const bytes = new TextEncoder().encode(JSON.stringify(merged)).length;
  if (Object.keys(merged).length > 16 || bytes > 4096) {
    throw invalidRequest([
      {
        path: "metadata",
        message: `got ${Object.keys(merged).length} keys and ${bytes} bytes, expected at most 16 keys and 4096 bytes`,
      },
    ]);
  }
  return merged;
}

/** 8 hex digits are few enough to look before taking one. */
function freeId({ newId, store }: ApiDeps): string {
  for (;;) {
    const id = newId();
    if (store.get("SELECT 1 FROM agents WHERE id = ?", id) === null) return id;
  }
}
