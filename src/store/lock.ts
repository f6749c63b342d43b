/**
 * The lock on a state directory: a SQLite file held by an exclusive transaction. The kernel frees it when we die,
 * however we die, so there is no stale pid file to race about. The file itself can be taken away under us: then another
 * program could lock a new one of the same name, so it is looked at again and again.
 */
import { Database } from "bun:sqlite";
import { rmSync, statSync } from "node:fs";
import { HarnessError, errorCode } from "../lib/errors.ts";

export interface StateLock {
  /**
   * Is it still ours? Cheap: one `stat`. A file that was removed or replaced is locked anew; false when somebody else
   * has it by now: whoever goes on then works on another's store.
   */
  check(): boolean;
  release(): void;
}

/** Throws LOCKED when another process has it. */
export function lockStateDir(path: string): StateLock {
  let held = take(path);
  return {
    check() {
      if (inodeOf(path) === held.inode) return true;
      try {
        const again = take(path);
        held.db.close();
        held = again;
        return true;
      } catch (error) {
        if (error instanceof HarnessError && error.code === "LOCKED") return false;
        throw error;
      }
    },
    release: () => held.db.close(),
  };
}

interface Held {
  readonly db: Database;
  readonly inode: string;
}

function take(path: string): Held {
  const first = tryTake(path);
  if (first !== "garbage") return first;
  // Nobody can hold a lock on what is no database: somebody wrote over it.
  rmSync(path, { force: true });
  const second = tryTake(path);
  if (second !== "garbage") return second;
  throw new HarnessError("STATE_DIR_UNUSABLE", `cannot lock ${path}: what stands there is no lock file`);
}

function tryTake(path: string): Held | "garbage" {
  let db: Database | null = null;
  try {
    db = new Database(path, { create: true });
    // Nothing is ever written, not even a journal: on a full disk it can be locked all the same.
    db.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE");
  } catch (cause) {
    db?.close();
    const code = errorCode(cause) ?? "";
    if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED"))
      throw new HarnessError("LOCKED", "the state directory is in use by another daemon", { cause });
    if (code.startsWith("SQLITE_NOTADB") || code.startsWith("SQLITE_CORRUPT")) return "garbage";
    if (code === "SQLITE_FULL")
      throw new HarnessError("DISK_FULL", "the disk with the state directory is full", { cause });
    throw cause;
  }
  return { db, inode: inodeOf(path) };
}

function inodeOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? "" : `${stats.dev} ${stats.ino}`;
}
