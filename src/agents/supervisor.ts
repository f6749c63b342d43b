/**
 * All agents of this daemon: makes them, starts their processes, brings them back after a restart, and lets them go
 * unharmed.
 */
import { join } from "node:path";
import type { Clock, Timer } from "../lib/clock.ts";
import { untilPossible } from "../lib/descriptors.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { createRunningTime } from "../lib/running-time.ts";
import { readBootId, readUptimeMs } from "../process/proc.ts";
import type { Provider } from "../providers/index.ts";
import type { Agent } from "../store/agents.ts";
import { allAgentIds, countAgents, findAgent, insertAgent } from "../store/agents.ts";
import { endLeftovers } from "../process/leftovers.ts";
import type { ProcessInfo } from "../process/proc.ts";
import type { Store } from "../store/database.ts";
import { noncesOf } from "../store/runs.ts";
import type { AgentState } from "../words/agent.ts";
import type { Accounts } from "./accounts.ts";
import type { Actor } from "./actor.ts";
import { createActor } from "./actor.ts";
import type { ActorDeps } from "./actor-deps.ts";
import { takeOver } from "./boot.ts";
import type { Bus } from "./bus.ts";
import type { Closers } from "./closing.ts";
import type { Groups } from "./groups.ts";
import type { Journal } from "./journal.ts";
import { launchRun } from "./launch.ts";
import type { Limits, Notice } from "./model.ts";
import { createSalvage, giveUp, reconcile } from "./reconcile.ts";
import type { StepWork } from "./step.ts";
import type { Payer, RunSettings } from "./run-settings.ts";
import { createStartGate } from "./start-gate.ts";

/** So many sweeps without a commit are a quiet time: half a minute. */
const QUIET_SWEEPS = 6;
/** A minute: what is left of a wait is stored at least so often. */
const REMEMBER_SWEEPS = 12;
/** After a restart no deadline is decided sooner: what happened meanwhile has to be seen first. */
const GRACE_MS = 10_000;
/** How long a store that takes nothing is waited for before it is said that an agent could not be deleted. */
const REMOVE_PATIENCE_MS = 5000;

export interface SupervisorDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Logger;
  readonly limits: Limits & { readonly maxAgents: number; readonly runOutputBytes: number };
  readonly stateDir: string;
  readonly groups: Groups;
  /** By its name, with its codec; a stand-in for one that the config has not any more. */
  readonly provider: (name: string) => Promise<Provider>;
  readonly runSettings: (provider: Provider, agent: Agent, agentDir: string) => RunSettings;
  readonly enqueue: (agent: Agent, notice: Notice, state: AgentState) => void;
  readonly newNonce: () => string;
  readonly newUuid: () => string;
  readonly closers: Closers;
  readonly accounts: Accounts;
  readonly pace: number;
  readonly limitsChanged: () => void;
  readonly prepare: ActorDeps["prepare"];
  readonly seam: (name: string) => void;
  readonly sweepMs: number;
  /** Nothing happened for a while: what was only kept to be fast may go. */
  readonly quiet: () => void;
}

export interface Supervisor {
  /**
   * Brings every agent's row in line with what lives. `ready` after it, or when it takes long: then it goes on, and
   * those that are not yet taken over are pending.
   */
  boot(): Promise<void>;
  readonly ready: boolean;
  /** Stores the agent and what `first` does with it in one transaction. */
  create(agent: Agent, provider: Provider, first: (actor: Actor, step: StepWork) => void): Actor;
  /**
   * Ends the agent's processes and what its runs left behind, then forgets it. Resolves when all is done, with those
   * that live on all the same.
   */
  remove(id: string): Promise<readonly ProcessInfo[]>;
  find(id: string): Actor | null;
  /** What tells who pays for it. Throws for an agent that is not there. */
  payerOf(agent: Agent): Payer;
  /** Not yet compared with what lives: nothing can be said about it, nor asked of it. */
  isPending(id: string): boolean;
  actors(): Iterable<Actor>;
  /** As they are stored right now, in no order. */
  agents(): IteratorObject<Agent>;
  /** Lets go of every process without touching it. */
  close(): void;
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, journal, clock, bus, log } = deps;
  const actors = new Map<string, Actor>();
  const running = createRunningTime(clock);
  const bootId = readBootId();
  const gate = createStartGate(clock);
  let ready = false;
  let closed = false;
  let isPending = (_id: string): boolean => true;
  let sweep: Timer | null = null;

  const removals = new Map<string, () => void>();
  const purged = (id: string): void => {
    actors.delete(id);
    removals.get(id)?.();
    removals.delete(id);
  };

  const build = (agent: Agent, provider: Provider): Actor => {
    const agentDir = join(deps.stateDir, "agents", agent.id);
    const actor = createActor(
      {
        store,
        journal,
        clock,
        bus,
        log,
        limits: deps.limits,
        groups: deps.groups,
        agentDir,
        newNonce: deps.newNonce,
        newUuid: deps.newUuid,
        closers: deps.closers,
        prepare: deps.prepare,
        enqueue: deps.enqueue,
        seam: deps.seam,
        runSettings: (current) => deps.runSettings(provider, current, agentDir),
        reservedByOthers: ({ id, project }) => sum(others(id, project).map((each) => each.state().reservedUsd ?? 0)),
        tellSharers: ({ id, project }) => others(id, project).forEach(recheck),
        purged,
        running,
        machine: () => ({ bootId, uptimeMs: readUptimeMs() ?? 0 }),
        gate,
        accounts: deps.accounts,
        pace: deps.pace,
        limitsChanged: deps.limitsChanged,
        launch: launchRun,
      },
      agent,
    );
    actors.set(agent.id, actor);
    return actor;
  };

  const others = (id: string, project: string): Actor[] =>
    [...actors.values()].filter((each) => each.id !== id && each.agent().project === project);

  const recheck = (actor: Actor): void => {
    try {
      actor.facts("timer", { type: "recheck" });
    } catch (error) {
      log.warn("cannot store how an agent's budget stands now, a later sweep looks again", { agent: actor.id, error });
    }
  };

  /** A day is over, a share may have come back, or others have spent what it shares while nobody could say so. */
  const looksAgain = (actor: Actor, often: boolean): boolean => {
    const { overspent, turn } = actor.state();
    if (overspent !== null && turn === null) return overspent.waits || (overspent.until ?? Infinity) <= clock.now();
    return !often && turn !== null && actor.runSettings().budgetPerDay !== null;
  };

  const accountOf = (actor: Actor): string => deps.accounts.of(actor.agent());
  const salvage = createSalvage({ store, clock, log, accountOf });
  let quietSweeps = 0;
  bus.onCommit(() => (quietSweeps = 0));
  let sweeps = 0;
  const sweepOnce = (): void => {
    running.beat(deps.sweepMs);
    for (const actor of actors.values()) {
      try {
        actor.checkProcess();
        if (looksAgain(actor, sweeps % REMEMBER_SWEEPS !== 0)) recheck(actor);
        salvage(actor);
      } catch (error) {
        log.warn("cannot look at an agent's process now, the next sweep does", { agent: actor.id, error });
      }
    }
    if (++sweeps % REMEMBER_SWEEPS === 0) {
      const stored = Promise.all([...actors.values()].map((actor) => actor.remember()));
      stored.catch((error: unknown) => log.error("cannot store how much is left of what agents wait for", { error }));
    }
    if (++quietSweeps === QUIET_SWEEPS) deps.quiet();
    sweep = clock.setTimer(deps.sweepMs, sweepOnce);
  };

  return {
    get ready() {
      return ready;
    },
    async boot() {
      const read = <T>(work: () => T): Promise<T> => untilPossible(clock, work, { wanted: () => !closed });
      for (const id of await read(() => allAgentIds(store))) {
        const agent = await read(() => findAgent(store, id));
        if (agent !== null) build(agent, await deps.provider(agent.provider));
      }
      const living = [...actors.values()].filter((actor) => actor.state().process === "running");
      const load = () => deps.accounts.load(living.map((actor) => actor.agent()));
      if (actors.size > 0) await untilPossible(clock, load, { wanted: () => !closed });
      if (closed) return;
      running.beat(deps.sweepMs);
      const survivors = [...actors.values()].map((actor) => ({
        id: actor.id,
        reconcile: () => reconcile(actor, { store, clock, log, accountOf }),
        giveUp: async (reason: string) => (closed ? undefined : giveUp(actor, reason, { store, clock })),
        activate: () => closed || actor.activate(GRACE_MS),
      }));
      const taken = takeOver(survivors, { clock, log });
      isPending = taken.isPending;
      await taken.done;
      if (closed) return;
      sweep = clock.setTimer(deps.sweepMs, sweepOnce);
      ready = true;
    },
    create(agent, provider, first) {
      const { total } = countAgents(store);
      if (total >= deps.limits.maxAgents) {
        throw new HarnessError(
          "TOO_MANY_AGENTS",
          `there are ${total} agents, limits.maxAgents is ${deps.limits.maxAgents}: delete some, or raise the limit`,
        );
      }
      const actor = build(agent, provider);
      try {
        actor.step("api", (step) => {
          insertAgent(store, agent);
          step.event("agent_created", { agent: { id: agent.id, name: agent.name, provider: agent.provider } });
          first(actor, step);
        });
      } catch (error) {
        actor.close();
        actors.delete(agent.id);
        throw error;
      }
      actor.activate();
      return actor;
    },
    async remove(id) {
      const actor = actors.get(id);
      if (actor === undefined) return [];
      // Whoever asked has been noted as having begun it.
      const patience = () => {
        const begunAt = clock.monotonic();
        return { wanted: () => clock.monotonic() - begunAt < REMOVE_PATIENCE_MS };
      };
      const soonest = patience();
      const nonces = new Set(await untilPossible(clock, () => noncesOf(store, id), soonest));
      await new Promise<void>((resolve, reject) => {
        const earlier = removals.get(id);
        removals.set(id, () => (earlier?.(), resolve()));
        untilPossible(clock, () => actor.facts("api", { type: "delete" }), soonest).catch(reject);
      });
      return untilPossible(clock, () => endLeftovers(nonces, actor.run.left(), clock), patience());
    },
    find: (id) => actors.get(id) ?? null,
    payerOf(agent) {
      const actor = actors.get(agent.id);
      if (actor === undefined) throw new HarnessError("AGENT_NOT_FOUND", `there is no agent ${agent.id}`);
      return actor.runSettings().payer();
    },
    isPending: (id) => isPending(id),
    actors: () => actors.values(),
    agents: () => actors.values().map((actor) => actor.agent()),
    close() {
      closed = true;
      ready = false;
      sweep?.cancel();
      for (const actor of actors.values()) actor.close();
    },
  };
}

const sum = (all: readonly number[]): number => all.reduce((total, each) => total + each, 0);
