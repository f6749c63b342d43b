/**
 * Conversations that a person has in the program's own screen. Taking one and giving it back are stored acts; between
 * them a lease is renewed by the command, and one that ran out gives the agent back only when the screen's process is
 * gone, for two processes on one conversation fork it without a word.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { HarnessError, errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { sameProcess } from "../process/identity.ts";
import { readBootId } from "../process/proc.ts";
import type { ProviderScreen } from "../providers/screen.ts";
import type { Store } from "../store/database.ts";
import type { Lease } from "../store/leases.ts";
import type { ScreenIdentity } from "../words/agent.ts";
import { allLeases, deleteLease, findLease, insertLease, saveLeaseBegan, saveLeaseScreen } from "../store/leases.ts";
import { insertFromScreen } from "../store/messages.ts";
import { isBusy } from "../words/agent.ts";
import type { Actor } from "./actor.ts";
import type { Journal } from "./journal.ts";
import { event } from "./journal.ts";
import { announceMessage } from "./ledger.ts";
import type { Said } from "./screen-history.ts";

/** The command renews every 10 s. */
export const LEASE_MS = 30_000;
const LOOK_MS = 5000;
/** A screen that is told to end may have something to say. */
const END_MS = 3000;

export interface AttachDeps {
  readonly store: Store;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: () => string;
  readonly actors: () => Iterable<Actor>;
  readonly find: (agent: string) => Actor | null;
  /** null: its program has none, or the config has its provider not any more. */
  readonly screenOf: (actor: Actor) => Promise<ProviderScreen | null>;
}

export interface Attachments {
  lease(agent: string): Lease | null;
  /** The intent is stored and our process told to end; it may still be there. Throws ATTACHED, AGENT_BUSY. */
  begin(actor: Actor): Lease;
  /** Our process is gone: what is said from here on was said in the screen. */
  begun(actor: Actor): void;
  /** Throws NO_LEASE. */
  renew(actor: Actor, lease: string, screen: ScreenIdentity | null): void;
  /** How many messages were brought in. Throws NO_LEASE. */
  end(actor: Actor, lease: string): Promise<number>;
  /** Ends the screen, then gives the agent back. */
  force(actor: Actor): Promise<void>;
  /** After the boot: a daemon before us may have died anywhere. */
  boot(): void;
  close(): void;
}

export function createAttachments(deps: AttachDeps): Attachments {
  const { store, journal, clock, log } = deps;
  /** When each lease was last heard of, on the clock that only runs forwards. */
  const heard = new Map<string, number>();
  const giving = new Map<string, Promise<number>>();
  let timer: Timer | null = null;
  let closed = false;

  const hear = (agent: string): void => {
    heard.set(agent, clock.monotonic());
    if (timer === null && !closed) timer = clock.setTimer(LOOK_MS, endSilentLeases);
  };
  const isOpen = ({ screen }: Lease): boolean =>
    screen !== null && sameProcess(screen.bootId, screen.pid, screen.startTicks);

  /** Nobody else gives it back: it is as if the person had been heard of just now. */
  const failed = (agent: string, error: unknown): void => {
    log.error("cannot give an agent back, trying again", { agent, error });
    hear(agent);
  };

  const endSilentLeases = (): void => {
    timer = null;
    for (const [agent, at] of heard) {
      if (clock.monotonic() - at <= LEASE_MS) continue;
      try {
        const lease = findLease(store, agent);
        const actor = deps.find(agent);
        if (lease === null || actor === null) heard.delete(agent);
        else if (!isOpen(lease)) void give(actor).catch((error: unknown) => failed(agent, error));
      } catch (error) {
        log.warn("cannot look now whether a person's screen is open, trying again", { agent, error });
      }
    }
    if (heard.size > 0 && !closed) timer = clock.setTimer(LOOK_MS, endSilentLeases);
  };

  /** Once, however many ask for it. */
  const give = (actor: Actor): Promise<number> => {
    const under = giving.get(actor.id);
    if (under !== undefined) return under;
    const work = giveBack(actor).finally(() => giving.delete(actor.id));
    giving.set(actor.id, work);
    return work;
  };

  const giveBack = async (actor: Actor): Promise<number> => {
    const lease = findLease(store, actor.id);
    heard.delete(actor.id);
    const brought = bringIn(actor, await saidSince(actor, lease));
    actor.step("api", (step) => {
      deleteLease(store, actor.id);
      step.fact({ type: "detach" });
    });
    return brought;
  };

  const saidSince = async (actor: Actor, lease: Lease | null): Promise<Said> => {
    try {
      const screen = await deps.screenOf(actor);
      if (lease === null || screen === null) return { ok: false, why: "its history cannot be asked" };
      const history = await import("./screen-history.ts");
      return await history.saidSince(screen, actor.runSettings().launch(actor.state().run), lease.beganAt);
    } catch (error) {
      return { ok: false, why: errorText(error) };
    }
  };

  const bringIn = (actor: Actor, said: Said): number => {
    const { project, id: agent } = actor.agent();
    return journal.write({ project, agent }, (entry) => {
      if (!said.ok) {
        const message = `what was said in the screen is not among the messages: ${said.why}`;
        event(entry, "note", { level: "warn", code: "screen_gap", message });
        return 0;
      }
      let brought = 0;
      for (const each of said.said) {
        const stored = insertFromScreen(store, agent, each);
        if (stored === null) continue;
        brought++;
        announceMessage(entry, stored);
      }
      return brought;
    });
  };

  const held = (actor: Actor, lease: string): Lease => {
    const found = findLease(store, actor.id);
    if (found?.id === lease) return found;
    throw new HarnessError("NO_LEASE", "the agent was given back meanwhile: close the screen, or take it again");
  };

  return {
    lease: (agent) => findLease(store, agent),
    begin(actor) {
      const { status, process } = actor.state();
      if (process === "attached" || findLease(store, actor.id) !== null)
        throw new HarnessError(
          "ATTACHED",
          "a person has the conversation already: agent-harness resume --force ends that screen",
        );
      if (isBusy(status)) throw new HarnessError("AGENT_BUSY", `the agent is ${status}: wait, or abort its turn first`);
      const lease: Lease = { agent: actor.id, id: deps.newId(), beganAt: clock.now(), screen: null };
      actor.step("api", (step) => {
        insertLease(store, lease);
        step.fact({ type: "attach" });
        step.event("note", { level: "info", code: "attached", message: "attached by a person" });
      });
      hear(actor.id);
      return lease;
    },
    begun(actor) {
      store.transact(() => saveLeaseBegan(store, actor.id, clock.now()));
    },
    renew(actor, lease, screen) {
      held(actor, lease);
      if (screen !== null) store.transact(() => saveLeaseScreen(store, actor.id, screen));
      hear(actor.id);
    },
    async end(actor, lease) {
      held(actor, lease);
      return give(actor);
    },
    async force(actor) {
      const lease = findLease(store, actor.id);
      if (lease !== null && isOpen(lease)) await endScreen(lease);
      await give(actor);
    },
    boot() {
      const leases = new Map(allLeases(store).map((lease) => [lease.agent, lease]));
      for (const actor of deps.actors()) {
        const { process, intent } = actor.state();
        if (leases.has(actor.id)) hear(actor.id);
        else if (process === "attached" || intent === "attach") actor.facts("reconcile", { type: "detach" });
      }
    },
    close() {
      closed = true;
      timer?.cancel();
      timer = null;
    },
  };

  async function endScreen({ screen }: Lease): Promise<void> {
    if (screen === null) return;
    const open = (): boolean => sameProcess(screen.bootId, screen.pid, screen.startTicks);
    for (const signal of ["SIGTERM", "SIGKILL"] as const) {
      if (!open()) return;
      try {
        process.kill(screen.pid, signal);
      } catch {
        return; // gone, or not ours: the sweep goes on looking
      }
      for (let waited = 0; waited < END_MS && open(); waited += 50)
        await new Promise<void>((resolve) => clock.setTimer(50, resolve));
    }
  }
}

/** Who may take a conversation: somebody on this machine, in these namespaces, as this user. */
export function ownHost(pidNamespace: string): {
  readonly bootId: string;
  readonly uid: number;
  readonly pidNamespace: string;
} {
  return { bootId: readBootId(), uid: process.getuid?.() ?? 0, pidNamespace };
}
