/** What SQLite says of a store's file. */
import type { Store } from "./database.ts";

/** Of `auto_vacuum`. */
export const INCREMENTAL = 2;

export function pragma(store: Store, name: "freelist_count" | "auto_vacuum" | "page_count" | "page_size"): number {
  const row = store.db.query(`PRAGMA ${name}`).get();
  const value = typeof row === "object" && row !== null ? Object.values(row)[0] : undefined;
  return typeof value === "number" ? value : 0;
}
