/**
 * Joins a box to its fleet: puts the parts together, and takes them apart. Loaded only where the config has a `fleet`.
 * The box never waits for it.
 */
import type { ApiDeps } from "../api/deps.ts";
import { findProgram } from "../agents/run-settings.ts";
import type { FleetConfig } from "../config/fleet.ts";
import { apiRoutes } from "../api/routes.ts";
import type { Auth } from "../http/auth.ts";
import type { Guard } from "../http/guard.ts";
import type { Route } from "../http/router.ts";
import { createApp } from "../http/router.ts";
import { VERSION } from "../lib/version.ts";
import { listProjects } from "../store/projects.ts";
import { createAsker } from "./asker.ts";
import { fleetMetrics } from "./counts.ts";
import { createDatabase } from "./database.ts";
import type { FleetDeps } from "./deps.ts";
import { memberOf } from "./deps.ts";
import { createHeld } from "./held.ts";
import { channelOf, createHints } from "./hints.ts";
import { identityOf, mirroredOf } from "./identity.ts";
import { keyId } from "./lockbox.ts";
import type { Member } from "./member.ts";
import { createMembership } from "./membership.ts";
import { watchLosses } from "./loss.ts";
import { createMirror } from "./mirror.ts";
import { createOwner } from "./owner.ts";
import { createPool } from "./pool.ts";
import type { NodeCard } from "./registry.ts";
import { relayRoutes } from "./relay-routes.ts";
import { fleetRoutes } from "./routes.ts";
import { createTurns } from "./turns.ts";
import { startUpkeep } from "./upkeep.ts";

export interface Fleet {
  readonly routes: readonly Route[];
  /** The last event that the database is known to have. */
  copied(): number;
  /** When the box is ready. */
  start(): void;
  stop(): Promise<void>;
}

export interface Machine {
  readonly cores: number;
  /** A named moment at which a test may kill us. */
  readonly seam: (name: string) => void;
}

export async function createFleet(api: ApiDeps, config: FleetConfig, machine: Machine): Promise<Fleet> {
  const { store, clock, supervisor, nodeName: name = "node" } = api;
  const log = api.log.child({ part: "fleet" });
  const identity = await identityOf(store, api.newUuid);
  const database = createDatabase({ config, clock, log, random: Math.random });
  const session = api.newUuid();
  const capacity = config.capacity ?? machine.cores;
  const card = (): NodeCard => ({
    uuid: identity.uuid,
    name,
    session,
    version: VERSION,
    labels: config.labels,
    providers: usableProviders(api),
    projects: listProjects(store).map((project) => project.name),
    capacity,
    acceptCalls: config.acceptCalls,
    publicKey: identity.publicKey,
    keys: config.keys.map(keyId),
  });
  const pulse = () => ({
    busy: pool.busy(),
    ready: supervisor.ready,
  });
  const turns = createTurns();
  const membership = createMembership({
    database,
    turns,
    schema: config.schema,
    ownRole: config.roles === "perNode",
    store,
    identity,
    card,
    pulse,
    clock,
    log,
  });
  const mirror = createMirror({ store, database, clock, log, epoch: identity.epoch });
  membership.onJoin((member) => mirror.begin(member));
  const unsubscribe = api.bus.onCommit(({ agent }) => {
    mirror.wake();
    if (agent !== null) pool.changed(agent);
  });
  const hints = createHints({
    database,
    clock,
    pooler: config.pooler,
    channel: () => channelOfMember(config.schema, membership.member()),
    nonce: api.newUuid,
  });
  membership.onJoin(() => hints.begin());
  // The table of every box: what others may ask of this one, and this one of them.
  const own = apiRoutes(api);
  const app = createApp({
    ...{ routes: own.filter(({ relay }) => relay !== false), auth: OPEN, guard: OPEN_DOOR, log },
  });
  const pool = createPool({
    ...{ api, database, member: membership.member, hints, app, capacity, keys: config.keys, turns, log },
    seam: machine.seam,
  });
  membership.onJoin(() => pool.wake());
  const owner = createOwner({
    ...{ store, database, schema: config.schema, member: membership.member, hints, clock, log },
    app,
    privateKey: identity.privateKey,
    accept: config.acceptCalls,
  });
  membership.onJoin(() => owner.start());
  const upkeep = startUpkeep({
    ...{ store, database, schema: config.schema, member: membership.member, clock, log },
    ...{ age: api.age, eventsDays: api.config.retention.eventsDays },
  });
  membership.onJoin(() => upkeep.begin());
  const losses = watchLosses({ api, database, schema: config.schema, member: membership.member, log });
  membership.onJoin(() => losses.begin());
  const asker = createAsker({
    ...{ database, schema: config.schema, hints, clock, newId: api.newUuid },
    member: () => memberOf({ membership }),
  });
  const deps: FleetDeps = {
    api,
    config,
    database,
    identity,
    membership,
    mirror,
    asker,
    pool,
    held: createHeld(clock),
    name,
  };
  api.moreMetrics.add(() => fleetMetrics(deps));
  return {
    routes: [...fleetRoutes(deps), ...relayRoutes(deps, own)],
    start: () => membership.start(),
    copied: () => mirroredOf(store),
    async stop() {
      unsubscribe();
      mirror.stop();
      owner.stop();
      pool.stop();
      upkeep.stop();
      losses.stop();
      asker.stop();
      hints.stop();
      membership.stop();
      await database.close();
    },
  };
}

/** Whoever may write into the tables has the right; the database's roles say who that is. */
const OPEN: Auth = { require: () => undefined };
const OPEN_DOOR: Guard = { check: () => undefined };

const channelOfMember = (schema: string, member: Member | null): string | null =>
  member === null ? null : channelOf(schema, member.no);

/** Those whose program is there. */
function usableProviders({ providers, inheritedEnv }: ApiDeps): string[] {
  return [...providers]
    .filter(
      ([, { settings }]) =>
        settings.enabled && findProgram(settings.command[0] ?? "", inheritedEnv["PATH"], "/") !== null,
    )
    .map(([name]) => name)
    .sort();
}
