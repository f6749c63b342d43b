/**
 * Opens the store: one SQLite file, one writer, WAL, `synchronous=FULL`. Everything that is announced was committed
 * here first. The lock on the state directory is a second SQLite file held by an exclusive transaction: the kernel
 * frees it when we die, however we die, so there is no stale pid file to race about.
 */
import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { HarnessError } from "../lib/errors.ts";

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

/** Holds `<stateDir>/lock.db` until `release` or death. Throws LOCKED when another process has it. */
export function lockStateDir(path: string): { release(): void } {
  const db = new Database(path, { create: true });
  try {
    db.exec("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
  } catch (cause) {
    db.close();
    throw new HarnessError("LOCKED", "the state directory is in use by another daemon", { cause });
  }
  return { release: () => db.close() };
}

/** Opens or creates the file and brings it to the newest of `steps`. */
export function openSqlite(path: string, steps: readonly string[]): Store {
  const db = new Database(path, { create: true, strict: true });
  // The pragmas answer rows, and the order matters: WAL first, so that FULL means one fsync a commit.
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 5000");
  migrate(db, steps);
  const prepared = new Map<string, Statement>();
  const statement = (sql: string): Statement => {
    let found = prepared.get(sql);
    if (found === undefined) prepared.set(sql, (found = db.prepare(sql)));
    return found;
  };
  return {
    db,
    transact(work) {
      statement("BEGIN IMMEDIATE").run();
      try {
        const result = work();
        statement("COMMIT").run();
        return result;
      } catch (error) {
        statement("ROLLBACK").run();
        throw error;
      }
    },
    run(sql, ...params) {
      const { changes, lastInsertRowid } = statement(sql).run(...params);
      return { changes, lastId: Number(lastInsertRowid) };
    },
    // bun:sqlite hands out rows without a type; the SQL beside each call is the check that stands for it.
    get: <T>(sql: string, ...params: SQLQueryBindings[]) => statement(sql).get(...params) as T | null,
    all: <T>(sql: string, ...params: SQLQueryBindings[]) => statement(sql).all(...params) as T[],
    shrink: () => db.exec("PRAGMA shrink_memory"),
    close() {
      for (const each of prepared.values()) each.finalize();
      db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      db.close();
    },
  };
}

/** Brings the schema to the newest step. A store of a newer program is refused rather than guessed at. */
export function migrate(db: Database, steps: readonly string[]): void {
  const version = (db.query("PRAGMA user_version").get() as { user_version: number }).user_version;
  if (version > steps.length) {
    throw new HarnessError(
      "STORE_TOO_NEW",
      `the store has schema ${version}, this program knows ${steps.length}: start the newer program`,
    );
  }
  for (let step = version; step < steps.length; step++) {
    db.transaction(() => {
      db.exec(steps[step] ?? "");
      db.exec(`PRAGMA user_version = ${step + 1}`);
    })();
  }
}
