/** One event stream over `fetch`: an EventSource cannot carry the token. Owns the parsing and the watch for silence. */
import type { Client } from "./client.ts";
import type { Fields } from "./read.ts";
import { fields, parseJson } from "./read.ts";

export interface StreamEvent {
  /** null: not numbered (`delta`, `activity`, `reset`). */
  readonly id: number | null;
  readonly type: string;
  readonly data: Fields;
}

/** A comment comes every 15 s: silence for so long means that nobody is there any more. */
const SILENCE_MS = 40_000;

export interface StreamOptions {
  readonly client: Client;
  readonly path: string;
  readonly signal: AbortSignal;
  onOpen(): void;
  onBytes(): void;
  onEvents(events: readonly StreamEvent[]): void;
}

/** Ends when the stream does. Throws what opening throws, or `Silence`. */
export async function readStream({ client, path, signal, onOpen, onBytes, onEvents }: StreamOptions): Promise<void> {
  const quiet = new AbortController();
  let watch = setTimeout(() => quiet.abort(), SILENCE_MS);
  try {
    const both = AbortSignal.any([signal, quiet.signal]);
    const response = await client.open(path, { Accept: "text/event-stream" }, both);
    if (response.body === null) return;
    onOpen();
    const parse = createParser();
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(() => quiet.abort(), SILENCE_MS);
      onBytes();
      const events = parse(decoder.decode(value, { stream: true }));
      if (events.length > 0) onEvents(events);
    }
  } finally {
    clearTimeout(watch);
  }
}

/** Server-sent events out of pieces of text; half a block waits for its rest. */
export function createParser(): (piece: string) => StreamEvent[] {
  let rest = "";
  return (piece) => {
    const blocks = (rest + piece).split("\n\n");
    rest = blocks.pop() ?? "";
    return blocks.flatMap((block) => parseBlock(block) ?? []);
  };
}

function parseBlock(block: string): StreamEvent | null {
  let id: number | null = null;
  let type = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const cut = line.indexOf(": ");
    const value = line.slice(cut + 2);
    const field = line.slice(0, cut);
    if (field === "id") id = /^\d{1,15}$/.test(value) ? Number(value) : null;
    else if (field === "event") type = value;
    else if (field === "data") data.push(value);
  }
  return type === "" ? null : { id, type, data: fields(parseJson(data.join("\n"))) };
}
