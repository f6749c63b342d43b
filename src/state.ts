/**
 * The daemon's state directory: made private, locked, its store opened, whatever may stand in the way for a while. Says
 * what is wrong with it; never decides what the agents in it are.
 */
import { join } from "node:path";
import type { Clock, Timer } from "./lib/clock.ts";
import { HarnessError, errorText } from "./lib/errors.ts";
import { tryJson } from "./lib/json.ts";
import type { Logger } from "./lib/log.ts";
import { makePrivateDir } from "./lib/private-dir.ts";
import { listAgentFolder, readSmallFile, removeDiscarded, writeAgentFile } from "./process/agent-file.ts";
import { isAlive, readIdentity } from "./process/identity.ts";
import { checkPaths, runPaths } from "./process/paths.ts";
import { readBootId, readProcess } from "./process/proc.ts";
import { allAgentIds } from "./store/agents.ts";
import type { StateLock, Store } from "./store/database.ts";
import { lockStateDir, openStore } from "./store/database.ts";
import { isPassing } from "./store/patience.ts";
import { insertStart } from "./store/starts.ts";

export function makeStateDir(stateDir: string, log: Logger): void {
  const mended = makePrivateDir(stateDir);
  if (mended.length > 0) log.warn("others could read the state directory: its modes were mended", { mended });
}

/** Throws LOCKED when another daemon has it. */
export function takeLock(stateDir: string): StateLock {
  try {
    return lockStateDir(join(stateDir, "lock.db"));
  } catch (error) {
    if (!(error instanceof HarnessError) || error.code !== "LOCKED") throw error;
    throw lost(stateDir, error);
  }
}

/** Somebody else has the state directory. */
export function lost(stateDir: string, cause?: unknown): HarnessError {
  return new HarnessError(
    "LOCKED",
    `the state directory ${stateDir} is in use by another daemon${owner(stateDir)}: stop that one, or set another stateDir`,
    { cause },
  );
}

/** Opens the store and makes sure that it can be written. Throws DISK_FULL, STORE_BUSY, STATE_DIR_UNUSABLE. */
export function useStore(stateDir: string, nowMs: number): Store {
  const path = join(stateDir, "harness.db");
  let store: Store | null = null;
  try {
    const opened = (store = openStore(path));
    opened.transact(() => insertStart(opened, nowMs));
    return opened;
  } catch (error) {
    store?.close();
    if (isPassing(error)) throw error;
    throw new HarnessError("STATE_DIR_UNUSABLE", `cannot use the store ${path}: ${errorText(error)}`, { cause: error });
  }
}

const OWNER_BYTES = 4096;

/** For the message of a second daemon only; nothing hangs on it. */
export function writeOwner(stateDir: string, url: string, log: Logger): void {
  try {
    const owner = JSON.stringify({ pid: process.pid, bootId: readBootId(), url });
    writeAgentFile(join(stateDir, "owner.json"), owner);
  } catch (error) {
    log.warn("cannot write owner.json", { error });
  }
}

function owner(stateDir: string): string {
  try {
    const json = tryJson(readSmallFile(join(stateDir, "owner.json"), OWNER_BYTES) ?? "");
    if (typeof json !== "object" || json === null || !("pid" in json) || !("url" in json)) return "";
    // One that is dead, or of another boot, does not hold it.
    const alive = "bootId" in json && json.bootId === readBootId() && readProcess(Number(json.pid)) !== null;
    return alive ? ` (pid ${Number(json.pid)}, ${String(json.url)})` : "";
  } catch {
    return ""; // for the message only
  }
}

/**
 * Folders of agents that the store does not know: it is new or older than they are. Their processes are nobody's now,
 * and are named for the person who has to end them.
 */
export async function lookForStrays(stateDir: string, store: Store, log: Logger): Promise<void> {
  const folder = join(stateDir, "agents");
  for (const error of await removeDiscarded(folder)) log.warn("cannot remove a deleted agent's folder", { error });
  const known = new Set(allAgentIds(store));
  for (const id of listAgentFolder(folder)) {
    if (known.has(id)) continue;
    const dir = join(folder, id);
    const started = [
      ...listAgentFolder(join(dir, "run")).map((run) => runPaths(dir, Number(run))),
      ...listAgentFolder(join(dir, "check")).map((name) => checkPaths(dir, name)),
    ];
    const pids = started.flatMap((paths) => {
      const identity = readIdentity(paths);
      return identity !== null && isAlive(identity) ? [identity.pid, identity.wrapperPid] : [];
    });
    const cure = pids.length === 0 ? "remove the folder" : "end its processes (kill), then remove the folder";
    log.warn(`a folder of an agent that the store does not know: ${cure}`, { dir, pids });
  }
}

/** The lock's file can be taken away under us: looked at with every sweep. */
export function watchLock(lock: StateLock, clock: Clock, everyMs: number, gone: () => void): { stop(): void } {
  let timer: Timer;
  const look = (): void => {
    if (!lock.check()) return gone();
    timer = clock.setTimer(everyMs, look);
  };
  timer = clock.setTimer(everyMs, look);
  return { stop: () => timer.cancel() };
}
