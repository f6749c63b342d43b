/** Rows of projects: a name, a folder, whether a person trusts it, and what its agents inherit. */
import { toJson } from "../lib/json.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Reader } from "../lib/stored.ts";
import { aFlag, aNumber, aText, anything, listOf, mapOf, maybe, oneOf, shapeOf } from "../lib/stored.ts";
import type { ResultTerms, Verify } from "../words/agent.ts";
import type { Budget, DayBudget } from "../words/budget.ts";
import type { PermissionMode } from "../words/kinds.ts";
import { PERMISSION_MODES } from "../words/kinds.ts";
import type { OnLimit } from "../words/limits.ts";
import { ON_LIMIT } from "../words/limits.ts";
import type { NoticeEvent } from "../words/notices.ts";
import { NOTICE_EVENTS } from "../words/notices.ts";
import { fromColumn } from "./columns.ts";
import type { WorkspaceSetup, WorkspaceWish } from "../words/workspace.ts";
import type { Store } from "./database.ts";
import { forgetCreateKeys } from "./idempotency.ts";

export interface WebhookTarget {
  readonly url: string;
  readonly token?: string;
  readonly events?: readonly NoticeEvent[];
}

/** 0 = no limit. */
export interface ResourceLimits {
  readonly agentMemoryBytes?: number;
  readonly agentTasks?: number;
  readonly agentCpuWeight?: number;
}

export interface ProjectDefaults {
  readonly provider?: string;
  readonly model?: string;
  readonly permissions?: PermissionMode;
  readonly systemPrompt?: string;
  readonly limits?: ResourceLimits;
  readonly verify?: Verify;
  readonly result?: ResultTerms;
  readonly onLimit?: OnLimit;
  readonly workspace?: "shared" | WorkspaceWish;
  readonly snapshots?: boolean;
  readonly budget?: Budget;
}

export interface Project {
  readonly name: string;
  /** Real path, after symlinks. */
  readonly cwd: string;
  /** null = not said: `projects.trustedRoots` decides. */
  readonly trusted: boolean | null;
  readonly webhook: WebhookTarget | null;
  readonly defaults: ProjectDefaults;
  /** Of all its agents together. */
  readonly budgetPerDay: DayBudget | null;
  readonly createdAt: number;
}

export const webhookTarget: Reader<WebhookTarget> = shapeOf<WebhookTarget>({
  url: aText,
  token: maybe(aText),
  events: maybe(listOf(oneOf(...NOTICE_EVENTS))),
});

const words: Reader<string | readonly string[]> = (json, path) =>
  typeof json === "string" ? json : listOf(aText)(json, path);

export const resultTerms: Reader<ResultTerms> = shapeOf<ResultTerms>({ schema: mapOf(anything) });
export const verifyTerms: Reader<Verify> = shapeOf<Verify>({ command: words, timeoutMs: aNumber, attempts: aNumber });

export const resourceLimits: Reader<ResourceLimits> = shapeOf<ResourceLimits>({
  agentMemoryBytes: maybe(aNumber),
  agentTasks: maybe(aNumber),
  agentCpuWeight: maybe(aNumber),
});

const setup: Reader<WorkspaceSetup> = shapeOf<WorkspaceSetup>({
  command: (json, path) => (typeof json === "string" ? json : listOf(aText)(json, path)),
  timeoutMs: maybe(aNumber),
});

export const workspaceWish: Reader<WorkspaceWish> = shapeOf<WorkspaceWish>({
  kind: oneOf("worktree", "copy"),
  base: maybe(aText),
  branch: maybe(aText),
  copy: maybe(listOf(aText)),
  setup: maybe(setup),
});
export const budgetReader: Reader<Budget> = shapeOf<Budget>({
  turns: maybe(aNumber),
  tokens: maybe(aNumber),
  costUsd: maybe(aNumber),
  wallMs: maybe(aNumber),
});

const dayBudget: Reader<DayBudget> = shapeOf<DayBudget>({ tokens: maybe(aNumber), costUsd: maybe(aNumber) });

const projectDefaults: Reader<ProjectDefaults> = shapeOf<ProjectDefaults>({
  provider: maybe(aText),
  model: maybe(aText),
  permissions: maybe(oneOf(...PERMISSION_MODES)),
  systemPrompt: maybe(aText),
  limits: maybe(resourceLimits),
  verify: maybe(verifyTerms),
  result: maybe(resultTerms),
  onLimit: maybe(oneOf(...ON_LIMIT)),
  workspace: maybe((json, path) => (json === "shared" ? json : workspaceWish(json, path))),
  snapshots: maybe(aFlag),
  budget: maybe(budgetReader),
});

/** Nobody knows what a person had allowed or denied: agents ask nobody and get nothing until it is set again. */
const UNREADABLE: ProjectDefaults = { permissions: "deny" };

const COLUMNS = "name, cwd, trusted, webhook, defaults, budget_per_day AS budgetPerDay, created_at AS createdAt";

type ProjectRow = Pick<Project, "name" | "cwd" | "createdAt"> & {
  readonly trusted: number | null;
  readonly webhook: string | null;
  readonly defaults: string;
  readonly budgetPerDay: string | null;
};

function fromRow(row: ProjectRow): Project {
  return {
    ...row,
    trusted: row.trusted === null ? null : row.trusted === 1,
    webhook: fromColumn(webhookTarget, row.webhook, null),
    defaults: fromColumn(projectDefaults, row.defaults, UNREADABLE),
    budgetPerDay: fromColumn(dayBudget, row.budgetPerDay, null),
  };
}

export function insertProject(store: Store, project: Project): void {
  const taken = store.get("SELECT 1 FROM projects WHERE name = ?", project.name);
  if (taken !== null) {
    throw new HarnessError(
      "PROJECT_EXISTS",
      `a project named "${project.name}" exists: choose another name, or PATCH that one`,
    );
  }
  store.run(
    "INSERT INTO projects (name, cwd, trusted, webhook, defaults, budget_per_day, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    project.name,
    project.cwd,
    bit(project.trusted),
    json(project.webhook),
    toJson(project.defaults),
    json(project.budgetPerDay),
    project.createdAt,
  );
}

export function updateProject(store: Store, project: Project): void {
  store.run(
    "UPDATE projects SET cwd = ?, trusted = ?, webhook = ?, defaults = ?, budget_per_day = ? WHERE name = ?",
    project.cwd,
    bit(project.trusted),
    json(project.webhook),
    toJson(project.defaults),
    json(project.budgetPerDay),
    project.name,
  );
}

export function getProject(store: Store, name: string): Project {
  const row = store.get<ProjectRow>(`SELECT ${COLUMNS} FROM projects WHERE name = ?`, name);
  if (row === null)
    throw new HarnessError("PROJECT_NOT_FOUND", `no project is named "${name}": GET /api/v1/projects lists them`);
  return fromRow(row);
}

export function listProjects(store: Store): Project[] {
  return store.all<ProjectRow>(`SELECT ${COLUMNS} FROM projects ORDER BY name`).map(fromRow);
}

export function deleteProject(store: Store, name: string): void {
  store.run("DELETE FROM projects WHERE name = ?", name);
  forgetCreateKeys(store, name);
}

export function countProjects(store: Store): number {
  return store.get<{ n: number }>("SELECT count(*) AS n FROM projects")?.n ?? 0;
}

function bit(value: boolean | null): number | null {
  return value === null ? null : value ? 1 : 0;
}

function json(value: unknown): string | null {
  return value === null ? null : toJson(value);
}
