/**
 * Descriptors put by for our own work. The server takes every connection that comes, so strangers can use up all that a
 * process may have; then what was accepted could not be started, read or stored any more. A few are held here, given up
 * the moment the kernel says EMFILE, and taken back when the rush is over. Also the one list of errors that mean "for
 * want of a resource": what failed with one was not refused, it is to be tried again.
 */
import { closeSync, openSync, readdirSync } from "node:fs";
import type { Clock } from "./clock.ts";
import { errorCode } from "./errors.ts";
import type { Logger } from "./log.ts";
import { pause } from "./wait.ts";

/** Enough for the start of two programs at once: each takes some six for a moment. */
const SPARE = 16;
const REFILL_MS = 1000;
/** The thread's, its connection's and our look's, and some to spare. */
const FIRST_NEEDS = 6;
/** A thread that has not begun by then does not. */
const TAKING_MS = 500;
const RETRY_MS = { first: 250, most: 5000 };

/** The last two are the store's own names for a full disk, and for a lock that somebody else holds for a while. */
const SHORTAGES: ReadonlySet<string> = new Set(
  "EMFILE ENFILE EAGAIN ENOMEM ENOSPC EDQUOT DISK_FULL STORE_BUSY".split(" "),
);

const spare: number[] = [];
let wanted = 0;
let refill: (() => void) | null = null;

/** Puts some by; returns the function that lets go of them for good. Called once, by the program's start. */
export function holdSpareDescriptors(clock: Clock, count = SPARE): () => void {
  wanted = count;
  fill();
  refill = () =>
    void clock.setTimer(REFILL_MS, () => {
      refilling = false;
      if (!fill()) refillLater();
    });
  return () => {
    wanted = 0;
    refill = null;
    giveUp();
  };
}

/**
 * Does `work`; when it fails for want of descriptors, once more with the spare ones given up. `work` must be
 * synchronous: no connection can be accepted between giving up and taking.
 */
export function withDescriptors<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const code = errorCode(error);
    if ((code !== "EMFILE" && code !== "ENFILE") || spare.length === 0) throw error;
    giveUp();
    return work();
  }
}

let asked = false;

/**
 * Does `work`, a `fetch`. The first one of a program begins a thread, which takes two descriptors and ends the program
 * if there are none (Bun 1.4.5, measured). Without room it is not begun, and the kernel's own error is thrown; and
 * nobody else, as a connection, gets any before the thread has its own.
 */
export function withRequestThread<T>(work: () => T): T {
  if (asked) return work();
  giveUp();
  take(FIRST_NEEDS);
  giveUp();
  const before = countOpen();
  const done = work();
  for (let ms = 0; countOpen() < before + 2 && ms < TAKING_MS; ms++) Bun.sleepSync(1);
  asked = true;
  return done;
}

const countOpen = (): number => readdirSync("/proc/self/fd").length;

/** Did this, or what caused it, fail for want of descriptors, memory, disk or the store? Then it says nothing more. */
export function isShortage(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause) {
    const code = errorCode(each);
    if (code !== undefined && SHORTAGES.has(code)) return true;
  }
  return false;
}

let refilling = false;

function refillLater(): void {
  if (refilling || refill === null) return;
  refilling = true;
  refill();
}

/** false = the rush is not over yet. */
function fill(): boolean {
  try {
    take(wanted);
    return true;
  } catch {
    return false;
  }
}

function giveUp(): void {
  for (const fd of spare.splice(0)) closeSync(fd);
  refillLater();
}

function take(count: number): void {
  while (spare.length < count) spare.push(openSync("/dev/null", "r"));
}

/**
 * Does `work`, again and again while only the want of a resource keeps it from being done. `wanted` is asked before
 * each further try; when it says no, the shortage is thrown after all. `onWait` hears of each.
 */
export async function untilPossible<T>(
  clock: Clock,
  work: () => T | Promise<T>,
  { wanted = () => true, onWait = () => undefined }: { wanted?: () => boolean; onWait?: (error: unknown) => void } = {},
): Promise<T> {
  for (let ms = RETRY_MS.first; ; ms = Math.min(ms * 2, RETRY_MS.most)) {
    try {
      return await work();
    } catch (error) {
      if (!isShortage(error) || !wanted()) throw error;
      onWait(error);
      await pause(clock, ms);
      if (!wanted()) throw error;
    }
  }
}

/** Does at once what nobody waits for, or as soon as it can, where only the want of a resource keeps it from that. */
export function soon(
  work: () => void,
  { clock, log, wanted }: { readonly clock: Clock; readonly log: Logger; readonly wanted: () => boolean },
): void {
  try {
    work();
  } catch (error) {
    if (!isShortage(error)) throw error;
    log.warn("cannot do yet what was decided, trying again", { error });
    const later = async (): Promise<void> => {
      await pause(clock, RETRY_MS.first);
      if (wanted()) await untilPossible(clock, work, { wanted });
    };
    later().catch((failed: unknown) => {
      if (wanted()) log.error("cannot do what was decided", { error: failed });
    });
  }
}
