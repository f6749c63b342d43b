/** A store's file that an earlier version began: written anew, once, so that it gives pages back. */
import { statfsSync } from "node:fs";
import type { Logger } from "../lib/log.ts";
import type { Store } from "./database.ts";
import { INCREMENTAL, pragma } from "./pragma.ts";

/**
 * A file of an earlier version never gives pages back, and the pragma alone changes nothing for it: it has to be
 * written anew, once. That needs room for a second copy and its log.
 */
export function makeAnew(store: Store, path: string, log: Logger): void {
  if (pragma(store, "auto_vacuum") === INCREMENTAL) return;
  const bytes = pragma(store, "page_count") * pragma(store, "page_size");
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize < 2 * bytes) {
    log.warn("the store's file keeps what was deleted until there is room to write it anew", {
      bytes,
      needs: 2 * bytes,
    });
    return;
  }
  store.db.exec("PRAGMA auto_vacuum = INCREMENTAL; VACUUM; PRAGMA wal_checkpoint(TRUNCATE)");
  log.info("wrote the store's file anew", { bytes });
}
