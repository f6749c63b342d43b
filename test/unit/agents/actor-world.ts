/** An actor on a store in memory, with a clock that is moved by hand and no process: for the tests of what it does. */
import { createAccounts } from "../../../src/agents/accounts.ts";
import type { ActorDeps } from "../../../src/agents/actor-deps.ts";
import type { Closers } from "../../../src/agents/closing.ts";
import { createActor } from "../../../src/agents/actor.ts";
import { createBus } from "../../../src/agents/bus.ts";
import { createGroups } from "../../../src/agents/groups.ts";
import { createJournal } from "../../../src/agents/journal.ts";
import type { Live } from "../../../src/agents/live.ts";
import { createSalvage } from "../../../src/agents/reconcile.ts";
import { initialState } from "../../../src/store/agent-state.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { HarnessError } from "../../../src/lib/errors.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { createRunningTime } from "../../../src/lib/running-time.ts";
import type { AnyCodec } from "../../../src/providers/contract.ts";
import { missingProvider } from "../../../src/providers/index.ts";
import type { Agent } from "../../../src/store/agents.ts";
import { findAgent, insertAgent } from "../../../src/store/agents.ts";
import { openStore } from "../../../src/store/database.ts";
import { getRun } from "../../../src/store/runs.ts";
import { createStartGate } from "../../../src/agents/start-gate.ts";
import type { ClosingTerms } from "../../../src/agents/model.ts";
import type { DayBudget } from "../../../src/words/budget.ts";

interface Closing {
  readonly terms: readonly ClosingTerms[];
  readonly closers: Closers;
}

const NOTHING: Closing = { terms: [], closers: {} };

export function world(codec: AnyCodec = missingProvider("x").codec, closing: Closing = NOTHING) {
  const real = openStore(":memory:");
  let full = false;
  const store = {
    ...real,
    transact<T>(work: () => T): T {
      if (full) throw new Error("database or disk is full");
      return real.transact(work);
    },
  };
  real.run("INSERT INTO projects (name, cwd, created_at) VALUES ('p', '/', 0)");
  const clock = fakeClock();
  const bus = createBus();
  const running = createRunningTime(clock);
  let bootId = "b";
  const begun: number[] = [];
  const givenUp: number[] = [];
  const journal = createJournal({ store, clock, bus });
  const decided: (readonly string[])[] = [];
  let budgetPerDay: DayBudget | null = null;
  let shortage: Error = shortageOf("EMFILE");
  let shortages = 0;
  let stallWarnMs = 0;
  const noticed: string[] = [];
  let held = false;
  const deps: ActorDeps = {
    store,
    clock,
    bus,
    log: silentLogger,
    journal: {
      ...journal,
      async join(scope, over, ...rest) {
        let last: readonly string[] = [];
        await journal.join(scope, () => (last = over()), ...rest);
        decided.push(last);
      },
    },
    agentDir: "/nowhere",
    groups: createGroups(null, silentLogger),
    limits: {
      parkIdleMs: 0,
      turnTimeoutMs: 0,
      get stallWarnMs() {
        return stallWarnMs;
      },
      toolStallWarnMs: 0,
      permissionTimeoutMs: 0,
      limitMaxWaitMs: 0,
      runOutputBytes: 1e9,
    },
    runSettings: () => {
      // A foreign lock that comes between a commit and what is read behind it.
      if (held && !real.db.inTransaction) throw new HarnessError("STORE_BUSY", "held");
      return {
        codec,
        permissions: "ask",
        limits: { agentMemoryBytes: 0, agentTasks: 0, agentCpuWeight: 0 },
        budget: {},
        budgetPerDay,
        closing: closing.terms,
        verify: null,
        result: null,
        checking: () => ({ cwd: "/", env: {}, trusted: true }),
        model: null,
        onLimit: "park",
        launch: () => {
          throw new Error("not asked for here");
        },
        payer: () => ({ kind: "command", model: null, env: {} }),
      };
    },
    accounts: createAccounts({ store, loadIdentity: async () => () => "command:test" }),
    pace: 1,
    limitsChanged: () => undefined,
    gate: createStartGate(clock),
    prepare: () => null,
    newNonce: () => "n",
    newUuid: () => "00000000-0000-4000-8000-000000000001",
    closers: closing.closers,
    enqueue: (_agent, { event, error }) => void noticed.push(`${event}: ${error?.message ?? ""}`),
    reservedByOthers: () => 0,
    tellSharers: () => undefined,
    purged: () => undefined,
    running,
    machine: () => ({ bootId, uptimeMs: clock.monotonic() }),
    seam: () => undefined,
    launch: ({ run, unwanted }) => {
      begun.push(run);
      if (shortages-- > 0) return Promise.reject(shortage);
      const { promise, reject } = Promise.withResolvers<never>();
      unwanted.addEventListener("abort", () => {
        givenUp.push(run);
        clock.setTimer(1000, () => reject(new HarnessError("SPAWN_FAILED", "killed before it was recorded")));
      });
      return promise;
    },
  };
  const agent: Agent = {
    id: "a1b2c3d4",
    project: "p",
    name: null,
    provider: "x",
    uuid: "u",
    state: initialState(0),
    createdAt: 0,
    updatedAt: 0,
    settings: { model: null, permissions: null, systemPrompt: null, env: {}, webhook: null, metadata: {} },
  };
  insertAgent(real, agent);
  const actor = createActor(deps, agent);
  let closed = 0;
  // Only what `ended` asks of it.
  const live = { stderrTail: () => "", left: () => [], close: () => void closed++ } as unknown as Live;
  return {
    actor,
    running,
    /** The agent as the next daemon finds it, on this or another boot. */
    again(boot: string) {
      bootId = boot;
      return createActor(deps, findAgent(real, agent.id) ?? agent);
    },
    bus,
    clock,
    live,
    begun,
    givenUp,
    decided,
    setDay: (budget: DayBudget) => void (budgetPerDay = budget),
    closed: () => closed,
    stored: () => findAgent(real, agent.id)?.state,
    runRow: () => getRun(real, agent.id, 1),
    salvage: createSalvage({ store, clock, log: silentLogger, accountOf: () => "" }),
    want(times: number, error = shortageOf("EMFILE")) {
      shortages = times;
      shortage = error;
    },
    warnAfter: (ms: number) => void (stallWarnMs = ms),
    noticed,
    hold: (now: boolean) => void (held = now),
    fill: (now: boolean) => void (full = now),
    store: real,
  };
}

export const shortageOf = (code: string): Error => Object.assign(new Error(`${code}: there is none`), { code });

/** Lets what was begun by a timer come to its commit. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(() => setImmediate(resolve)));
