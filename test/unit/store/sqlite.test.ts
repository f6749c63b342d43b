/**
 * What keeps the store from working for a while has a name and leaves nothing half done: a full disk, a lock of
 * somebody else. Looked for in: opening, migrating, reading, every transaction, closing, the lock on the folder; the
 * receiver's inbox is the same code. Found: a rollback outside of a transaction hid the full disk, a foreign lock froze
 * the loop for five seconds a try, garbage in the lock file read as "in use", a lock file taken away let two daemons
 * run.
 */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HarnessError } from "../../../src/lib/errors.ts";
import { lockStateDir } from "../../../src/store/lock.ts";
import { openSqlite } from "../../../src/store/sqlite.ts";

const folder = (): string => mkdtempSync(join(tmpdir(), "ah-sqlite-"));
const STEPS = ["CREATE TABLE t (a TEXT) STRICT"];

function codeOf(work: () => unknown): string {
  try {
    work();
    return "(no error)";
  } catch (error) {
    return error instanceof HarnessError ? error.code : String(error);
  }
}

describe("a full disk", () => {
  /** SQLite's own bound on the file fails as the file system's does. */
  const full = () => {
    const store = openSqlite(join(folder(), "s.db"), STEPS);
    store.db.exec("PRAGMA max_page_count = 4");
    return store;
  };
  const much = "x".repeat(100_000);

  test("is told by its name from within a transaction, and the next one works", () => {
    const store = full();
    expect(codeOf(() => store.transact(() => store.run("INSERT INTO t VALUES (?)", much)))).toBe("DISK_FULL");
    expect(store.db.inTransaction).toBe(false);
    expect(store.all("SELECT * FROM t")).toEqual([]);
    store.transact(() => store.run("INSERT INTO t VALUES ('fits')"));
    expect(store.all("SELECT * FROM t")).toEqual([{ a: "fits" }]);
    store.close();
  });

  test("a mistake of our own within a transaction is still told as it is", () => {
    const store = full();
    expect(codeOf(() => store.transact(() => store.run("INSERT INTO nowhere VALUES (1)")))).toContain("no such table");
    expect(store.db.inTransaction).toBe(false);
    store.close();
  });

  test("while the schema is brought up to date leaves the old one", () => {
    const path = join(folder(), "s.db");
    openSqlite(path, STEPS).close();
    const broken = [...STEPS, "CREATE TABLE u (a TEXT) STRICT; INSERT INTO nowhere VALUES (1)"];
    expect(codeOf(() => openSqlite(path, broken))).toContain("no such table");
    const store = openSqlite(path, STEPS);
    expect(store.all("SELECT name FROM sqlite_schema WHERE type = 'table'")).toEqual([{ name: "t" }]);
    store.close();
  });
});

describe("a lock of somebody else", () => {
  test("is told within a moment, and what waits in the loop goes through when it is gone", () => {
    const path = join(folder(), "s.db");
    const store = openSqlite(path, STEPS);
    const other = new Database(path);
    other.exec("BEGIN IMMEDIATE");
    const begun = performance.now();
    expect(codeOf(() => store.transact(() => undefined))).toBe("STORE_BUSY");
    expect(codeOf(() => store.run("INSERT INTO t VALUES ('x')"))).toBe("STORE_BUSY");
    expect(performance.now() - begun).toBeLessThan(2000);
    other.exec("ROLLBACK");
    store.transact(() => store.run("INSERT INTO t VALUES ('x')"));
    other.close();
    store.close();
  });

  test("that keeps even readers out, or the start, has the same name", () => {
    const path = join(folder(), "s.db");
    openSqlite(path, STEPS).close();
    const other = new Database(path);
    other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
    expect(codeOf(() => openSqlite(path, STEPS))).toBe("STORE_BUSY");
    other.close();
    openSqlite(path, STEPS).close();
  });
});

test("text is well-formed before it is stored", () => {
  const store = openSqlite(join(folder(), "s.db"), STEPS);
  store.run("INSERT INTO t VALUES (?)", "x😀".slice(0, 2));
  expect(store.get("SELECT a, hex(a) AS bytes FROM t")).toEqual({ a: "x\ufffd", bytes: "78EFBFBD" });
  store.close();
});

describe("the lock on a state directory", () => {
  test("is refused to the second, and free when the first lets go", () => {
    const path = join(folder(), "lock.db");
    const lock = lockStateDir(path);
    expect(codeOf(() => lockStateDir(path))).toBe("LOCKED");
    expect(lock.check()).toBe(true);
    lock.release();
    lockStateDir(path).release();
  });

  test("garbage in its place is nobody's lock", () => {
    const path = join(folder(), "lock.db");
    writeFileSync(path, "not a database, and longer than a header of one".repeat(100));
    const lock = lockStateDir(path);
    expect(codeOf(() => lockStateDir(path))).toBe("LOCKED");
    lock.release();
  });

  test("whose file was removed is taken anew, so that a second one is refused again", () => {
    const path = join(folder(), "lock.db");
    const lock = lockStateDir(path);
    rmSync(path);
    expect(lock.check()).toBe(true);
    expect(statSync(path).isFile()).toBe(true);
    expect(codeOf(() => lockStateDir(path))).toBe("LOCKED");
    lock.release();
  });

  test("that somebody else has by now is lost, and said so", () => {
    const path = join(folder(), "lock.db");
    const lock = lockStateDir(path);
    renameSync(path, `${path}.old`);
    const other = lockStateDir(path);
    expect(lock.check()).toBe(false);
    expect(other.check()).toBe(true);
    other.release();
    expect(lock.check()).toBe(true);
    lock.release();
  });
});
