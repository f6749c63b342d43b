/**
 * Server-sent events (WHATWG HTML, 9.2) out of a store: replay from a cursor, then live, without a gap and without a
 * buffer that grows. The store is the buffer: who falls behind is served from it again, page by page, as fast as the
 * socket takes it; who does not read at all for a while is dropped and may come back with `Last-Event-ID`.
 */
import type { Clock, Timer } from "../lib/clock.ts";

export interface SseMessage {
  /** Number in the store, ascending. Without: shown live, never replayed (text deltas). */
  readonly id?: number;
  readonly event: string;
  /** JSON text. */
  readonly data: string;
}

export interface SseOptions {
  /** The client has everything up to this id. */
  readonly afterId: number;
  /** Stored messages with an id above `afterId`, ascending, at most `limit`; none = there is nothing newer. */
  readonly replay: (afterId: number, limit: number) => readonly SseMessage[];
  /** Calls the listener for each message right after its commit, in order; gives the function that ends it. */
  readonly subscribe: (listener: (message: SseMessage) => void) => () => void;
  /** Ends the stream: the client is gone or the server stops (`ctx.signal`). */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  /** Said before anything else (`reset`). */
  readonly preamble?: readonly SseMessage[];
  readonly heartbeatMs?: number;
  /** A client that takes nothing of what waits for it for so long is dropped. */
  readonly stallMs?: number;
  readonly pageSize?: number;
  readonly onDrop?: () => void;
}

const RETRY_MS = 2000;
/** What may wait in the stream itself for the socket; beyond it live messages are left to the store. */
const QUEUE_BYTES = 64 * 1024;

/** One message as it goes over the wire. */
export function formatMessage({ id, event, data }: SseMessage): string {
  if (/[\r\n]/.test(event)) throw new Error(`an event name must be one line, got ${JSON.stringify(event)}`);
  const lines = /[\r\n]/.test(data) ? data.split(/\r\n|\r|\n/) : [data];
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\n${lines.map((line) => `data: ${line}\n`).join("")}\n`;
}

/** A line that clients ignore. */
export function formatComment(text: string): string {
  return `: ${text.replace(/[\r\n]+/g, " ")}\n\n`;
}

/** Tells the client how long to wait before it connects again. */
export function formatRetry(ms: number): string {
  return `retry: ${ms}\n\n`;
}

/** Reads `Last-Event-ID` or `?since=`; undefined when it is no id of ours. */
export function parseCursor(text: string): number | undefined {
  const id = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(id) ? id : undefined;
}

/** The answer to a stream request. The caller has called `ctx.keepOpen()`. */
export function sseResponse(options: SseOptions): Response {
  return new Response(sseStream(options), {
    headers: {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    },
  });
}

const encoder = new TextEncoder();

function sseStream(options: SseOptions): ReadableStream<Uint8Array> {
  const { replay, subscribe, signal, clock, preamble = [] } = options;
  const { heartbeatMs = 15_000, stallMs = 10_000, pageSize = 100 } = options;
  let lastId = options.afterId;
  /** true = the client has all that is stored, and messages go straight through. */
  let live = false;
  /** Runs while the queue is full. */
  let stall: Timer | undefined;
  let end = (): void => {};

  const start = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    const onMessage = (message: SseMessage): void => {
      if (message.id !== undefined && message.id <= lastId) return;
      if (live && hasRoom(controller)) {
        lastId = message.id ?? lastId;
        send(controller, formatMessage(message));
      } else if (message.id !== undefined) live = false;
    };
    const beat = (): void => {
      if (hasRoom(controller)) send(controller, formatComment("keep-alive"));
      heartbeat = clock.setTimer(heartbeatMs, beat);
    };
    const onAbort = (): void => {
      end();
      controller.close();
    };
    let heartbeat = clock.setTimer(heartbeatMs, beat);
    const unsubscribe = subscribe(onMessage);
    end = () => {
      end = () => {};
      heartbeat.cancel();
      stall?.cancel();
      unsubscribe();
      signal.removeEventListener("abort", onAbort);
    };
    // Sent at once, so that the client sees the headers even when nothing happens for long.
    send(controller, formatRetry(RETRY_MS) + preamble.map(formatMessage).join(""));
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort);
  };

  const hasRoom = (controller: ReadableStreamDefaultController<Uint8Array>): boolean =>
    (controller.desiredSize ?? 0) > 0;

  const send = (controller: ReadableStreamDefaultController<Uint8Array>, text: string): void => {
    controller.enqueue(encoder.encode(text));
    if (hasRoom(controller)) return;
    stall ??= clock.setTimer(stallMs, () => {
      end();
      options.onDrop?.();
      // Not close(): that would wait for the very client that does not read.
      controller.error(new Error("the client does not read"));
    });
  };

  // Called when the socket has taken what was queued: this is what makes a slow client slow and not expensive.
  const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
    stall?.cancel();
    stall = undefined;
    if (live) return;
    const page = replay(lastId, pageSize);
    lastId = page.at(-1)?.id ?? lastId;
    // Commits and this check are on one thread: nothing can come in between the empty page and `live`.
    if (page.length === 0) live = true;
    else send(controller, page.map(formatMessage).join(""));
  };

  return new ReadableStream<Uint8Array>(
    {
      start,
      pull(controller) {
        try {
          pull(controller);
        } catch (error) {
          end();
          throw error;
        }
      },
      cancel: () => end(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: QUEUE_BYTES }),
  );
}
