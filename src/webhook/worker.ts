/**
 * Sends what the outbox holds: woken by new rows and due times, never by polling. A row stays pending until its outcome
 * is stored, so a death of ours in between only means that the same id is sent again.
 */
import type { Clock, Timer } from "../lib/clock.ts";
import { watchClockSteps } from "../lib/clock-steps.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { scrub } from "../lib/scrub.ts";
import type { Store } from "../store/database.ts";
import type { Delivery, DeliveryHead } from "../store/deliveries.ts";
import { clampPending, findDelivery, pendingHeads, recordAttempt, retargetPending } from "../store/deliveries.ts";
import { headOf, shiftPending } from "../store/deliveries.ts";
import type { AttemptResult } from "./client.ts";
import { postWebhook, saidBy } from "./client.ts";
import { isNobodysAddress, mayReceive, secretsIn } from "./hosts.ts";
import type { OutboxConfig } from "./outbox.ts";
import { ownToken } from "./outbox.ts";
import type { Flight } from "./queue.ts";
import { destinationOf, MAX_IN_FLIGHT, nextDueAt, nextToSend } from "./queue.ts";
import { afterAttempt, asWaited } from "./schedule.ts";
import { hostOf, isIP, isLoopback } from "../lib/ip.ts";
import { given } from "../lib/given.ts";

/**
 * A timer counts running time, a stored due time is one of the clock: after at most so long it is noticed that the box
 * slept (what fell due goes out) or that its clock was set back (what waits is moved with it).
 */
const LOOK_AGAIN_MS = 60_000;
/** After the store refused a read or write: the disk is full or gone, trying at once again helps nobody. */
const STORE_RETRY_MS = 5000;
/** What is under way at our stop mostly ends at once; what is cut is sent once more by the next start. */
const DRAIN_MS = 300;

export interface WorkerConfig extends OutboxConfig {
  /** `token` and `secret` go with rows of the config's webhook; the secret signs the others too. */
  readonly token?: string;
  readonly secret?: string;
  readonly allowedHosts: readonly string[];
}

export interface WorkerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** For how long the store was in use, in ms. */
  readonly age: () => number;
  /** In [0, 1). */
  readonly random: () => number;
  readonly config: WorkerConfig;
  /** The addresses behind a name; rejects when there are none. */
  readonly resolve: (host: string) => Promise<readonly string[]>;
  /** Called inside the transaction that settles a delivery; gives what announces it after the commit. */
  readonly settled: (delivery: Delivery, state: "delivered" | "dead") => () => void;
  readonly seam: (name: string) => void;
}

export interface Worker {
  /** There may be something to send. Looks once the current transaction is over. */
  wake(): void;
  /** Tries this one in any case, also when an older one of its agent still waits. */
  tryNow(id: string): void;
  readonly inFlight: number;
  /** Starts nothing more, lets what is under way end for `graceMs`, then cuts it; that stays pending. */
  close(graceMs?: number): Promise<void>;
}

export function createWorker(deps: WorkerDeps): Worker {
  const { store, clock, log, config } = deps;
  const flights = new Map<string, Flight & { readonly done: Promise<void> }>();
  const silent = new Set<string>();
  const cut = new AbortController();
  let closing = false;
  let timer: Timer | null = null;
  let woken = false;
  /** Asked for by a person. */
  const asked = new Set<string>();
  const clockStep = watchClockSteps(clock);
  clampPending(store, clock.now());
  if (config.url !== undefined) retargetPending(store, config.url);

  const wake = (): void => {
    if (woken || closing) return;
    woken = true;
    queueMicrotask(() => {
      woken = false;
      if (!closing) pump();
    });
  };

  const pump = (): void => {
    timer?.cancel();
    timer = null;
    if (flights.size >= MAX_IN_FLIGHT) return; // the end of a flight wakes us
    try {
      const stepMs = clockStep();
      // Set forward or slept: what fell due meanwhile goes out a little early, at most once for each.
      if (stepMs < 0) shiftPending(store, stepMs);
      const outlook = { heads: pendingHeads(store), flights, silent, nowMs: clock.now() };
      for (const id of asked) {
        const head = flights.has(id) ? null : headOf(store, id);
        asked.delete(id);
        if (head !== null) start(head);
      }
      for (let next = nextToSend(outlook); next !== null; next = nextToSend(outlook)) start(next);
      // Those that are due and found no place are looked at when a flight ends.
      const dueAt = nextDueAt(outlook);
      if (dueAt !== null) timer = clock.setTimer(Math.min(dueAt - outlook.nowMs, LOOK_AGAIN_MS), wake);
    } catch (error) {
      log.error("cannot read the webhook outbox, trying again", { error });
      timer = clock.setTimer(STORE_RETRY_MS, wake);
    }
  };

  const start = ({ id, url, agent }: DeliveryHead): void => {
    const done = send(id)
      .catch((error: unknown) => {
        log.error("sending a webhook failed in an unexpected way", { delivery: id, error });
        return pause(STORE_RETRY_MS); // it is still due: not at once again
      })
      .finally(() => {
        flights.delete(id);
        wake();
      });
    flights.set(id, { destination: destinationOf(url), agent, done });
  };

  const send = async (id: string): Promise<void> => {
    await Promise.resolve(); // the flight is registered first, whatever happens here
    const found = findDelivery(store, id);
    if (found === null || found.state !== "pending") return;
    const delivery = asWaited(found, deps.age());
    const at = clock.now();
    const token = delivery.own ? ownToken(store, config, delivery) : (config.token ?? null);
    deps.seam("posting");
    const answer = (await refusal(delivery)) ?? (await post(delivery, token));
    const secrets = [token, config.token, config.secret, ...secretsIn(delivery.url)];
    const result = { ...answer, responseBody: scrub(answer.responseBody, secrets) };
    if (cut.signal.aborted && result.status === null) return; // by our own stop: not the receiver's fault
    if (result.status === null) silent.add(destinationOf(delivery.url));
    else silent.delete(destinationOf(delivery.url));
    deps.seam("posted");
    await record(delivery, at, result);
  };

  const post = (delivery: Delivery, token: string | null): Promise<AttemptResult> =>
    postWebhook({
      url: delivery.url,
      id: delivery.id,
      body: delivery.body,
      clock,
      signal: cut.signal,
      ...(token === null ? {} : { token }),
      ...given({ secret: config.secret }),
    });

  /**
   * The host was checked when the webhook was named. Its name may mean something else by now, and so may the config.
   */
  const refusal = async ({ own, url }: Delivery): Promise<AttemptResult | null> => {
    const dead = (reason: string): AttemptResult => ({
      outcome: { type: "dead", reason },
      status: null,
      responseBody: "",
      durationMs: 0,
    });
    if (!own) return config.url === undefined ? dead("webhook.url is not set any more: set it, then redeliver") : null;
    const host = hostOf(url);
    if (!mayReceive(config, host)) return dead(`the host "${host}" is not in webhook.allowedHosts any more`);
    if (isIP(host) !== 0 || isLoopback(host)) return null;
    try {
      const addresses = await unlessAborted(deps.resolve(host), cut.signal);
      const bad = addresses.find(isNobodysAddress);
      return bad === undefined ? null : dead(`the name "${host}" stands for ${bad}, where no webhook may go`);
    } catch (error) {
      // Not sent unseen: the next answer might be an address that is refused.
      return {
        outcome: { type: "retry", reason: `cannot resolve the host "${host}": ${errorText(error)}` },
        status: null,
        responseBody: "",
        durationMs: 0,
      };
    }
  };

  /** What was sent must be recorded, or it is sent again: tried until the store takes it. */
  const record = async (
    delivery: Delivery,
    at: number,
    { outcome, status, durationMs, responseBody: response }: AttemptResult,
  ): Promise<void> => {
    const now = clock.now();
    const refusals = delivery.refusals + (outcome.type === "retry_once" ? 1 : 0);
    const next = afterAttempt({
      outcome,
      attempt: delivery.round + 1,
      refusals,
      waitedMs: delivery.waitedMs,
      absentMs: delivery.absentMs,
      random: deps.random,
    });
    const what = next.state === "dead" ? next.reason : outcome.type === "delivered" ? null : outcome.reason;
    const said = outcome.type === "delivered" ? null : saidBy(response);
    const reason = what === null || said === null ? what : `${what}: ${said}`;
    const wait = next.state === "pending" ? next : { delayMs: 0, absentMs: 0 };
    const write = (): (() => void) => {
      recordAttempt(
        store,
        delivery.id,
        { at, durationMs, status, error: reason, response: response === "" ? null : response },
        {
          state: next.state,
          nextAt: next.state === "pending" ? now + wait.delayMs : null,
          delayMs: wait.delayMs,
          waitedMs: delivery.waitedMs + wait.delayMs,
          absentMs: wait.absentMs,
          sinceAge: deps.age(),
          refusals,
          lastError: reason,
        },
        now,
      );
      return next.state === "pending" ? () => undefined : deps.settled(delivery, next.state);
    };
    let announce: (() => void) | null = null;
    while (announce === null) {
      try {
        announce = store.transact(write);
      } catch (error) {
        log.error("cannot record a webhook's attempt, trying again", { delivery: delivery.id, error });
        if (closing) return;
        await pause(STORE_RETRY_MS);
      }
    }
    if (next.state === "pending")
      log.warn("a webhook was not taken, will try again", { delivery: delivery.id, reason, status });
    if (next.state === "dead")
      log.error("a webhook is dead: redeliver it when its receiver works", { delivery: delivery.id, reason });
    announce();
  };

  const pause = (ms: number): Promise<void> =>
    unlessAborted(new Promise<void>((resolve) => void clock.setTimer(ms, resolve)), cut.signal).catch(() => undefined);

  return {
    wake,
    tryNow(id) {
      asked.add(id);
      wake();
    },
    get inFlight() {
      return flights.size;
    },
    async close(graceMs = DRAIN_MS) {
      closing = true;
      timer?.cancel();
      const last = clock.setTimer(graceMs, () => cut.abort());
      if (graceMs === 0) cut.abort();
      await Promise.all([...flights.values()].map((flight) => flight.done));
      last.cancel();
    },
  };
}

function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    void promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", stop));
  });
}
