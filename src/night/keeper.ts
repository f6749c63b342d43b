/**
 * Keeps the time of all limits: looks when something changed and at least once a minute, and lets agents go on as
 * `plan.ts` says. Everything that counts is stored; what is only here is made anew by the next daemon.
 */
import type { Actor } from "../agents/actor.ts";
import { isUnpaid } from "../agents/state/limit.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import { HarnessError } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/database.ts";
import { insertInput } from "../store/inputs.ts";
import { allLimits, deleteLimit, limitsOf, saveLimit } from "../store/limits.ts";
import type { CauseSource } from "../words/agent.ts";
import type { AccountLimit } from "../words/limits.ts";
import type { Waiting } from "./plan.ts";
import { planOf } from "./plan.ts";

export interface KeeperDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly pace: number;
  readonly newKey: () => string;
  readonly actors: () => Iterable<Actor>;
  /** Not yet compared with what lives. */
  readonly isPending: (agent: string) => boolean;
  readonly accountOf: (actor: Actor) => string;
}

export interface Keeper {
  look(): void;
  /** Throws NOT_LIMITED. */
  assertWaits(actor: Actor): void;
  /** Tries at once. */
  skip(actor: Actor): void;
  /** One that failed for what a person mends is brought back to try it: with what waits, else from its history. */
  resume(actor: Actor): void;
  /** Throws ACCOUNT_NOT_FOUND. */
  assertKnown(account: string): void;
  /** A person has paid, has logged in, or wants it tried now. How many agents go on. */
  retry(account: string): number;
  close(): void;
}

/** What makes a program go on from its history. */
const GO_ON = "continue";
/** After a store that took nothing. */
const RETRY_MS = 5000;
const PENDING_MS = 1000;

export function createKeeper(deps: KeeperDeps): Keeper {
  const { store, clock, log, pace } = deps;
  let timer: Timer | null = null;
  let closed = false;
  let going = new Map<string, number>();
  let released: ReadonlyMap<string, number> = new Map();

  const actors = (): Actor[] => [...deps.actors()].filter(({ id }) => !deps.isPending(id));

  const membersOf = (account: string): Actor[] => actors().filter((actor) => deps.accountOf(actor) === account);

  const goOn = (actor: Actor, source: CauseSource): void =>
    actor.step(source, (step) => {
      const { limited, flight } = step.state();
      if (limited?.stage !== "parked") return;
      const input =
        flight === null
          ? insertInput(
              store,
              { agent: actor.id, key: deps.newKey(), text: GO_ON, raw: false, mode: "queue", origin: "limit" },
              clock.now(),
            )
          : null;
      step.fact({ type: "go_on", input: input === null ? null : { id: input.id, key: input.key } });
    });

  /** What has failed has left no input, so it goes on from its history, too. */
  const tryAnew = (actor: Actor, mode: "queue" | "interrupt"): void =>
    actor.step("api", (step) => {
      if (mode === "queue" && (!isUnpaid(step.state()) || step.state().queue.length > 0))
        return step.fact({ type: "resume" });
      const input = insertInput(
        store,
        { agent: actor.id, key: deps.newKey(), text: GO_ON, raw: false, mode, origin: "limit" },
        clock.now(),
      );
      step.fact({ type: "input", id: input.id, key: input.key, mode });
    });

  const waitingOf = (all: readonly Actor[]): Waiting[] =>
    all.flatMap((actor) => {
      const { limited } = actor.state();
      if (limited === null || limited.stage === "leaving") return [];
      const { account, scope, stage, since } = limited;
      return [{ id: actor.id, account, scope, since, parked: stage === "parked" }];
    });

  /** Each waiting agent shows when it goes on. */
  const tell = (actor: Actor, limits: readonly AccountLimit[], nowMs: number, ranMs: number): void => {
    const { limited } = actor.state();
    if (limited?.stage !== "parked") return;
    const limit = limits.find(({ account, scope }) => account === limited.account && scope === limited.scope);
    const freeAt = released.get(actor.id);
    const resumesAt = limit?.resumesAt ?? (freeAt === undefined ? limited.resumesAt : nowMs + freeAt - ranMs);
    const { resetsAt, guessed } = limit ?? limited;
    // What is told of a release is near enough when it is right to a second.
    if (limited.guessed === guessed && Math.abs(limited.resumesAt - resumesAt) < 1000) return;
    actor.facts("timer", { type: "limit_moved", resetsAt, resumesAt, guessed });
  };

  const lookOnce = (): number => {
    const all = actors();
    const waiting = waitingOf(all);
    const nowMs = clock.now();
    const ranMs = clock.monotonic();
    going = new Map(waiting.filter(({ parked }) => !parked).map(({ id }) => [id, going.get(id) ?? ranMs]));
    const plan = planOf({ limits: allLimits(store), waiting, going, released, nowMs, ranMs, pace });
    released = plan.release;
    for (const limit of plan.moved) saveLimit(store, limit);
    for (const { account, scope } of plan.forgotten) deleteLimit(store, account, scope);
    const limits = allLimits(store);
    for (const actor of all) tell(actor, limits, nowMs, ranMs);
    for (const id of plan.goOn) {
      const actor = all.find((each) => each.id === id);
      if (actor === undefined) continue;
      log.info("an agent goes on after its account's limit", { agent: id });
      going.set(id, ranMs);
      goOn(actor, "timer");
    }
    return all.length < [...deps.actors()].length ? Math.min(plan.inMs, PENDING_MS) : plan.inMs;
  };

  let looking = false;
  let again = false;
  const it: Keeper = {
    look() {
      if (closed) return;
      // What a look does makes others ask for one.
      if (looking) {
        again = true;
        return;
      }
      looking = true;
      let inMs = RETRY_MS;
      try {
        do {
          again = false;
          inMs = lookOnce();
        } while (again);
      } catch (error) {
        log.error("cannot look after the limits of accounts now, will try again", { error });
      } finally {
        looking = false;
      }
      timer?.cancel();
      timer = clock.setTimer(inMs, () => it.look());
    },
    assertWaits(actor) {
      const { limited } = actor.state();
      if (limited?.stage === "parked") return;
      const why =
        limited?.stage === "leaving"
          ? "its program is just being taken out of a wait of its own: ask again in a moment"
          : "the agent does not wait for its account: there is nothing to skip";
      throw new HarnessError("NOT_LIMITED", why);
    },
    skip(actor) {
      goOn(actor, "api");
      it.look();
    },
    resume: (actor) => tryAnew(actor, "queue"),
    assertKnown(account) {
      if (limitsOf(store, account).length > 0 || membersOf(account).length > 0) return;
      throw new HarnessError("ACCOUNT_NOT_FOUND", `there is no account "${account}": GET /api/v1/accounts lists them`);
    },
    retry(account) {
      const limits = limitsOf(store, account);
      const its = membersOf(account);
      const nowMs = clock.now();
      for (const limit of limits) if (limit.resumesAt !== null) saveLimit(store, { ...limit, resumesAt: nowMs });
      const waiting = its.filter((actor) => actor.state().limited?.stage === "parked").length;
      const failed = its.filter(({ state }) => isUnpaid(state()));
      for (const actor of failed) tryAnew(actor, "interrupt");
      it.look();
      return waiting + failed.length;
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
  return it;
}
