/** The daemon's store: the SQLite file of `sqlite.ts` with the daemon's schema. */
import { MIGRATIONS } from "./migrations.ts";
import { openSqlite, type Store } from "./sqlite.ts";

export { lockStateDir, type StateLock } from "./lock.ts";
export { type Row, type Store } from "./sqlite.ts";

export function openStore(path: string): Store {
  return openSqlite(path, MIGRATIONS);
}
