/**
 * Drives one sink from the inbox: waits for what is due, marks, sends, records. Each sink has a worker of its own and
 * shares nothing with the others but the store, so one that hangs or fails never delays or repeats another.
 */
import type { Clock } from "../lib/clock.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Due, Inbox, SendRecord } from "./inbox.ts";
import type { Delivery, SendResult, Sink } from "./sink.ts";

export interface WorkerStatus {
  readonly state: "ok" | "retrying" | "stopped";
  readonly pending: number;
  readonly dead: number;
  /** Since the start of this process. */
  readonly delivered: number;
  readonly failedTries: number;
  readonly lastSuccessMs: number | null;
  readonly lastFailureMs: number | null;
  /** Why the last try failed, while no later one succeeded. */
  readonly lastError: string | null;
  /** What a person should mend. */
  readonly fault: string | null;
  /** When a stopped sink looks again; null = not before a restart. */
  readonly resumesMs: number | null;
}

export interface Worker {
  /** A webhook arrived. Costs nothing while the line is blocked or the sink stopped, however long the line is. */
  wake(): void;
  /** The line itself was changed: look again in any case. */
  lookAgain(): void;
  status(): WorkerStatus;
  /** Lets a send under way finish for `graceMs`, then aborts it. What is not sent stays in the inbox. */
  stop(graceMs: number): Promise<void>;
}

export interface WorkerOptions {
  readonly sink: Sink;
  readonly inbox: Inbox;
  readonly clock: Clock;
  readonly log: Logger;
  /** In [0, 1). */
  readonly random: () => number;
  /** Takes our secrets out of foreign error texts. */
  readonly scrub: (text: string) => string;
}

/** After the store refused a write: the disk is full or gone, trying at once again helps nobody. */
const STORE_RETRY_MS = 5000;
const JITTER = 0.1;

export function startWorker({ sink, inbox, clock, log, random, scrub }: WorkerOptions): Worker {
  const { name, retry } = sink;
  const abort = new AbortController();
  let stopping = false;
  /** A wake while nobody sleeps must not be lost. */
  let woken = false;
  /** Arrivals cannot change what is due next. */
  let deaf = false;
  let alarm: () => void = () => (woken = true);
  let pausedUntilMs = 0;
  /** Infinity = for the life of this process. */
  let stoppedUntilMs = 0;
  const seen = {
    delivered: 0,
    failedTries: 0,
    lastSuccessMs: null,
    lastFailureMs: null,
    lastError: null,
    fault: null,
  } as {
    delivered: number;
    failedTries: number;
    lastSuccessMs: number | null;
    lastFailureMs: number | null;
    lastError: string | null;
    fault: string | null;
  };

  const sleepUntil = (atMs: number): Promise<void> =>
    new Promise((resolve) => {
      if (woken) {
        woken = false;
        return resolve();
      }
      const timer = atMs === Infinity ? undefined : clock.setTimer(atMs - clock.now(), () => alarm());
      alarm = () => {
        timer?.cancel();
        alarm = () => (woken = true);
        resolve();
      };
    });

  /** Sends what is due; gives the time at which to look again. */
  const step = async (): Promise<number> => {
    const nowMs = clock.now();
    const heldUntilMs = Math.max(pausedUntilMs, stoppedUntilMs);
    deaf = heldUntilMs > nowMs;
    if (deaf) return heldUntilMs;
    const due = inbox.next(name, nowMs, retry.stepAsideAfter);
    if (!due) return Infinity;
    if (due.atMs > nowMs) {
      deaf = due.blocked;
      return due.atMs;
    }
    const batch = sink.choose(inbox.candidates(name, due, sink.lookAhead));
    if (batch.length === 0) throw new TypeError(`no delivery found for ${due.seq}`);
    const seqs = batch.map((delivery) => delivery.seq);
    await inbox.markSending(name, seqs, nowMs);
    pausedUntilMs = nowMs + retry.gapMs;
    const result = await sink.send(batch, abort.signal);
    // Cut off by our own stop: nobody knows whether it arrived. It stays marked, so that the next start knows that too.
    if (abort.signal.aborted && result.outcome.type !== "delivered") return Infinity;
    const record = judge(result, due, batch);
    // What was sent must be recorded, or a restart sends it again: tried until the store takes it.
    while (true) {
      try {
        await inbox.record(name, seqs, record, clock.now());
        return 0;
      } catch (error) {
        log.error("cannot record a send, trying again", { sink: name, ids: batch.map(({ id }) => id), error });
        if (stopping) return Infinity;
        await sleepUntil(clock.now() + STORE_RETRY_MS);
      }
    }
  };

  /** Notes what came of a send, for people and for the pace, and says what to record. */
  const judge = ({ outcome, pauseMs = 0, fault }: SendResult, due: Due, batch: readonly Delivery[]): SendRecord => {
    const nowMs = clock.now();
    pausedUntilMs = Math.max(pausedUntilMs, nowMs + pauseMs);
    if (fault !== undefined && fault !== seen.fault) {
      seen.fault = fault === null ? null : scrub(fault);
      if (seen.fault !== null) log.warn("a sink needs mending", { sink: name, fault: seen.fault });
    }
    const ids = batch.map(({ id }) => id);
    if (outcome.type === "delivered") {
      seen.delivered += batch.length;
      seen.lastSuccessMs = nowMs;
      seen.lastError = null;
      stoppedUntilMs = 0;
      log.info("sent", { sink: name, ids, detail: scrub(outcome.detail) });
      return { state: "delivered", reason: null, nextAtMs: 0, free: false };
    }
    const reason = scrub(outcome.reason);
    seen.failedTries += 1;
    seen.lastFailureMs = nowMs;
    seen.lastError = reason;
    const tries = due.tries + 1;
    const waitedMs = nowMs - (due.firstAtMs ?? nowMs);
    if (
      outcome.type === "dead" ||
      (outcome.type === "retry" && !outcome.free && (tries >= retry.maxTries || waitedMs >= retry.giveUpAfterMs))
    ) {
      const why = outcome.type === "dead" ? reason : `${reason} (given up after ${tries} tries)`;
      log.error("a delivery is dead", { sink: name, ids, reason: why });
      return { state: "dead", reason: why, nextAtMs: 0, free: false };
    }
    if (outcome.type === "stopped") {
      const known = seen.fault === reason;
      seen.fault = reason;
      stoppedUntilMs = outcome.retryInMs === null ? Infinity : nowMs + outcome.retryInMs;
      if (!known)
        log.error("a sink has stopped, its deliveries wait", {
          sink: name,
          ids,
          reason,
          ...(outcome.retryInMs === null ? {} : { retryInMs: outcome.retryInMs }),
        });
      // Nobody looked at the delivery itself, but one that waits behind a fault for too long is given up all the same.
      if (waitedMs >= retry.giveUpAfterMs)
        return { state: "dead", reason: `${reason} (given up after ${tries} tries)`, nextAtMs: 0, free: false };
      return { state: "pending", reason, nextAtMs: nowMs, free: true };
    }
    const baseMs =
      tries >= retry.stepAsideAfter
        ? retry.slowMs
        : (retry.delaysMs[Math.min(tries, retry.delaysMs.length) - 1] ?? retry.slowMs);
    const delayMs = Math.max(outcome.free ? 0 : baseMs, outcome.waitMs ?? 0) * (1 + JITTER * random());
    log.warn("cannot send, trying again", { sink: name, ids, reason, tries, retryInMs: Math.round(delayMs) });
    return { state: "pending", reason, nextAtMs: Math.round(nowMs + delayMs), free: outcome.free ?? false };
  };

  const run = async (): Promise<void> => {
    while (!stopping) {
      let againMs: number;
      try {
        againMs = await step();
      } catch (error) {
        seen.lastError = scrub(errorText(error));
        seen.lastFailureMs = clock.now();
        log.error("a sink's worker failed, trying again", { sink: name, error });
        againMs = clock.now() + STORE_RETRY_MS;
      }
      if (!stopping && againMs > clock.now()) await sleepUntil(againMs);
    }
  };
  const done = run();

  return {
    wake() {
      if (!deaf) alarm();
    },
    lookAgain: () => alarm(),
    status() {
      const stopped = stoppedUntilMs > clock.now();
      return {
        state: stopped ? "stopped" : seen.lastError !== null ? "retrying" : "ok",
        pending: inbox.count(name, "pending") + inbox.count(name, "sending"),
        dead: inbox.count(name, "dead"),
        ...seen,
        resumesMs: stopped && stoppedUntilMs !== Infinity ? stoppedUntilMs : null,
      };
    },
    async stop(graceMs) {
      stopping = true;
      alarm();
      const timer = clock.setTimer(graceMs, () => abort.abort());
      await done;
      timer.cancel();
    },
  };
}
