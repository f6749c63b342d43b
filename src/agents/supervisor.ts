/**
 * All agents of this daemon: makes them, starts their processes, brings them back after a restart, and lets them go
 * unharmed.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import type { Clock, Timer } from "../lib/clock.ts";
import { errorText, HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { runPaths, spawnRun } from "../process/spawn.ts";
import { LaunchRefused } from "../providers/contract.ts";
import type { Launch } from "../providers/contract.ts";
import type { Agent } from "../store/agents.ts";
import { allAgentIds, countAgents, findAgent, insertAgent } from "../store/agents.ts";
import type { Store } from "../store/database.ts";
import { createGroupCommit } from "../store/group-commit.ts";
import type { Actor, Terms } from "./actor.ts";
import { createActor } from "./actor.ts";
import type { Bus } from "./bus.ts";
import { openLive } from "./live.ts";
import type { AgentState, Limits } from "./model.ts";
import { reconcile } from "./reconcile.ts";
import type { Notice, StepWork } from "./step.ts";

/** So many sweeps without a commit are a quiet time: half a minute. */
const QUIET_SWEEPS = 6;

export interface SupervisorDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly bus: Bus;
  readonly log: Logger;
  readonly limits: Limits & { readonly maxAgents: number };
  readonly stateDir: string;
  readonly terms: (agent: Agent, agentDir: string) => Terms;
  readonly enqueue: (agent: Agent, notice: Notice, state: AgentState) => void;
  readonly newNonce: () => string;
  readonly seam: (name: string) => void;
  readonly sweepMs: number;
  /** Nothing happened for a while: what was only kept to be fast may go. */
  readonly quiet: () => void;
}

export interface Supervisor {
  /** Brings every agent's row in line with what lives. `ready` only after it. */
  boot(): Promise<void>;
  readonly ready: boolean;
  /** Stores the agent and what `first` does with it in one transaction. */
  create(agent: Agent, first: (actor: Actor, step: StepWork) => void): Actor;
  /** Ends the agent's processes, then forgets it. Resolves when both are done. */
  remove(id: string): Promise<void>;
  find(id: string): Actor | null;
  actors(): Iterable<Actor>;
  /** As they are stored right now, in no order. */
  agents(): IteratorObject<Agent>;
  /** Lets go of every process without touching it. */
  close(): void;
}

export function createSupervisor(deps: SupervisorDeps): Supervisor {
  const { store, clock, bus, log } = deps;
  const group = createGroupCommit(store);
  const actors = new Map<string, Actor>();
  let ready = false;
  let closed = false;
  let sweep: Timer | null = null;

  const removals = new Map<string, () => void>();
  const purged = (id: string): void => {
    actors.delete(id);
    removals.get(id)?.();
    removals.delete(id);
  };

  const build = (agent: Agent): Actor => {
    const agentDir = join(deps.stateDir, "agents", agent.id);
    const actor = createActor(
      {
        store,
        group,
        clock,
        bus,
        log,
        limits: deps.limits,
        agentDir,
        newNonce: deps.newNonce,
        enqueue: deps.enqueue,
        seam: deps.seam,
        terms: (current) => deps.terms(current, agentDir),
        begin,
        purged,
      },
      agent,
    );
    actors.set(agent.id, actor);
    return actor;
  };

  /**
   * Starts the process of a run whose row is committed. Whatever goes wrong becomes the run's end, never an exception.
   */
  const begin = async (actor: Actor, run: number, nonce: string): Promise<void> => {
    const paths = runPaths(actor.agentDir, run);
    try {
      const { codec, launch } = actor.terms();
      const context = launch(run);
      const { argv, env, files = [] } = codec.launch(context);
      mkdirSync(actor.agentDir, { recursive: true, mode: 0o700 });
      writeFiles(actor.agentDir, files);
      removeOldRuns(actor.agentDir, run);
      const { prompt } = context;
      let input: { kind: "fifo" } | { kind: "file"; path: string } = { kind: "fifo" };
      if (codec.traits.oneshot) {
        input = { kind: "file", path: "/dev/null" };
        if (prompt?.as === "stdin") {
          input = { kind: "file", path: join(actor.agentDir, `prompt-${run}`) };
          writeFileSync(input.path, prompt.text, { mode: 0o600 });
        }
      }
      const identity = await spawnRun({ paths, argv, env: { ...context.env, ...env }, cwd: context.cwd, nonce, input });
      deps.seam("spawned");
      if (closed) return; // the next daemon finds it by its `pid` file
      actor.attach(openLive(actor, { paths, identity, offset: 0, clock, log }));
      actor.begun(identity);
      if (actor.state().intent !== null) actor.live()?.end(null);
    } catch (error) {
      if (closed) return;
      const known = error instanceof LaunchRefused || error instanceof HarnessError;
      if (!known) log.error("cannot start an agent's process", { agent: actor.id, run, error });
      actor.facts("exit", {
        type: "start_failed",
        code: known ? error.code : "START_FAILED",
        message: errorText(error),
      });
      actor.ended(null);
    }
  };

  let quietSweeps = 0;
  bus.onCommit(() => (quietSweeps = 0));
  const sweepOnce = (): void => {
    for (const actor of actors.values()) actor.live()?.check();
    if (++quietSweeps === QUIET_SWEEPS) deps.quiet();
    sweep = clock.setTimer(deps.sweepMs, sweepOnce);
  };

  return {
    get ready() {
      return ready;
    },
    async boot() {
      for (const id of allAgentIds(store)) {
        const agent = findAgent(store, id);
        if (agent !== null) build(agent);
      }
      await Promise.all([...actors.values()].map((actor) => reconcile(actor, { store, clock, log })));
      for (const actor of actors.values()) actor.activate();
      sweep = clock.setTimer(deps.sweepMs, sweepOnce);
      ready = true;
    },
    create(agent, first) {
      const { total } = countAgents(store);
      if (total >= deps.limits.maxAgents) {
        throw new HarnessError(
          "TOO_MANY_AGENTS",
          `there are ${total} agents, limits.maxAgents is ${deps.limits.maxAgents}: delete some, or raise the limit`,
          { status: 429 },
        );
      }
      const actor = build(agent);
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
    remove(id) {
      const actor = actors.get(id);
      if (actor === undefined) return Promise.resolve();
      return new Promise((resolve) => {
        const earlier = removals.get(id);
        removals.set(id, () => (earlier?.(), resolve()));
        actor.facts("api", { type: "delete" });
      });
    },
    find: (id) => actors.get(id) ?? null,
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

function writeFiles(agentDir: string, files: NonNullable<Launch["files"]>): void {
  for (const { path, content } of files) {
    const full = normalize(join(agentDir, path));
    if (!full.startsWith(`${agentDir}/`))
      throw new HarnessError("START_FAILED", `a file of the provider lies outside the agent's folder: ${path}`, {
        status: 500,
      });
    mkdirSync(dirname(full), { recursive: true, mode: 0o700 });
    writeFileSync(full, content, { mode: 0o600 });
  }
}

/**
 * Earlier runs are read to their end and committed before a new one is spawned: their folders hold nothing any more.
 */
function removeOldRuns(agentDir: string, run: number): void {
  const folder = join(agentDir, "run");
  for (const name of existing(folder))
    if (Number(name) < run) rmSync(join(folder, name), { recursive: true, force: true });
  for (const name of existing(agentDir)) {
    const old = /^prompt-(\d+)$/.exec(name);
    if (old !== null && Number(old[1]) < run) rmSync(join(agentDir, name), { force: true });
  }
}

function existing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // the first run makes it
  }
}
