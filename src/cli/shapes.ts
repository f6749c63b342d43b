/**
 * What the API's answers look like to the commands. The daemon checked these shapes when it made them; `doctor` tells
 * when its version is not ours.
 */
import { isObject } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import type { BudgetKey } from "../words/budget.ts";
import type { Ask, Client } from "./client.ts";
import type { StreamEvent } from "./stream.ts";

export interface TurnShape {
  readonly id: string;
  readonly origin: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly outcome: string | null;
  readonly error?: { readonly code: string; readonly message: string } | null;
  readonly usage?: UsageShape | null;
  readonly verify?: VerifiedShape | null;
  /** In lists of turns. */
  readonly n?: number;
}

export interface VerifiedShape {
  readonly passed: boolean;
  readonly exitCode: number | null;
  readonly attempts: number;
  readonly tail: string;
}

export interface VerifyShape {
  readonly command: string | readonly string[];
  readonly timeoutMs: number;
  readonly attempts: number;
}

export interface UsageShape {
  readonly inputTokens?: number;
  readonly outputTokens?: number;
  readonly cacheReadTokens?: number;
  readonly cacheWriteTokens?: number;
  readonly costUsd?: number;
}

/** What was used in a time. */
export interface UsageSumShape extends Required<UsageShape> {
  readonly turns: number;
  readonly unpricedTokens: number;
  readonly estimated: boolean;
}

export interface UsageRowShape extends UsageSumShape {
  readonly key: string;
  readonly project?: string | null;
  readonly name?: string | null;
  readonly account?: string | null;
}

/** How one limit of a budget stands. */
export interface StandingShape {
  readonly scope: "agent" | "day";
  readonly key: BudgetKey;
  readonly limit: number;
  readonly used: number;
  readonly unpricedTokens?: number;
}

export interface AgentShape {
  readonly id: string;
  readonly project: string;
  readonly name: string | null;
  readonly provider: string;
  readonly status: string;
  readonly cause: { readonly source: string; readonly detail: string };
  readonly process: string;
  readonly turn: TurnShape | null;
  readonly queuedInputs: number;
  readonly held: boolean;
  readonly pendingPermissions: number;
  readonly backgroundTasks: number;
  readonly usage: UsageShape;
  /** Of one that is asked for alone. */
  readonly standings?: readonly StandingShape[];
  /** Its schema. */
  readonly result?: unknown;
  readonly retrying: { readonly attempt: number; readonly reason: string; readonly status: number | null } | null;
  readonly error?: { readonly code: string; readonly message: string };
  readonly activity?: { readonly kind: string; readonly text: string; readonly at: string } | null;
  readonly limit?: {
    readonly account: string;
    readonly scope: string;
    readonly message: string;
    readonly resumesAt: string;
    readonly guessed: boolean;
    readonly attempts: number;
  };
  readonly model: string | null;
  readonly verify?: VerifyShape;
  readonly permissions: string | null;
  readonly env: readonly string[];
  readonly webhook: { readonly url: string; readonly hasToken: boolean } | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly session: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface AccountShape {
  readonly name: string;
  readonly agents: readonly { readonly project: string; readonly id: string; readonly status: string }[];
  readonly limits: readonly { readonly class: "limit" | "billing" | "auth"; readonly scope: string }[];
  readonly allowances: readonly { readonly scope: string; readonly usedPercent: number }[];
  readonly resumesAt: string | null;
}

export interface PartShape {
  readonly type: "text" | "thinking" | "tool_use" | "tool_result";
  readonly id?: string;
  readonly text?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly isError?: boolean;
}

export interface MessageShape {
  readonly id: number;
  /** Unique in the agent; text that was streamed for it carries the same. */
  readonly key: string;
  readonly turnId: string | null;
  readonly role: "user" | "assistant" | "tool" | "system";
  readonly text: string;
  readonly parts: readonly PartShape[];
  readonly createdAt: string;
  readonly subagent?: string;
  readonly via?: string;
}

export interface PermissionShape {
  readonly id: string;
  readonly kind: "tool" | "question" | "plan";
  readonly tool: string;
  readonly title: string;
  readonly detail: unknown;
  readonly options: readonly string[];
  readonly state: string;
  readonly createdAt: string;
  readonly settledAt: string | null;
  readonly settledBy?: string;
  readonly hash?: string;
}

export interface InputShape {
  readonly n: number;
  readonly text: string;
  readonly mode: string;
  readonly origin: string;
  readonly state: string;
  readonly turnId: string | null;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

export interface ProjectShape {
  readonly name: string;
  readonly cwd: string;
  readonly trusted: boolean;
  readonly webhook: { readonly url: string } | null;
  readonly defaults: Readonly<Record<string, string>>;
  readonly budgetPerDay: { readonly tokens?: number; readonly costUsd?: number } | null;
  readonly createdAt: string;
}

export interface ProviderShape {
  readonly name: string;
  readonly kind: string;
  readonly command: readonly string[];
  readonly path: string | null;
  readonly version: string | null;
  readonly available: boolean;
  readonly login: { readonly loggedIn: boolean; readonly detail: string } | null;
  readonly reason: string | null;
  /** Absent: the daemon is an older one. */
  readonly warnings?: readonly { readonly code: string; readonly message: string }[];
}

export interface DeliveryShape {
  readonly id: string;
  readonly seq: number;
  readonly project: string | null;
  readonly agentId: string | null;
  readonly event: string;
  readonly url: string;
  readonly state: string;
  readonly attempts: number;
  readonly lastError: string | null;
  readonly nextAttemptAt: string | null;
  readonly createdAt: string;
  readonly settledAt: string | null;
}

export interface NodeShape {
  readonly name: string;
  readonly reach: "live" | "late" | "lost";
  readonly version: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly draining: boolean;
  readonly seenAt: string;
  readonly busy: number;
  readonly capacity: number;
  readonly lag: number | null;
}

export interface TaskShape {
  readonly id: string;
  readonly state: string;
  readonly project: string;
  readonly provider: string | null;
  readonly holder: string | null;
  readonly reach?: string | null;
  readonly blockedBy?: string;
  readonly agent: string | null;
  readonly error: string | null;
  readonly superseded?: readonly { readonly node: string; readonly agent: string | null; readonly outcome: string }[];
  readonly createdBy: string;
  readonly createdAt: string;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

/** What each member of an answer holds. */
interface Members {
  accounts: readonly AccountShape[];
  agent: AgentShape;
  agents: readonly AgentShape[];
  messages: readonly MessageShape[];
  message: MessageShape | null;
  permission: PermissionShape;
  permissions: readonly PermissionShape[];
  events: readonly StreamEvent[];
  input: InputShape;
  inputs: readonly InputShape[];
  project: ProjectShape;
  projects: readonly ProjectShape[];
  providers: readonly ProviderShape[];
  delivery: DeliveryShape;
  deliveries: readonly DeliveryShape[];
  turn: TurnShape;
  turns: readonly TurnShape[];
  usage: readonly UsageRowShape[];
  total: UsageSumShape;
  nodes: readonly NodeShape[];
  task: TaskShape;
  tasks: readonly TaskShape[];
}

/** One member of an answer, in its shape. */
export function member<K extends keyof Members>(answer: unknown, key: K): Members[K] {
  if (!isObject(answer) || answer[key] === undefined)
    throw new HarnessError(
      "BAD_ANSWER",
      `the daemon's answer has no "${key}": is it another version? (agent-harness doctor)`,
    );
  return answer[key] as Members[K]; // made by the daemon from its own table of routes
}

export async function get<K extends keyof Members>(
  client: Client,
  path: string,
  key: K,
  ask?: Ask,
): Promise<Members[K]> {
  return member(await client.call(`/api/v1${path}`, ask), key);
}

/** An answer, and the newest event that it already knows of: a stream since then goes on without a gap. */
export async function withCursor(
  client: Client,
  path: string,
): Promise<{ answer: unknown; cursor: number | undefined }> {
  const { answer, headers } = await client.exchange(`/api/v1${path}`);
  const cursor = headers.get("x-event-cursor");
  return { answer, cursor: cursor === null ? undefined : Number(cursor) };
}

/** Every page of the agents. */
export async function allAgents(client: Client, query = ""): Promise<readonly AgentShape[]> {
  const agents: AgentShape[] = [];
  let after = "";
  do {
    const answer = await client.call(`/api/v1/agents?limit=1000${query}${after === "" ? "" : `&after=${after}`}`);
    agents.push(...member(answer, "agents"));
    after = isObject(answer) && typeof answer["next"] === "string" ? answer["next"] : "";
  } while (after !== "");
  return agents;
}

/** `project/name`, or `project/id` for one without a name. */
export const nameOf = ({ project, name, id }: Pick<AgentShape, "project" | "name" | "id">): string =>
  `${project}/${name ?? id}`;

export const pathOf = ({ project, id }: Pick<AgentShape, "project" | "id">): string =>
  `/projects/${project}/agents/${id}`;
