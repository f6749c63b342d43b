/**
 * After a restart: what lives is adopted, what died is read to its end and told as it was, what never came to be is
 * started.
 */
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { waitUntil } from "../lib/wait.ts";
import type { Identity } from "../process/identity.ts";
import { isAlive, readIdentity } from "../process/identity.ts";
import { endLeftovers } from "../process/leftovers.ts";
import { runPaths } from "../process/paths.ts";
import type { RunPaths } from "../process/paths.ts";
import { treeOf } from "../process/tree.ts";
import { voidRun } from "../process/void.ts";
import type { Store } from "../store/database.ts";
import { getRun } from "../store/runs.ts";
import type { Actor } from "./actor.ts";

/** A wrapper that was being spawned when we died may record itself within this time. */
const SPAWN_GRACE_MS = 1000;

interface ReconcileDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** "" = not known. */
  readonly accountOf: (actor: Actor) => string;
}

export async function reconcile(actor: Actor, { store, clock, log, accountOf }: ReconcileDeps): Promise<void> {
  const { process, run: n } = actor.state();
  const { state: damaged, settings } = actor.agent().unreadable ?? {};
  if (damaged !== undefined)
    log.warn("what was stored of an agent cannot be read", { agent: actor.id, reason: damaged });
  if (settings !== undefined) actor.facts("reconcile", { type: "note", level: "warn", ...unreadableState(settings) });
  if (process !== "running" && process !== "parking") {
    if (damaged !== undefined) actor.facts("reconcile", { type: "note", level: "warn", ...unreadableState(damaged) });
    return;
  }
  const run = getRun(store, actor.id, n);
  const paths = runPaths(actor.agentDir, n);
  if (damaged !== undefined) actor.facts("reconcile", { type: "broken", ...unreadableState(damaged) });
  if (run === null) return actor.run.ended(null);
  const unreadable = actor.restore(run) ?? damaged ?? null;
  const identity = run.state === "spawning" ? await recorded(paths, run.nonce, clock) : asIdentity(run.identity);
  if (identity === null) {
    log.warn("a process had not been started when the daemon died", { agent: actor.id, run: n });
    return actor.run.ended(null, undefined, true);
  }
  const live = actor.run.follow(identity, run.offset, run.state === "spawning");
  if (run.state === "spawning")
    actor.run.begun(identity, accountOf(actor)); // nothing was written to it yet
  else if (unreadable !== null) actor.facts("reconcile", { type: "broken", ...unreadableState(unreadable) });
  if (!isAlive(identity)) return live.finish();
  if (run.state !== "spawning" && unreadable === null) {
    await live.catchUp();
    if (actor.run.live() !== live) return; // it ended meanwhile
    if (actor.state().ready) actor.run.adopt();
    else actor.facts("reconcile", { type: "replace" }); // half a handshake: cheaper to begin again than to guess
  }
  // An end that was committed, but whose signal may never have been sent.
  if (actor.state().intent !== null) actor.run.live()?.end(null);
  log.info("adopted a running process", { agent: actor.id, run: n, pid: identity.pid });
}

/**
 * While the daemon runs: an agent whose start ended in a store that took nothing (a full disk) is looked at as after a
 * restart, one look at a time, until what is found can be stored.
 */
export function createSalvage(deps: ReconcileDeps): (actor: Actor) => void {
  const looking = new Set<string>();
  return (actor) => {
    if (looking.has(actor.id) || !actor.isStranded()) return;
    looking.add(actor.id);
    reconcile(actor, deps)
      .catch((error: unknown) => deps.log.error("cannot store how a start went", { agent: actor.id, error }))
      .finally(() => looking.delete(actor.id));
  };
}

/**
 * An agent whose run cannot be looked at, for whatever lies in its place: what is known to live of it is ended, what it
 * had been given is told as lost, and it can begin again.
 */
export async function giveUp(
  actor: Actor,
  reason: string,
  { store, clock }: { store: Store; clock: Clock },
): Promise<void> {
  const { process, run: n } = actor.state();
  const message = `its process cannot be taken over: ${reason}`;
  if (process !== "running" && process !== "parking") {
    return actor.facts("reconcile", { type: "note", level: "warn", code: "RUN_UNREADABLE", message });
  }
  actor.facts("reconcile", { type: "broken", code: "RUN_UNREADABLE", message });
  const run = getRun(store, actor.id, n);
  const identity = asIdentity(run?.identity);
  const known = identity !== null && isAlive(identity) ? treeOf(identity) : [];
  await endLeftovers(new Set(run === null ? [] : [run.nonce]), known, clock);
  actor.run.ended(null);
}

function unreadableState(reason: string): { code: string; message: string } {
  return { code: "STATE_UNREADABLE", message: `what was stored of this agent cannot be read: ${reason}` };
}

/** What a wrapper records that was being spawned when we died; null when it did not come to be, and never will. */
export async function recorded(paths: RunPaths, nonce: string, clock: Clock): Promise<Identity | null> {
  let found: Identity | null = null;
  const look = (): boolean => (found = readIdentity(paths)) !== null;
  if (!(await waitUntil(clock, look, SPAWN_GRACE_MS))) found = await voidRun(paths, clock);
  return found?.nonce === nonce ? found : null;
}

/** The row holds what `saveRunIdentity` was given. */
export function asIdentity(value: unknown): Identity | null {
  if (typeof value !== "object" || value === null || !("bootId" in value) || !("pid" in value)) return null;
  return value as Identity;
}
