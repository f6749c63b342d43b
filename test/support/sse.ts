/** A client of event streams that can be cut off at any moment and says exactly what it got. */
import type { Api, Json } from "./api.ts";
import { assertDescribedEvent } from "./described.ts";

export interface StreamEvent {
  /** null: not numbered (`reset`, `delta`). */
  readonly id: number | null;
  readonly event: string;
  readonly data: Json;
}

export interface EventStream {
  /** Whole events as they come; ends when the server ends the stream or `close` was called. */
  readonly events: AsyncIterable<StreamEvent>;
  readonly comments: readonly string[];
  readonly response: Response;
  close(): void;
}

/** `path` is below `/api/v1` and ends in `/events`, with its query. */
export async function openStream(
  api: Api,
  path: string,
  { lastEventId, token }: { lastEventId?: number; token?: string } = {},
): Promise<EventStream> {
  const stop = new AbortController();
  const response = await fetch(`${api.url}/api/v1${path}`, {
    headers: {
      ...(lastEventId === undefined ? {} : { "last-event-id": String(lastEventId) }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    signal: stop.signal,
  });
  if (response.status !== 200 || response.body === null)
    throw new Error(`${path}: ${response.status} ${await response.text()}`);
  const comments: string[] = [];
  return { events: blocks(response.body, comments, stop.signal), comments, response, close: () => stop.abort() };
}

/** The first `count` events that `wanted` takes; the stream stays open. */
export async function take(
  stream: EventStream,
  count: number,
  wanted: (each: StreamEvent) => boolean = () => true,
): Promise<StreamEvent[]> {
  const got: StreamEvent[] = [];
  if (count === 0) return got;
  for await (const each of { [Symbol.asyncIterator]: () => stream.events[Symbol.asyncIterator]() }) {
    if (wanted(each)) got.push(each);
    if (got.length === count) break;
  }
  return got;
}

async function* blocks(
  body: ReadableStream<Uint8Array>,
  comments: string[],
  signal: AbortSignal,
): AsyncGenerator<StreamEvent> {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += decoder.decode(value, { stream: true });
      let from = 0;
      for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n", from)) {
        const block = text.slice(from, end);
        from = end + 2;
        if (block.startsWith(":")) comments.push(block);
        else if (!block.startsWith("retry:")) yield parse(block);
      }
      text = text.slice(from);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function parse(block: string): StreamEvent {
  const fields = new Map(
    block.split("\n").map((line) => [line.slice(0, line.indexOf(": ")), line.slice(line.indexOf(": ") + 2)] as const),
  );
  const id = fields.get("id");
  const event = fields.get("event") ?? "";
  const data: unknown = JSON.parse(fields.get("data") ?? "null");
  assertDescribedEvent(event, data);
  return { id: id === undefined ? null : Number(id), event, data: data as Json };
}
