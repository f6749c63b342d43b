/** Rows of agents: one conversation of one provider in one project, with its settings and the reducer's state. */
import { toJson } from "../lib/json.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Stored } from "../lib/stored.ts";
import { aCount, aFlag, aText, mapOf, maybe, oneOf, orNull, readStored, shapeOf } from "../lib/stored.ts";
import type { Activity, AgentState, CauseFrame, ResultTerms, Status, Verify } from "../words/agent.ts";
import type { Budget } from "../words/budget.ts";
import type { PermissionMode } from "../words/kinds.ts";
import { PERMISSION_MODES } from "../words/kinds.ts";
import type { OnLimit } from "../words/limits.ts";
import { ON_LIMIT } from "../words/limits.ts";
import type { WorkspaceWish } from "../words/workspace.ts";
import { salvagedState } from "./agent-salvage.ts";
import { readState, stateText } from "./agent-state.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";
import { forgetAgent } from "./forget.ts";
import type { ResourceLimits, WebhookTarget } from "./projects.ts";
import { budgetReader, resourceLimits, resultTerms, verifyTerms, webhookTarget, workspaceWish } from "./projects.ts";

export interface AgentSettings {
  readonly model: string | null;
  readonly permissions: PermissionMode | null;
  readonly systemPrompt: string | null;
  /** Write-only: the API shows its keys. */
  readonly env: Readonly<Record<string, string>>;
  readonly webhook: WebhookTarget | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** What a run may use, where the agent has its own word about it. */
  readonly limits?: ResourceLimits;
  readonly verify?: Verify;
  readonly result?: ResultTerms;
  readonly onLimit?: OnLimit;
  /** A folder of its own; absent: the project's. */
  readonly workspace?: WorkspaceWish;
  /** What lies in the project's folder is kept at each turn's end. */
  readonly snapshots?: boolean;
  /** What it may spend in its life, where it has its own word about it. */
  readonly budget?: Budget;
}

export interface Resources {
  /** Processor time of all its processes. */
  readonly cpuMs: number | null;
  readonly memoryPeakBytes: number | null;
}

const NO_SETTINGS: AgentSettings = {
  model: null,
  permissions: null,
  systemPrompt: null,
  env: {},
  webhook: null,
  metadata: {},
};

const settingsReader = shapeOf<AgentSettings>(
  {
    model: orNull(aText),
    permissions: orNull(oneOf(...PERMISSION_MODES)),
    systemPrompt: orNull(aText),
    env: mapOf(aText),
    webhook: orNull(webhookTarget),
    metadata: mapOf(aText),
    limits: maybe(resourceLimits),
    verify: maybe(verifyTerms),
    result: maybe(resultTerms),
    onLimit: maybe(oneOf(...ON_LIMIT)),
    workspace: maybe(workspaceWish),
    snapshots: maybe(aFlag),
    budget: maybe(budgetReader),
  },
  NO_SETTINGS,
);

function readSettings(text: string): Stored<AgentSettings> {
  try {
    return readStored(settingsReader, JSON.parse(text) as unknown);
  } catch {
    return { ok: false, reason: "they are no JSON" };
  }
}

export interface Agent {
  readonly id: string;
  readonly project: string;
  readonly name: string | null;
  readonly provider: string;
  readonly uuid: string;
  readonly state: AgentState;
  readonly settings: AgentSettings;
  readonly createdAt: number;
  readonly updatedAt: number;
  /**
   * Why its stored state or settings could not be read. The state is what other rows say then, of the settings nothing
   * holds. Never stored.
   */
  readonly unreadable?: { readonly state?: string; readonly settings?: string };
  /** Of a living one, in memory only. */
  readonly activity?: Activity | null;
  /** Not stored: what its latest run used so far, where it has a control group. */
  readonly resources?: Resources;
}

const COLUMNS = "id, project, name, provider, uuid, state, settings, created_at AS createdAt, updated_at AS updatedAt";

type Json = "state" | "settings";
type AgentRow = Omit<Agent, Json | "unreadable" | "activity" | "resources"> & Readonly<Record<Json, string>>;

function fromRow(store: Store, row: AgentRow): Agent {
  const state = readState(row.state, row.updatedAt);
  const settings = readSettings(row.settings);
  const unreadable = {
    ...(state.ok ? {} : { state: state.reason }),
    ...(settings.ok ? {} : { settings: settings.reason }),
  };
  return {
    ...row,
    state: state.ok ? state.state : salvagedState(store, row.id, row.state, row.updatedAt),
    settings: settings.ok ? settings.state : NO_SETTINGS,
    ...(state.ok && settings.ok ? {} : { unreadable }),
  };
}

export function insertAgent(store: Store, agent: Agent): void {
  assertNameFree(store, agent.project, agent.name);
  store.run(
    `INSERT INTO agents (id, project, name, provider, uuid, status, state, settings, created_at, updated_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    agent.id,
    agent.project,
    agent.name,
    agent.provider,
    agent.uuid,
    agent.state.status,
    stateText(agent.state),
    toJson(agent.settings),
    agent.createdAt,
    agent.updatedAt,
  );
}

export function assertNameFree(store: Store, project: string, name: string | null): void {
  if (name === null || store.get("SELECT 1 FROM agents WHERE project = ? AND name = ?", project, name) === null) return;
  throw new HarnessError("NAME_TAKEN", `project "${project}" has an agent named "${name}": choose another name`);
}

export function saveAgentState(store: Store, id: string, state: AgentState, now: number): void {
  store.run(
    "UPDATE agents SET status = ?, state = ?, updated_at = ? WHERE id = ?",
    state.status,
    stateText(state),
    now,
    id,
  );
}

/** null: the status was not decided by a line of output. */
export function saveCauseFrame(store: Store, id: string, frame: CauseFrame | null): void {
  store.run("UPDATE agents SET cause_frame = ? WHERE id = ?", frame === null ? null : toJson(frame), id);
}

const frameReader = shapeOf<CauseFrame>({ run: aCount, offset: aCount, text: aText, truncated: aFlag });

export function causeFrame(store: Store, id: string): CauseFrame | null {
  const row = store.get<{ frame: string | null }>("SELECT cause_frame AS frame FROM agents WHERE id = ?", id);
  return fromColumn(frameReader, row?.frame ?? null, null);
}

export function saveAgentSettings(
  store: Store,
  id: string,
  name: string | null,
  settings: AgentSettings,
  now: number,
): void {
  store.run("UPDATE agents SET name = ?, settings = ?, updated_at = ? WHERE id = ?", name, toJson(settings), now, id);
}

export function findAgent(store: Store, id: string): Agent | null {
  const row = store.get<AgentRow>(`SELECT ${COLUMNS} FROM agents WHERE id = ?`, id);
  return row === null ? null : fromRow(store, row);
}

/** By id or name within a project; an exact id wins over a name. */
export function getAgent(store: Store, project: string, idOrName: string): Agent {
  const row =
    store.get<AgentRow>(`SELECT ${COLUMNS} FROM agents WHERE project = ? AND id = ?`, project, idOrName) ??
    store.get<AgentRow>(`SELECT ${COLUMNS} FROM agents WHERE project = ? AND name = ?`, project, idOrName);
  if (row === null) {
    throw new HarnessError(
      "AGENT_NOT_FOUND",
      `project "${project}" has no agent "${idOrName}": GET /api/v1/projects/${project}/agents lists them`,
    );
  }
  return fromRow(store, row);
}

export function agentsOf(store: Store, project: string): Agent[] {
  return store
    .all<AgentRow>(`SELECT ${COLUMNS} FROM agents WHERE project = ? ORDER BY created_at, id`, project)
    .map((row) => fromRow(store, row));
}

export function allAgentIds(store: Store): string[] {
  return store.all<{ id: string }>("SELECT id FROM agents ORDER BY created_at, id").map((row) => row.id);
}

export function countAgents(store: Store): Partial<Record<Status, number>> & { total: number } {
  const counts: Partial<Record<Status, number>> & { total: number } = { total: 0 };
  for (const row of store.all<{ status: Status; n: number }>(
    "SELECT status, count(*) AS n FROM agents GROUP BY status",
  )) {
    counts[row.status] = row.n;
    counts.total += row.n;
  }
  return counts;
}

/** Everything of the agent; of its events and deliveries only that they were stays. */
export function deleteAgent(store: Store, id: string): void {
  store.run("DELETE FROM agents WHERE id = ?", id);
  forgetAgent(store, id);
}
