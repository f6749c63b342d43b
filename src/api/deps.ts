/** What the API's handlers work with. Made once, in `cli/serve.ts`. */
import type { Attachments } from "../agents/attach.ts";
import type { Accounts } from "../agents/accounts.ts";
import type { Keeper } from "../night/keeper.ts";
import type { Bus } from "../agents/bus.ts";
import type { Actor } from "../agents/actor.ts";
import type { Journal } from "../agents/journal.ts";
import type { Reporter } from "../agents/report.ts";
import type { Supervisor } from "../agents/supervisor.ts";
import type { HarnessConfig } from "../config/harness.ts";
import type { Metric } from "../http/metrics.ts";
import type { Clock } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { ProviderTable } from "../providers/index.ts";
import type { Age } from "../store/age.ts";
import type { Store } from "../store/database.ts";
import { getAgent } from "../store/agents.ts";
import type { Rooms } from "../workspaces/rooms.ts";
import { getProject } from "../store/projects.ts";

export interface ApiDeps {
  readonly config: HarnessConfig;
  readonly store: Store;
  readonly journal: Journal;
  readonly supervisor: Supervisor;
  readonly providers: ProviderTable;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly age: Age;
  readonly log: Logger;
  readonly startedAt: number;
  /** Of this box in its fleet; absent where it is alone. */
  readonly nodeName?: string;
  /** 8 hex digits. */
  readonly newId: () => string;
  /** UUID v4. */
  readonly newUuid: () => string;
  readonly newDeliveryId: () => string;
  readonly wakeWebhooks: () => void;
  /** Sends this delivery in any case, whatever waits before it. */
  readonly tryWebhook: (id: string) => void;
  /** Loaded when somebody asks how a provider stands. */
  readonly reporter: () => Promise<Reporter>;
  readonly attachments: Attachments;
  readonly accounts: Accounts;
  /** Loaded when an account is at its limit, or when somebody asks for one. */
  readonly keeper: () => Promise<Keeper>;
  /** Loaded when somebody asks for what agents' folders hold. */
  readonly rooms: () => Promise<Rooms>;
  /** Projects whose agents are being ended, because they are being deleted: they take no new ones. */
  readonly going: Set<string>;
  /** What is counted besides, by what the config has added. */
  readonly moreMetrics: Set<() => readonly Metric[]>;
  readonly inheritedEnv: Readonly<Record<string, string | undefined>>;
}

export interface AgentParams {
  readonly name: string;
  readonly id: string;
}

/** The agent that a path names. 404 when the project or the agent is not there, 503 until the boot is over. */
export function actorAt({ store, supervisor }: ApiDeps, { name, id }: AgentParams): Actor {
  getProject(store, name);
  const { id: exact } = getAgent(store, name, id);
  const actor = supervisor.ready ? supervisor.find(exact) : null;
  if (actor === null || supervisor.isPending(exact)) throw notReady();
  return actor;
}

/** 503 until the boot is over: what is stored of agents was not yet compared with what lives. */
export function assertReady({ supervisor }: ApiDeps): void {
  if (!supervisor.ready) throw notReady();
}

/** 409 for a project that is on its way out. */
export function assertStays({ going }: Pick<ApiDeps, "going">, project: string): void {
  if (!going.has(project)) return;
  throw new HarnessError("PROJECT_GOING", `project "${project}" is being deleted: wait, then make it again`);
}

function notReady(): HarnessError {
  return new HarnessError(
    "NOT_READY",
    "the daemon is still looking at what survived its restart: try again in a second",
    { headers: { "Retry-After": "1" } },
  );
}
