/**
 * Drives one sink from the inbox: waits for what is due, marks, sends, records. Each sink has a worker of its own and
 * shares nothing with the others but the store, so one that hangs or fails never delays or repeats another.
 */
import type { Clock } from "../lib/clock.ts";
import { watchClockSteps } from "../lib/clock-steps.ts";
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { Due, Inbox, SendRecord } from "./inbox.ts";
import { createPace } from "./pace.ts";
import type { Delivery, SendResult, Sink } from "./sink.ts";
import { given } from "../lib/given.ts";

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
  /** When a stopped sink looks again by itself (epoch ms). */
  readonly resumesMs: number | null;
}

export interface Worker {
  /** A webhook arrived. Costs nothing while the line is blocked or the sink stopped, however long the line is. */
  wake(): void;
  /** A person asks for this one: it is tried now, whatever pauses or stands before it. */
  tryNow(seq: number): void;
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
/** While something waits: after at most so long it is noticed that the clock was set or the box slept. */
const LOOK_AGAIN_MS = 60_000;

export function startWorker({ sink, inbox, clock, log, random, scrub }: WorkerOptions): Worker {
  const { name, retry } = sink;
  const pace = createPace(retry, random);
  const clockStep = watchClockSteps(clock);
  const abort = new AbortController();
  const asked: number[] = [];
  let stopping = false;
  /** A wake while nobody sleeps must not be lost. */
  let woken = false;
  /** Arrivals cannot change what is due next. */
  let deaf = false;
  let alarm: () => void = () => (woken = true);
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

  const sleep = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      if (woken) {
        woken = false;
        return resolve();
      }
      const timer = ms === Infinity ? undefined : clock.setTimer(Math.min(ms, LOOK_AGAIN_MS), () => alarm());
      alarm = () => {
        timer?.cancel();
        alarm = () => (woken = true);
        resolve();
      };
    });

  const followClock = async (): Promise<void> => {
    const stepMs = clockStep();
    if (stepMs > 0) pace.slept(stepMs);
    if (stepMs < 0) await inbox.shift(name, stepMs);
  };

  const askedFor = (): Due | null => {
    for (let seq = asked.shift(); seq !== undefined; seq = asked.shift()) {
      const due = inbox.waiting(name, seq);
      if (due !== null) return due;
    }
    return null;
  };

  /** Sends what is due; gives the ms after which to look again. */
  const step = async (): Promise<number> => {
    await followClock();
    let due = askedFor();
    if (due === null) {
      const heldMs = pace.heldUntilMs - clock.monotonic();
      deaf = heldMs > 0;
      if (deaf) return heldMs;
      due = inbox.next(name, clock.now(), retry.stepAsideAfter);
      if (!due) return Infinity;
      const earlyMs = due.atMs - clock.now();
      if (earlyMs > 0) {
        deaf = due.blocked;
        return earlyMs;
      }
    }
    const batch = sink.choose(inbox.candidates(name, due, sink.lookAhead));
    if (batch.length === 0) throw new TypeError(`no delivery found for ${due.seq}`);
    const seqs = batch.map((delivery) => delivery.seq);
    await inbox.markSending(name, seqs);
    pace.started(clock.monotonic());
    const result = await sink.send(batch, abort.signal).catch((error: unknown): SendResult => {
      // A bug of ours. What is marked is not looked at again before the next start, so it is recorded like any failure.
      log.error("a sink failed", { sink: name, ids: batch.map(({ id }) => id), error });
      return { outcome: { type: "retry", reason: errorText(error) } };
    });
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
        await sleep(STORE_RETRY_MS);
      }
    }
  };

  /** Notes what came of a send, for people and for the pace, and says what to record. */
  const judge = ({ outcome, pauseMs = 0, fault }: SendResult, due: Due, batch: readonly Delivery[]): SendRecord => {
    const runningMs = clock.monotonic();
    const ids = batch.map(({ id }) => id);
    pace.holdFor(runningMs, pauseMs);
    if (fault !== undefined) tell(fault, ids);
    if (outcome.type === "delivered") {
      seen.delivered += batch.length;
      seen.lastSuccessMs = clock.now();
      seen.lastError = null;
      pace.works();
      log.info("sent", { sink: name, ids, detail: scrub(outcome.detail) });
      return { state: "delivered", reason: null, delayMs: 0, free: false };
    }
    const reason = scrub(outcome.reason);
    seen.failedTries += 1;
    seen.lastFailureMs = clock.now();
    seen.lastError = reason;
    switch (outcome.type) {
      case "dead":
        pace.works();
        log.error("a delivery is dead", { sink: name, ids, reason });
        return { state: "dead", reason, delayMs: 0, free: false };
      case "stopped":
        pace.stopped(runningMs, outcome.retryInMs);
        tell(reason, ids, outcome.retryInMs);
        // Nobody looked at the delivery itself: it waits, and is due as soon as the sink is.
        return { state: "pending", reason, delayMs: 0, free: true };
      case "retry":
        return again(outcome, reason, due, ids);
    }
  };

  const again = (
    { waitMs = 0, free = false }: { readonly waitMs?: number; readonly free?: boolean },
    reason: string,
    { seq, tries: before, waitedMs }: Due,
    ids: readonly string[],
  ): SendRecord => {
    const tries = before + 1;
    const delayMs = pace.failed(clock.monotonic(), waitMs);
    // An outage is no fault of the one that waits: it is given up when it fails and a younger one has passed.
    if (!free && (tries >= retry.maxTries || waitedMs >= retry.giveUpAfterMs) && inbox.wasPassed(name, seq)) {
      const why = `${reason} (given up after ${tries} tries)`;
      log.error("a delivery is dead", { sink: name, ids, reason: why });
      pace.release();
      return { state: "dead", reason: why, delayMs: 0, free: false };
    }
    const aside = !free && tries >= retry.stepAsideAfter;
    if (aside && before < retry.stepAsideAfter) pace.release();
    const waits = { delayMs: aside ? Math.max(retry.slowMs, delayMs) : delayMs };
    log.warn("cannot send, trying again", { sink: name, ids, reason, tries, retryInMs: waits.delayMs });
    return { state: "pending", reason, ...waits, free };
  };

  /** Each fault is logged once; null = the way is clear again. */
  const tell = (fault: string | null, ids: readonly string[], retryInMs?: number): void => {
    const said = fault === null ? null : scrub(fault);
    if (said !== null && said !== seen.fault)
      log.error(retryInMs === undefined ? "a sink needs mending" : "a sink has stopped, its deliveries wait", {
        sink: name,
        ids,
        fault: said,
        ...given({ retryInMs }),
      });
    seen.fault = said;
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
        againMs = STORE_RETRY_MS;
      }
      if (!stopping && againMs > 0) await sleep(againMs);
    }
  };
  const done = run();

  return {
    wake() {
      if (!deaf) alarm();
    },
    tryNow(seq) {
      asked.push(seq);
      pace.release();
      alarm();
    },
    status() {
      const stoppedMs = pace.stoppedUntilMs - clock.monotonic();
      return {
        state: stoppedMs > 0 ? "stopped" : seen.lastError !== null ? "retrying" : "ok",
        pending: inbox.count(name, "pending") + inbox.count(name, "sending"),
        dead: inbox.count(name, "dead"),
        ...seen,
        resumesMs: stoppedMs > 0 ? Math.round(clock.now() + stoppedMs) : null,
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
