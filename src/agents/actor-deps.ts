/** What an actor is given: the daemon around it, with time, chance and the machine as arguments. */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { RunningTime } from "../lib/running-time.ts";
import type { Identity } from "../process/identity.ts";
import type { Agent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import type { AgentState, Elapsed } from "../words/agent.ts";
import type { Accounts } from "./accounts.ts";
import type { Bus } from "./bus.ts";
import type { Closers } from "./closing.ts";
import type { Groups } from "./groups.ts";
import type { Journal } from "./journal.ts";
import type { LaunchRequest } from "./launch.ts";
import type { Limits, Notice } from "./model.ts";
import type { StartGate } from "./start-gate.ts";
import type { RunSettings } from "./run-settings.ts";

export interface ActorDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Logger;
  readonly limits: Limits & { readonly runOutputBytes: number };
  readonly groups: Groups;
  readonly agentDir: string;
  readonly runSettings: (agent: Agent) => RunSettings;
  readonly newNonce: () => string;
  readonly newUuid: () => string;
  /** Who does what is done before a turn's end counts. */
  readonly closers: Closers;
  readonly enqueue: (agent: Agent, notice: Notice, state: AgentState) => void;
  /** Of its project's budget of the day, by its other agents. */
  readonly reservedByOthers: (agent: Agent) => number;
  /** The others of its project shall look at what they share. */
  readonly tellSharers: (agent: Agent) => void;
  readonly purged: (id: string) => void;
  /** Of this process: what our own waits count with. */
  readonly running: RunningTime;
  readonly machine: () => Omit<Elapsed, "ms">;
  readonly gate: StartGate;
  readonly accounts: Accounts;
  /** Of the waits for limits: 1 but in tests. */
  readonly pace: number;
  /** Whoever keeps the time of limits is to look again. */
  readonly limitsChanged: () => void;
  readonly launch: (request: LaunchRequest) => Promise<Identity>;
  /** Makes what the agent needs before it starts; null: nothing. */
  readonly prepare: (agent: Agent, signal: AbortSignal) => Promise<void> | null;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}
