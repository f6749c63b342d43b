/**
 * The bytes of the server's event stream in, the JSON of its events out. Pure; never throws, whatever comes, and keeps
 * no more than one line within the cap. Each event of this server is one `data:` line: comments, other fields, what is
 * no JSON and a line beyond the cap are passed over, and the next line is read for itself.
 */
import { tryJson } from "../lib/json.ts";
import { createLineSplitter } from "../lib/ndjson.ts";

const MAX_LINE_BYTES = 64 * 1024 * 1024;
const DATA = "data:";
/** May stand once, before everything. */
const BOM = "\ufeff";

export interface EventReader {
  /** The events that these bytes complete, in order. */
  push(bytes: Uint8Array): unknown[];
}

export function createEventReader({ maxLineBytes = MAX_LINE_BYTES } = {}): EventReader {
  const splitter = createLineSplitter({ maxLineBytes });
  let first = true;
  return {
    push(bytes) {
      const events: unknown[] = [];
      for (const line of splitter.push(bytes)) {
        const begins = first;
        first = false;
        // A line beyond the cap is not lost: the end of the turn is read from the store.
        if (line.type !== "line") continue;
        const text = begins && line.text.startsWith(BOM) ? line.text.slice(BOM.length) : line.text;
        if (!text.startsWith(DATA)) continue;
        // The CR of a CRLF is white space to JSON.
        const json = tryJson(text.slice(DATA.length));
        if (json !== undefined) events.push(json);
      }
      return events;
    },
  };
}
