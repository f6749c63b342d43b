/**
 * Opens the store: one SQLite file, one writer, WAL, `synchronous=FULL`. Everything that is announced was committed
 * here first. What keeps SQLite from working for a while (a full disk, a lock that somebody else holds) leaves as an
 * error with a name, nothing done, so that the caller can try again.
 */
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { statSync } from "node:fs";
import { HarnessError, errorCode } from "../lib/errors.ts";

export type Row = Record<string, string | number | bigint | Uint8Array | null>;

export interface Store {
  readonly db: Database;
  /** All of `work` in one transaction; rolled back when it throws. Not re-entrant. */
  transact<T>(work: () => T): T;
  run(sql: string, ...params: SQLQueryBindings[]): { changes: number; lastId: number };
  get<T>(sql: string, ...params: SQLQueryBindings[]): T | null;
  all<T>(sql: string, ...params: SQLQueryBindings[]): T[];
  /** Gives cached pages back. */
  shrink(): void;
  close(): void;
}

/**
 * A foreign lock is waited for by whoever may wait, in the event loop: this only bridges the moment of a neighbour's
 * commit, because it blocks us.
 */
const BUSY_MS = 50;

/** Opens or creates the file and brings it to the newest of `steps`. Throws DISK_FULL, STORE_BUSY, STORE_TOO_NEW. */
export function openSqlite(path: string, steps: readonly string[]): Store {
  return named(() => {
    const db = new Database(path, { create: true, strict: true });
    try {
      prepare(db, isNew(path));
      migrate(db, steps);
    } catch (error) {
      db.close();
      throw error;
    }
    return storeOf(db);
  });
}

function isNew(path: string): boolean {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0;
}

/**
 * The pragmas answer rows, and their order matters: the kind of vacuum is decided before the first page, WAL comes
 * before FULL, so that FULL means one fsync a commit. What is deleted is overwritten: it was somebody's secret.
 */
function prepare(db: Database, fresh: boolean): void {
  db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
  if (fresh) db.exec("PRAGMA auto_vacuum = INCREMENTAL");
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON");
}

function storeOf(db: Database): Store {
  const prepared = new Map<string, Statement>();
  const statement = (sql: string): Statement => {
    let found = prepared.get(sql);
    if (found === undefined) prepared.set(sql, (found = db.prepare(sql)));
    return found;
  };
  return {
    db,
    transact(work) {
      named(() => statement("BEGIN IMMEDIATE").run());
      try {
        const result = work();
        named(() => statement("COMMIT").run());
        return result;
      } catch (error) {
        // SQLite may have rolled back by itself (a full disk); a second one would hide why.
        if (db.inTransaction) statement("ROLLBACK").run();
        throw error;
      }
    },
    run(sql, ...params) {
      const { changes, lastInsertRowid } = named(() => statement(sql).run(...params.map(asText)));
      return { changes, lastId: Number(lastInsertRowid) };
    },
    // bun:sqlite hands out rows without a type; the SQL beside each call is the check that stands for it.
    get: <T>(sql: string, ...params: SQLQueryBindings[]) => named(() => statement(sql).get(...params) as T | null),
    all: <T>(sql: string, ...params: SQLQueryBindings[]) => named(() => statement(sql).all(...params) as T[]),
    shrink: () => db.exec("PRAGMA shrink_memory"),
    close() {
      for (const each of prepared.values()) each.finalize();
      try {
        db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      } catch {
        // a full disk or somebody's lock: the log is read by the next one who opens the file
      }
      db.close();
    },
  };
}

/** Half of a surrogate pair cannot be stored as text. */
function asText(value: SQLQueryBindings): SQLQueryBindings {
  return typeof value === "string" && !value.isWellFormed() ? value.toWellFormed() : value;
}

function named<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error) ?? error;
  }
}

/** What the caller can wait out, with its name; null for everything else. */
function storeError(cause: unknown): HarnessError | null {
  const code = errorCode(cause) ?? "";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return new HarnessError("STORE_BUSY", "another program holds the store locked: try again in a second", {
      headers: { "Retry-After": "1" },
      cause,
    });
  }
  // Shared memory beside the file cannot grow either when the disk is full, and that is told as an I/O error.
  if (code !== "SQLITE_FULL" && code !== "SQLITE_IOERR_SHMSIZE") return null;
  return new HarnessError("DISK_FULL", "the disk with the state directory is full: free some space, then try again", {
    cause,
  });
}

/** Brings the schema to the newest step. A store of a newer program is refused rather than guessed at. */
function migrate(db: Database, steps: readonly string[]): void {
  const version = (db.query("PRAGMA user_version").get() as { user_version: number }).user_version;
  if (version > steps.length) {
    throw new HarnessError(
      "STORE_TOO_NEW",
      `the store has schema ${version}, this program knows ${steps.length}: start the newer program`,
    );
  }
  for (let step = version; step < steps.length; step++) {
    db.exec("BEGIN IMMEDIATE");
    try {
      db.exec(steps[step] ?? "");
      db.exec(`PRAGMA user_version = ${step + 1}; COMMIT`);
    } catch (error) {
      if (db.inTransaction) db.exec("ROLLBACK");
      throw error;
    }
  }
}
