/**
 * The receiver's state directory: made private, locked, its inbox opened, whatever may stand in the way for a while.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorText, HarnessError } from "../lib/errors.ts";
import type { Clock, Timer } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import { makePrivateDir } from "../lib/private-dir.ts";
import { createAge, type Age } from "../store/age.ts";
import { lockStateDir, type StateLock } from "../store/lock.ts";
import { isPassing, patiently } from "../store/patience.ts";
import { openInbox, type Inbox } from "./inbox.ts";
import type { SinkName } from "./sink.ts";

const LOOK_MS = 5000;
/** While it waits for disk or lock, a SIGTERM ends the program as ever: it has nothing open yet. */
const NEVER = new AbortController().signal;

export interface StateDir {
  readonly inbox: Inbox;
  readonly age: Age;
  /** Resolves when somebody else has the directory: whoever goes on works on another's store. */
  readonly displaced: Promise<HarnessError>;
  release(): void;
}

/** Throws LOCKED and STATE_DIR_UNUSABLE; a full disk and a foreign lock are waited out. */
export async function openStateDir(
  stateDir: string,
  sinks: readonly SinkName[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<StateDir> {
  const mended = makePrivateDir(stateDir);
  if (mended.length > 0) log.warn("others could read the state directory: its modes were mended", { mended });
  const patience = { clock, log, waiting: () => undefined, signal: NEVER };
  const lock = await patiently(() => takeLock(stateDir), patience);
  try {
    const inbox = await patiently(() => {
      mkdirSync(join(stateDir, "openclaw"), { recursive: true, mode: 0o700 });
      return openInbox(join(stateDir, "inbox.db"), sinks, clock.now());
    }, patience);
    const age = await patiently(() => createAge(inbox.store, clock), patience);
    const { promise: displaced, resolve } = Promise.withResolvers<HarnessError>();
    const watch = watchLock(lock, clock, () => resolve(inUse(stateDir)));
    return {
      inbox,
      age,
      displaced,
      release() {
        watch.stop();
        age.stop();
        inbox.close();
        lock.release();
      },
    };
  } catch (cause) {
    lock.release();
    throw unusable(stateDir, cause);
  }
}

function takeLock(stateDir: string): StateLock {
  try {
    return lockStateDir(join(stateDir, "lock.db"));
  } catch (cause) {
    if (isPassing(cause)) throw cause;
    if (cause instanceof HarnessError && cause.code === "LOCKED") throw inUse(stateDir, cause);
    throw unusable(stateDir, cause);
  }
}

function inUse(stateDir: string, cause?: unknown): HarnessError {
  const message = `cannot use the state directory ${stateDir}: another webhook-receiver runs on it`;
  return new HarnessError("LOCKED", message, { cause });
}

function unusable(stateDir: string, cause: unknown): HarnessError {
  const message = `cannot use the state directory ${stateDir}: ${errorText(cause)}`;
  return new HarnessError("STATE_DIR_UNUSABLE", message, { cause });
}

/** The lock's file can be taken away under us. */
function watchLock(lock: StateLock, clock: Clock, gone: () => void): { stop(): void } {
  let timer: Timer;
  const checkLock = (): void => {
    if (!lock.check()) return gone();
    timer = clock.setTimer(LOOK_MS, checkLock);
  };
  timer = clock.setTimer(LOOK_MS, checkLock);
  return { stop: () => timer.cancel() };
}
