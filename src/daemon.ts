/** Puts the daemon together: lock, store, agents, outbox, API, listener; and takes it apart in the opposite order. */
import { availableParallelism, hostname } from "node:os";
import { join } from "node:path";
import { createGroups } from "./agents/groups.ts";
import { startHousekeeping } from "./agents/housekeeping.ts";
import { createAccounts } from "./agents/accounts.ts";
import { createAttachments } from "./agents/attach.ts";
import { createBus } from "./agents/bus.ts";
import { createJournal, event } from "./agents/journal.ts";
import type { Closer } from "./agents/closing.ts";
import type { Reporter } from "./agents/report.ts";
import type { Supervisor } from "./agents/supervisor.ts";
import { createSupervisor } from "./agents/supervisor.ts";
import { isTrusted, keepsWork, runSettingsOf } from "./agents/run-settings.ts";
import type { ApiDeps } from "./api/deps.ts";
import { inspectRoutes } from "./api/inspect.ts";
import { apiRoutes } from "./api/routes.ts";
import { nodeNameOf } from "./config/fleet.ts";
import type { HarnessConfig } from "./config/harness.ts";
import { createAuth } from "./http/auth.ts";
import { createGuard } from "./http/guard.ts";
import { createFront } from "./http/front.ts";
import type { App } from "./http/router.ts";
import { createApp } from "./http/router.ts";
import type { Listeners } from "./http/server.ts";
import { listenAll } from "./http/server.ts";
import type { Clock } from "./lib/clock.ts";
import { randomHex } from "./lib/digest.ts";
import { given } from "./lib/given.ts";
import { holdSpareDescriptors } from "./lib/descriptors.ts";
import type { HarnessError } from "./lib/errors.ts";
import type { Logger } from "./lib/log.ts";
import { keepFilesPrivate } from "./lib/umask.ts";
import { ownDelegation } from "./process/delegation.ts";
import { startService } from "./process/service.ts";
import { pageFiles } from "./page.ts";
import type { Keeper } from "./night/keeper.ts";
import { SWEEP_MS } from "./process/watch.ts";
import { missingProvider, providerTable } from "./providers/index.ts";
import { screenOfKind } from "./providers/screens.ts";
import { lookForStrays, lost, makeStateDir, takeLock, useStore, watchLock, writeOwner } from "./state.ts";
import type { StateLock, Store } from "./store/database.ts";
import { hasChecks } from "./store/checks.ts";
import { hasLimits } from "./store/limits.ts";
import { startForgetting } from "./store/forget.ts";
import { patiently } from "./store/patience.ts";
import { startRetention } from "./store/retention.ts";
import { createAge } from "./store/age.ts";
import { saveSurvivors } from "./store/starts.ts";
import { hasWorkspaces } from "./store/workspaces.ts";
import { enqueueNotice } from "./webhook/outbox.ts";
import { createWorker, type WorkerDeps } from "./webhook/worker.ts";
import type { Rooms } from "./workspaces/rooms.ts";

export interface DaemonOptions {
  readonly config: HarnessConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly clock: Clock;
  /** Ends a start that still waits for something. */
  readonly signal?: AbortSignal;
}

export interface Daemon {
  /** The first that it listens on. */
  readonly url: string;
  readonly urls: readonly string[];
  /** Resolves when another daemon has taken the state directory: this one must not write any more. */
  readonly displaced: Promise<HarnessError>;
  stop(): Promise<void>;
}

/** An address may come a moment later than we do, at the start of a box. */
const ADDRESS_MS = 10_000;
const NEVER = new AbortController().signal;

/** Throws LOCKED, STATE_DIR, ADDRESS_IN_USE, LISTEN_FAILED. */
export async function startDaemon({ config, env, log, clock, signal = NEVER }: DaemonOptions): Promise<Daemon> {
  const startedAt = clock.now();
  const { stateDir } = config;
  keepFilesPrivate();
  const releaseSpare = holdSpareDescriptors(clock);
  if (process.pid === 1) log.warn(AS_INIT);
  makeStateDir(stateDir, log);
  const guard = createGuard({ allowedHosts: config.allowedHosts, ownNames: [hostname()] });
  const front = createFront(guard);
  const patience = { clock, log, waiting: front.waitFor, signal };
  const whenPossible = <T>(work: () => T | Promise<T>): Promise<T> => patiently(work, patience);
  const lock = await whenPossible(() => takeLock(stateDir));
  const { listener, store } = await open(config, front, lock, () => whenPossible(() => useStore(stateDir, startedAt)));
  // Also a read may find the store held, where somebody else lets go of it as its last user.
  await whenPossible(() => lookForStrays(stateDir, store, log));
  const bus = createBus();
  const forgetting = startForgetting({ store, path: join(stateDir, "harness.db"), clock, log });
  bus.onCommit(({ events }) => events.some(({ type }) => type === "agent_deleted") && forgetting.wake());
  const age = await whenPossible(() => createAge(store, clock));
  const journal = createJournal({ store, clock, bus });
  const providers = providerTable(config.providers);
  const seam = seamFrom(env);
  const nodeName = config.fleet && nodeNameOf(config.fleet, hostname());
  const outbox = { ...config.webhook, ...given({ node: nodeName }) };
  const newDeliveryId = (): string => `msg_${randomHex(16)}`;
  const groups = createGroups(await ownDelegation(), log);
  const sources = {
    store,
    onLimit: config.onLimit,
    limits: config.limits,
    budget: config.budget,
    trustedRoots: config.projects.trustedRoots,
    inheritedEnv: env,
    isRoot: process.getuid?.() === 0,
    self: selfCommand(),
  };

  const pace = paceFrom(env);
  const accounts = createAccounts({
    store,
    async loadIdentity() {
      const { createIdentify } = await import("./night/identify.ts");
      const identify = createIdentify(store);
      return (agent) => identify(supervisor.payerOf(agent));
    },
  });
  let kept: Promise<Keeper> | null = null;
  const keeper = (): Promise<Keeper> =>
    (kept ??= import("./night/keeper.ts").then(({ createKeeper }) =>
      createKeeper({
        store,
        clock,
        log,
        pace,
        newKey: () => crypto.randomUUID(),
        actors: () => supervisor.actors(),
        isPending: (id) => supervisor.isPending(id),
        accountOf: (actor) => accounts.of(actor.agent()),
      }),
    ));

  const deliver = {
    store,
    clock,
    age: age.now,
    log,
    random: Math.random,
    seam,
    config: config.webhook,
    resolve: async (host) => (await Bun.dns.lookup(host)).map(({ address }) => address),
    settled: ({ id, project, agent, event: about }, state) =>
      journal.within({ project, agent }, (entry) =>
        event(entry, "delivery", { delivery: { id, event: about, state } }),
      ),
  } satisfies WorkerDeps;
  const worker = await whenPossible(() => createWorker(deliver));

  const newNonce = (): string => randomHex(16);
  const checks = { store, clock, log, groups, outputBytes: config.limits.runOutputBytes, newNonce, seam };
  let checker: Promise<Closer> | null = null;
  let opened: Promise<Rooms> | null = null;
  const rooms = (): Promise<Rooms> =>
    (opened ??= import("./workspaces/rooms.ts").then(({ createRooms }) =>
      createRooms({
        store,
        journal,
        clock,
        log,
        stateDir,
        snapshotBytes: config.limits.snapshotBytes,
        isTrusted: (project) => isTrusted(project, config.projects.trustedRoots),
        inheritedEnv: env,
        newNonce: () => randomHex(8),
        seam,
      }),
    ));

  const supervisor = createSupervisor({
    store,
    journal,
    clock,
    bus,
    log,
    limits: config.limits,
    stateDir: config.stateDir,
    groups,
    seam,
    sweepMs: SWEEP_MS,
    quiet() {
      forgetting.quiet();
      store.shrink();
      Bun.shrink(); // compiled code, too: it comes again with the work
    },
    provider: async (name) => (await providers.get(name)?.load()) ?? missingProvider(name),
    runSettings: (provider, agent, agentDir) => runSettingsOf(sources, provider, agent, agentDir),
    enqueue(agent, notice, state) {
      if (enqueueNotice(store, outbox, agent, notice, state, newDeliveryId, clock.now())) worker.wake();
    },
    newNonce,
    newUuid: () => crypto.randomUUID(),
    closers: {
      snapshot: async () => (await rooms()).closer,
      result: () => import("./agents/result.ts").then(({ createResultCloser }) => createResultCloser({ store, seam })),
      check: () => (checker ??= import("./agents/check.ts").then(({ createCheckCloser }) => createCheckCloser(checks))),
    },
    accounts,
    pace,
    limitsChanged: () => void keeper().then((it) => it.look()),
    prepare: (agent, signal) => (keepsWork(agent) ? rooms().then((found) => found.prepare(agent, signal)) : null),
  });

  const attachments = createAttachments({
    store,
    journal,
    clock,
    log,
    newId: () => crypto.randomUUID(),
    actors: () => supervisor.actors(),
    find: (agent) => supervisor.find(agent),
    screenOf: (actor) => screenOfKind(providers.get(actor.agent().provider)?.settings.kind),
  });

  let reporter: Promise<Reporter> | null = null;
  const deps: ApiDeps = {
    attachments,
    config,
    store,
    journal,
    supervisor,
    providers,
    bus,
    clock,
    age,
    log,
    startedAt,
    ...given({ nodeName }),
    inheritedEnv: env,
    keeper,
    accounts,
    newDeliveryId,
    wakeWebhooks: worker.wake,
    tryWebhook: worker.tryNow,
    newId: () => randomHex(4),
    newUuid: () => crypto.randomUUID(),
    going: new Set(),
    rooms,
    moreMetrics: new Set(),
    reporter: () =>
      (reporter ??= import("./agents/report.ts").then(({ createReporter }) =>
        createReporter({ ...sources, clock, stateDir: config.stateDir, newUuid: () => crypto.randomUUID() }),
      )),
  };
  const { fleet: joined } = config;
  const createFleet = joined && (await import("./fleet/fleet.ts")).createFleet;
  const machine = { cores: availableParallelism(), seam };
  const fleet = joined && (await whenPossible(() => createFleet?.(deps, joined, machine)));
  front.become(
    createApp({
      routes: [...apiRoutes(deps, fleet?.routes), ...inspectRoutes(pageFiles())],
      log,
      auth: createAuth({ token: config.auth.token ?? null, clock }),
      guard,
    }),
  );
  const [url = ""] = listener.urls;
  writeOwner(stateDir, url, log);
  if (config.auth.token === undefined && config.addresses.some(({ type }) => type === "tcp")) {
    log.warn(
      "there is no auth.token: every local user controls the agents; set auth.token, or listen on a unix socket",
    );
  }
  const service = await startService({ env, pid: process.pid, clock, log, status: () => serviceStatus(supervisor) });
  bus.onCommit(service.changed);
  if (!lock.check()) throw lost(stateDir);
  await supervisor.boot();
  rememberSurvivors(store, supervisor, log);
  if (await whenPossible(() => hasChecks(store)))
    void import("./agents/check.ts").then(({ endLeftChecks }) =>
      endLeftChecks(checks, (agent, turn) => supervisor.find(agent)?.state().turn?.id === turn),
    );
  if ((await whenPossible(() => hasLimits(store))) || supervisor.agents().some(({ state }) => state.limited !== null))
    (await keeper()).look();
  await whenPossible(() => attachments.boot());
  worker.wake();
  fleet?.start();
  const { eventsDays, workspacesDays } = config.retention;
  // Nobody ever had a workspace: nothing is loaded to find that out again.
  const tend = async (): Promise<void> => {
    if (hasWorkspaces(store))
      await (await rooms()).tend(age.cutoff(workspacesDays), (id) => supervisor.find(id) !== null);
  };
  const upkeep = [
    startHousekeeping({ clock, tend }),
    startRetention({ store, clock, log, age, eventsDays, copied: fleet?.copied ?? null }),
  ];
  const { promise: displaced, resolve: displace } = Promise.withResolvers<HarnessError>();
  const lockWatch = watchLock(lock, clock, SWEEP_MS, () => displace(lost(stateDir)));
  service.ready();
  log.info("ready", { urls: listener.urls, stateDir: config.stateDir });

  return {
    url,
    urls: listener.urls,
    displaced,
    async stop() {
      service.stopping();
      for (const each of upkeep) each.stop();
      age.stop();
      forgetting.stop();
      lockWatch.stop();
      await listener.stop({ graceMs: 300 });
      await fleet?.stop();
      attachments.close();
      void kept?.then((it) => it.close());
      supervisor.close();
      await worker.close();
      store.close();
      lock.release();
      releaseSpare();
    },
  };
}

const AS_INIT =
  "this program runs as process 1 and does not reap the orphans of its agents: start the container with an init (docker run --init, or init: true)";

/** For the report of the night only: a store that does not take it now keeps nobody from working. */
function rememberSurvivors(store: Store, supervisor: Supervisor, log: Logger): void {
  try {
    saveSurvivors(store, (agent, run) => {
      if (supervisor.isPending(agent)) return null;
      const state = supervisor.find(agent)?.state();
      return state?.run === run && (state.process === "running" || state.process === "parking");
    });
  } catch (error) {
    log.warn("cannot store which processes lived through the restart", { error });
  }
}

/** The listener first, so that it can be asked what the store waits for; without one of the two, neither. */
async function open(
  { addresses }: HarnessConfig,
  app: App,
  lock: StateLock,
  openStore: () => Promise<Store>,
): Promise<{ readonly listener: Listeners; readonly store: Store }> {
  let listener: Listeners | null = null;
  try {
    listener = await listenAll(addresses, { app, waitForAddressMs: ADDRESS_MS });
    return { listener, store: await openStore() };
  } catch (error) {
    await listener?.stop({ graceMs: 0 });
    lock.release();
    throw error;
  }
}

/** For `systemctl status`: how many agents are in which status. */
function serviceStatus(supervisor: Supervisor): string {
  const counts = new Map<string, number>();
  for (const { state } of supervisor.agents()) counts.set(state.status, (counts.get(state.status) ?? 0) + 1);
  if (counts.size === 0) return "no agents";
  return [...counts]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([status, count]) => `${count} ${status}`)
    .join(", ");
}

/**
 * How to run this very program: the compiled binary alone, or the runtime with its entry (a test has an entry of its
 * own).
 */
export function selfCommand(): readonly string[] {
  if (Bun.main.startsWith("/$bunfs/")) return [process.execPath];
  // From source, the runtime would take a .env and a bunfig.toml of the folder it is started in: an agent's project.
  return [process.execPath, "--no-env-file", "--config=/dev/null", join(import.meta.dir, "cli.ts")];
}

/** `AH_TEST_PACE=0.01`: waits for limits of accounts are so much shorter, for tests. */
function paceFrom(env: DaemonOptions["env"]): number {
  const pace = Number(env["AH_TEST_PACE"] ?? 1);
  return pace > 0 && pace < 1 ? pace : 1;
}

/**
 * `AH_TEST_SEAM=NAME`: die the hard way when that moment is reached, so that tests need no luck to hit it;
 * `NAME:SIGSTOP`: stand still there, once.
 */
function seamFrom(env: DaemonOptions["env"]): (name: string) => void {
  let [wanted, signal = "SIGKILL"] = env["AH_TEST_SEAM"]?.split(":") ?? [];
  return (name) => {
    if (name !== wanted) return;
    wanted = undefined;
    process.kill(process.pid, signal);
  };
}
