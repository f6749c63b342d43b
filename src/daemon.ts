/** Puts the daemon together: lock, store, agents, outbox, API, listener; and takes it apart in the opposite order. */
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { createGroups } from "./agents/groups.ts";
import { createBus } from "./agents/bus.ts";
import { createJournal, event } from "./agents/journal.ts";
import { createReporter } from "./agents/report.ts";
import type { Supervisor } from "./agents/supervisor.ts";
import { createSupervisor } from "./agents/supervisor.ts";
import { termsOf } from "./agents/terms.ts";
import type { ApiDeps } from "./api/deps.ts";
import { inspectRoutes } from "./api/inspect.ts";
import { apiRoutes } from "./api/routes.ts";
import type { HarnessConfig } from "./config/harness.ts";
import { createAuth } from "./http/auth.ts";
import { createGuard } from "./http/guard.ts";
import { createApp } from "./http/router.ts";
import { listen } from "./http/server.ts";
import type { Clock } from "./lib/clock.ts";
import { randomHex } from "./lib/digest.ts";
import { HarnessError, errorText } from "./lib/errors.ts";
import type { Logger } from "./lib/log.ts";
import { ownDelegation } from "./process/delegation.ts";
import { startService } from "./process/service.ts";
import { pageFiles } from "./page.ts";
import { SWEEP_MS } from "./process/watch.ts";
import { providerTable } from "./providers/index.ts";
import { lockStateDir, openStore } from "./store/database.ts";
import type { Store } from "./store/database.ts";
import { startRetention } from "./store/retention.ts";
import { enqueueNotice } from "./webhook/outbox.ts";
import { createWorker } from "./webhook/worker.ts";

export interface DaemonOptions {
  readonly config: HarnessConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  readonly clock: Clock;
}

export interface Daemon {
  readonly url: string;
  stop(): Promise<void>;
}

/** Throws LOCKED, STATE_DIR, ADDRESS_IN_USE, LISTEN_FAILED. */
export async function startDaemon({ config, env, log, clock }: DaemonOptions): Promise<Daemon> {
  const startedAt = clock.now();
  makeStateDir(config.stateDir);
  const lock = takeLock(config.stateDir);
  const store = useStore(join(config.stateDir, "harness.db"), lock);
  const bus = createBus();
  const journal = createJournal({ store, clock, bus });
  const providers = providerTable(config.providers);
  const seam = seamFrom(env);
  const newDeliveryId = (): string => `msg_${randomHex(16)}`;
  const groups = createGroups(await ownDelegation(), log);
  const sources = {
    store,
    providers,
    limits: config.limits,
    trustedRoots: config.projects.trustedRoots,
    inheritedEnv: env,
    isRoot: process.getuid?.() === 0,
    self: selfCommand(),
  };

  const worker = createWorker({
    store,
    clock,
    log,
    random: Math.random,
    seam,
    config: config.webhook,
    resolve: async (host) => (await Bun.dns.lookup(host)).map(({ address }) => address),
    settled: ({ id, project, agent, event: about }, state) =>
      journal.within({ project, agent }, (entry) =>
        event(entry, "delivery", { delivery: { id, event: about, state } }),
      ),
  });

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
      store.shrink();
      Bun.shrink(); // compiled code, too: it comes again with the work
    },
    terms: (agent, agentDir) => termsOf(sources, agent, agentDir),
    enqueue(agent, notice, state) {
      if (enqueueNotice(store, config.webhook, agent, notice, state, newDeliveryId(), clock.now())) worker.wake();
    },
    newNonce: () => randomHex(16),
  });

  const deps: ApiDeps = {
    config,
    store,
    journal,
    supervisor,
    providers,
    bus,
    clock,
    log,
    startedAt,
    inheritedEnv: env,
    newDeliveryId,
    wakeWebhooks: worker.wake,
    tryWebhook: worker.tryNow,
    newId: () => randomHex(4),
    newUuid: () => crypto.randomUUID(),
    going: new Set(),
    reporter: createReporter({ ...sources, clock, stateDir: config.stateDir, newUuid: () => crypto.randomUUID() }),
  };
  const app = createApp({
    routes: [...apiRoutes(deps), ...inspectRoutes(pageFiles())],
    log,
    auth: createAuth({ token: config.auth.token ?? null, clock }),
    guard: createGuard({ allowedHosts: config.allowedHosts, ownNames: [hostname()] }),
  });

  let listener;
  try {
    listener = await listen({
      app,
      address:
        config.socketPath === undefined
          ? { type: "tcp", host: config.host, port: config.port }
          : { type: "unix", path: config.socketPath },
    });
  } catch (error) {
    store.close();
    lock.release();
    throw error;
  }
  writeFileSync(
    join(config.stateDir, "owner.json"),
    JSON.stringify({ pid: process.pid, bootId: bootId(), url: listener.url }),
    { mode: 0o600 },
  );
  if (config.auth.token === undefined && config.socketPath === undefined) {
    log.warn(
      "there is no auth.token: every local user controls the agents; set auth.token, or listen on a unix socket",
    );
  }
  const service = await startService({ env, pid: process.pid, clock, log, status: () => serviceStatus(supervisor) });
  bus.onCommit(service.changed);
  await supervisor.boot();
  worker.wake();
  const retention = startRetention({ store, clock, log, eventsDays: config.retention.eventsDays });
  service.ready();
  log.info("ready", { url: listener.url, stateDir: config.stateDir });

  return {
    url: listener.url,
    async stop() {
      service.stopping();
      retention.stop();
      await listener.stop({ graceMs: 300 });
      supervisor.close();
      await worker.close();
      store.close();
      lock.release();
    },
  };
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

function makeStateDir(stateDir: string): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    accessSync(stateDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new HarnessError(
      "STATE_DIR_UNUSABLE",
      `cannot use the state directory ${stateDir}: ${errorText(error)}; make it writable, or set stateDir`,
    );
  }
}

function takeLock(stateDir: string): { release(): void } {
  try {
    return lockStateDir(join(stateDir, "lock.db"));
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code !== "LOCKED") throw error;
    throw new HarnessError(
      "LOCKED",
      `the state directory ${stateDir} is in use by another daemon${owner(stateDir)}: stop that one, or set another stateDir`,
      {
        cause: error,
      },
    );
  }
}

function useStore(path: string, lock: { release(): void }): Store {
  try {
    return openStore(path);
  } catch (error) {
    lock.release();
    throw new HarnessError("STATE_DIR_UNUSABLE", `cannot use the store ${path}: ${errorText(error)}`, {
      cause: error,
    });
  }
}

function owner(stateDir: string): string {
  try {
    const { pid, url } = JSON.parse(readFileSync(join(stateDir, "owner.json"), "utf8")) as { pid: number; url: string };
    return ` (pid ${pid}, ${url})`;
  } catch {
    return ""; // for the message only
  }
}

function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
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

/** `AH_TEST_SEAM=NAME`: die the hard way when that moment is reached, so that tests need no luck to hit it. */
function seamFrom(env: DaemonOptions["env"]): (name: string) => void {
  const wanted = env["AH_TEST_SEAM"];
  return (name) => {
    if (name === wanted) process.kill(process.pid, "SIGKILL");
  };
}
