/** Projects: a name, a folder, and what its agents inherit. */
import { realpathSync, statSync } from "node:fs";
import { budgetOf, isTrusted, isUnder } from "../agents/run-settings.ts";
import { event } from "../agents/journal.ts";
import { flagText } from "../http/query.ts";
import { object, optional } from "../lib/check.ts";
import { HarnessError, invalidRequest } from "../lib/errors.ts";
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { agentsOf } from "../store/agents.ts";
import type { Project, ProjectDefaults } from "../store/projects.ts";
import { deleteProject, getProject, insertProject, listProjects, updateProject } from "../store/projects.ts";
import type { Budget } from "../words/budget.ts";
import { isBusy } from "../words/agent.ts";
import { assertMetered, mergeBudget } from "./budgets.ts";
import type { ApiDeps } from "./deps.ts";
import { assertReady, assertStays } from "./deps.ts";
import type { Answer } from "./idempotent.ts";
import { answerLeaving, answerOnce } from "./idempotent.ts";
import { assertProvider } from "./providers.ts";
import * as schemas from "./schemas.ts";
import { assertGivesResults, assertMayVerify, verifyOf } from "./verify.ts";
import { projectView } from "./views.ts";
import { assertNothingLost, letGo } from "./workspace-guard.ts";
import { assertWebhookAllowed } from "./webhooks.ts";
import { given } from "../lib/given.ts";

type ProjectEvent = "project_created" | "project_updated" | "project_deleted";

const PATH = "/api/v1/projects/:name";

export function projectRoutes(deps: ApiDeps) {
  const { store, config, clock, journal } = deps;
  const view = (project: Project) => projectView(project, isTrusted(project, config.projects.trustedRoots));
  const change = (project: string, type: ProjectEvent, work: () => void): void =>
    journal.write({ project, agent: null }, (entry) => {
      work();
      event(entry, type, { project: { name: project } });
    });

  return [
    route({
      method: "GET",
      path: "/api/v1/projects",
      summary: "All projects, by name",
      handler: () => json({ projects: listProjects(store).map(view) }),
    }),
    route({
      method: "POST",
      path: "/api/v1/projects",
      summary: "Make a project of a folder",
      body: schemas.newProject,
      bodyBytes: schemas.TEXTS_BYTES,
      success: { status: 201 },
      async handler({ body, req, bodyBytes }) {
        await assertResult(body.defaults);
        return answerOnce(deps, { scope: "projects", req, bodyBytes }, (keep) => {
          const project: Project = {
            name: body.name,
            cwd: realFolder(body.cwd, config.projects.roots),
            trusted: body.trusted ?? null,
            webhook: body.webhook ?? null,
            defaults: filled(body.defaults ?? {}),
            budgetPerDay: body.budgetPerDay ?? null,
            createdAt: clock.now(),
          };
          if (project.webhook !== null) assertWebhookAllowed(deps, project.webhook.url, "webhook.url");
          assertDefaults(deps, project.defaults);
          assertMayVerify(deps, project, project.defaults.verify);
          const answer: Answer = { status: 201, body: { project: view(project) } };
          change(project.name, "project_created", () => {
            insertProject(store, project);
            keep(answer);
          });
          return answer;
        });
      },
    }),
    route({
      method: "GET",
      path: PATH,
      summary: "One project",
      handler: ({ params }) => json({ project: view(getProject(store, params.name)) }),
    }),
    route({
      method: "PATCH",
      path: PATH,
      summary: "Change a project (JSON Merge Patch: null takes a value away)",
      body: schemas.projectPatch,
      bodyBytes: schemas.TEXTS_BYTES,
      async handler({ params, body, req, bodyBytes }) {
        assertReady(deps);
        await assertResult(body.defaults);
        const old = getProject(store, params.name);
        return answerOnce(deps, { scope: `change ${old.name}`, req, bodyBytes }, (keep) => {
          const project: Project = {
            ...old,
            ...given({ trusted: body.trusted, webhook: body.webhook }),
            ...(body.defaults === undefined ? {} : { defaults: merge(old.defaults, body.defaults) }),
            ...(body.budgetPerDay === undefined
              ? {}
              : { budgetPerDay: mergeBudget(old.budgetPerDay ?? undefined, body.budgetPerDay) ?? null }),
            ...(body.cwd === undefined ? {} : { cwd: realFolder(body.cwd, config.projects.roots) }),
          };
          if (project.cwd !== old.cwd && agentsOf(store, old.name).length > 0) {
            throw new HarnessError(
              "PROJECT_HAS_AGENTS",
              "cwd cannot change while the project has agents: delete them, or make another project",
            );
          }
          if (body.webhook) assertWebhookAllowed(deps, body.webhook.url, "webhook.url");
          assertDefaults(deps, project.defaults);
          // Taking the trust away is never refused: without it no check runs.
          if (body.defaults?.verify) assertMayVerify(deps, project, project.defaults.verify);
          for (const agent of agentsOf(store, project.name)) {
            const codec = deps.supervisor.find(agent.id)?.runSettings().codec;
            const whole = budgetOf(config.budget, project.defaults.budget, agent.settings.budget);
            if (codec !== undefined && body.defaults?.result)
              assertGivesResults(codec, agent.settings.result ?? project.defaults.result);
            if (codec !== undefined) assertMetered(codec, whole, project.budgetPerDay, "defaults.budget");
          }
          const answer: Answer = { status: 200, body: { project: view(project) } };
          change(project.name, "project_updated", () => {
            updateProject(store, project);
            keep(answer);
          });
          // What is loaded and asked depends on these: running processes are replaced before their next turn.
          for (const agent of agentsOf(store, project.name))
            deps.supervisor.find(agent.id)?.facts("api", { type: "configured" }, { type: "recheck" });
          return answer;
        });
      },
    }),
    route({
      method: "DELETE",
      path: PATH,
      summary: "Forget a project and its agents; ?force=1 also ends busy ones, ?discard=1 lets go of unmerged work",
      query: object({ force: optional(flagText()), discard: optional(flagText()) }),
      success: { status: 204 },
      handler({ params, query, req, bodyBytes }) {
        assertReady(deps);
        return answerLeaving(deps, { scope: `forget ${params.name}`, req, bodyBytes }, async (leave) => {
          const project = getProject(store, params.name);
          const agents = agentsOf(store, project.name);
          const busy = agents.filter((agent) => isBusy(agent.state.status));
          if (busy.length > 0 && query.force !== true) {
            throw new HarnessError(
              "PROJECT_BUSY",
              `${busy.length} agent(s) are busy: wait, abort them, or DELETE with ?force=1`,
            );
          }
          const ids = agents.map(({ id }) => id);
          if (query.discard !== true) await assertNothingLost(deps, ids);
          assertStays(deps, project.name);
          leave();
          deps.going.add(project.name);
          try {
            // One may have been accepted a moment before: looked at until nobody is left.
            for (
              let left = agents, round = 0;
              left.length > 0 && round < 10;
              left = agentsOf(store, project.name), round++
            )
              await Promise.all(left.map((agent) => deps.supervisor.remove(agent.id)));
            await letGo(deps, ids);
            change(project.name, "project_deleted", () => deleteProject(store, project.name));
          } finally {
            deps.going.delete(project.name);
          }
          return { status: 204, body: undefined };
        });
      },
    }),
  ];
}

function assertDefaults(deps: ApiDeps, { provider }: ProjectDefaults): void {
  if (provider !== undefined) assertProvider(deps, provider, "defaults.provider");
}

async function assertResult(
  defaults: { readonly result?: ProjectDefaults["result"] | null } | null | undefined,
): Promise<void> {
  if (defaults?.result) (await import("./result.ts")).assertSchema(defaults.result, "defaults.result.schema");
}

type Given = Omit<ProjectDefaults, "verify"> & { readonly verify?: Parameters<typeof verifyOf>[0] };

function filled({ verify, ...others }: Given): ProjectDefaults {
  return { ...others, ...(verify === undefined ? {} : { verify: verifyOf(verify) }) };
}

/** JSON Merge Patch: null takes a value away. */
type Patch<T> = { readonly [K in Exclude<keyof T, "budget">]?: T[K] | null } & {
  readonly budget?: { readonly [K in keyof Budget]?: Budget[K] | null } | null;
};

function merge(old: ProjectDefaults, patch: Patch<Given> | null): ProjectDefaults {
  if (patch === null) return {};
  const budget = patch.budget === undefined ? old.budget : mergeBudget(old.budget, patch.budget);
  const merged = { ...old, ...patch, budget: budget ?? null };
  return filled(Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)));
}

/** The folder after symlinks. 400 when it is not there, no folder, or outside `projects.roots`. */
function realFolder(cwd: string, roots: readonly string[]): string {
  let real: string;
  try {
    real = realpathSync(cwd);
  } catch {
    throw invalidCwd(`got ${JSON.stringify(cwd)}, which does not exist: make the folder first`);
  }
  if (!statSync(real).isDirectory()) throw invalidCwd(`got ${JSON.stringify(cwd)}, which is no folder`);
  if (roots.length > 0 && !roots.some((root) => isUnder(real, root))) {
    throw invalidCwd(`got ${JSON.stringify(cwd)}, expected a folder under one of projects.roots (${roots.join(", ")})`);
  }
  return real;
}

function invalidCwd(message: string): HarnessError {
  return invalidRequest([{ path: "cwd", message }]);
}
