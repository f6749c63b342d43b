/** Rows of attachments: what goes with an input. Their bytes are files, which only `agents/attachments.ts` touches. */
import type { Store } from "./database.ts";

export interface Attachment {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: number;
  /** Its name in the agent's `attachments/`. */
  readonly file: string;
}

export function insertAttachment(store: Store, input: number, n: number, each: Attachment): void {
  store.run(
    "INSERT INTO attachments (input, n, name, media_type, bytes, file) VALUES (?, ?, ?, ?, ?, ?)",
    input,
    n,
    each.name,
    each.mediaType,
    each.bytes,
    each.file,
  );
}

export function attachmentsOf(store: Store, input: number): Attachment[] {
  return store.all(
    "SELECT name, media_type AS mediaType, bytes, file FROM attachments WHERE input = ? ORDER BY n",
    input,
  );
}
