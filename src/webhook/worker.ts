/**
 * Sends what the outbox holds: woken by commits and due times, never by polling. A row stays pending until its outcome is
 * stored, so a death of ours in between only means that the same id is sent again.
 */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { Clock, Timer } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Store } from "../store/database.ts";
import type { Delivery } from "../store/deliveries.ts";
import { dueDeliveries, nextDueAt, recordAttempt } from "../store/deliveries.ts";
import type { AttemptResult } from "./client.ts";
import { postWebhook } from "./client.ts";
import { afterAttempt } from "./schedule.ts";

const MAX_IN_FLIGHT = 8;
/** So that receivers that hang cannot take all the places. */
const MAX_PER_DESTINATION = 2;
/** More rows than places, since some of the due ones may stand behind a full destination. */
const LOOK_AHEAD = 200;

export interface WorkerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** For rows of the config's webhook. */
  readonly token?: string;
  readonly secret?: string;
  /** May a project's or agent's own webhook go to this host? */
  readonly hostAllowed: (host: string) => boolean;
  /** Stores the events of a settled delivery and announces them. */
  readonly settled: (delivery: Delivery, state: "delivered" | "dead") => void;
  readonly seam: (name: string) => void;
}

export interface Worker {
  /** There may be something to send. */
  wake(): void;
  readonly inFlight: number;
  /** Cuts what is on its way; it stays pending. */
  close(): Promise<void>;
}

export function createWorker(deps: WorkerDeps): Worker {
  const { store, clock, log } = deps;
  const flights = new Map<string, { readonly url: string; readonly agent: string | null; readonly done: Promise<void> }>();
  const closing = new AbortController();
  let timer: Timer | null = null;
  let woken = false;

  const wake = (): void => {
    if (woken || closing.signal.aborted) return;
    woken = true;
    queueMicrotask(() => {
      woken = false;
      if (!closing.signal.aborted) pump();
    });
  };

  const pump = (): void => {
    timer?.cancel();
    timer = null;
    const now = clock.now();
    for (const delivery of dueDeliveries(store, now, LOOK_AHEAD)) {
      if (flights.size >= MAX_IN_FLIGHT) return; // the end of a flight wakes us
      if (flights.has(delivery.id)) continue;
      const others = [...flights.values()].filter((flight) => flight.url === delivery.url);
      if (others.length >= MAX_PER_DESTINATION || others.some((flight) => flight.agent === delivery.agent)) continue;
      const done = send(delivery)
        .catch((error: unknown) => log.error("cannot record a webhook's attempt", { delivery: delivery.id, error }))
        .finally(() => {
          flights.delete(delivery.id);
          wake();
        });
      flights.set(delivery.id, { url: delivery.url, agent: delivery.agent, done });
    }
    const at = nextDueAt(store, now);
    if (at !== null) timer = clock.setTimer(at - now, wake);
  };

  const send = async (delivery: Delivery): Promise<void> => {
    const at = clock.now();
    const token = delivery.own ? delivery.token : (deps.token ?? null);
    const refused = delivery.own ? await forbidden(delivery.url) : null;
    const result: AttemptResult =
      refused !== null
        ? { outcome: { type: "dead", reason: refused }, status: null, responseBody: "", durationMs: 0 }
        : await postWebhook({
            url: delivery.url, id: delivery.id, body: delivery.body, clock, signal: closing.signal,
            ...(token === null ? {} : { token }), ...(deps.secret === undefined ? {} : { secret: deps.secret }),
          });
    if (closing.signal.aborted && result.status === null) return; // cut by our own stop: not the receiver's fault
    deps.seam("posted");
    const now = clock.now();
    const { outcome } = result;
    const refusals = delivery.refusals + (outcome.type === "retry_once" ? 1 : 0);
    const firstAt = delivery.firstAt ?? at;
    const next = afterAttempt({ outcome, attempt: delivery.round + 1, refusals, firstAtMs: firstAt, nowMs: now, random: deps.random });
    const error = next.state === "dead" ? next.reason : outcome.type === "delivered" ? null : outcome.reason;
    store.transact(() => {
      recordAttempt(
        store, delivery.id,
        { at, durationMs: result.durationMs, status: result.status, error, response: result.responseBody === "" ? null : result.responseBody },
        { state: next.state, nextAt: next.state === "pending" ? next.atMs : null, refusals, firstAt, lastError: error },
        now,
      );
    });
    if (next.state === "pending") log.warn("a webhook was not taken, will try again", { delivery: delivery.id, reason: error, status: result.status });
    else {
      if (next.state === "dead") log.error("a webhook is dead: redeliver it when its receiver works", { delivery: delivery.id, reason: error });
      deps.settled(delivery, next.state);
    }
  };

  /** The host was checked when the webhook was named. Its name may mean something else by now, and so may the config. */
  const forbidden = async (url: string): Promise<string | null> => {
    const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
    if (!deps.hostAllowed(host)) return `the host "${host}" is not in webhook.allowedHosts any more`;
    if (isIP(host) !== 0) return null;
    try {
      const addresses = await lookup(host, { all: true });
      const bad = addresses.find(({ address }) => isNobodysAddress(address));
      return bad === undefined ? null : `the name "${host}" stands for ${bad.address}, where no webhook may go`;
    } catch (error) {
      log.debug("cannot resolve a webhook's host, the attempt will tell", { host, reason: errorText(error) });
      return null;
    }
  };

  return {
    wake,
    get inFlight() {
      return flights.size;
    },
    async close() {
      closing.abort();
      timer?.cancel();
      await Promise.all([...flights.values()].map((flight) => flight.done));
    },
  };
}

/** Link-local (cloud metadata services live there), unspecified and multicast addresses. */
export function isNobodysAddress(address: string): boolean {
  const plain = address.toLowerCase().replace(/^::ffff:/, "");
  return /^(169\.254\.|0\.|22[4-9]\.|23\d\.)/.test(plain) || /^(fe[89ab][0-9a-f]:|ff|::$)/.test(plain);
}
