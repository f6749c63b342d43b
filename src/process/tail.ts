/**
 * Follows a child's append-only output: reads from a byte offset, gives out whole lines in order, and says behind which
 * byte they end, so that the offset can be stored in the transaction that stores what the lines said.
 * Never watches (that is `watch.ts`): it reads when told that there may be more.
 */
import { closeSync, fstatSync, readSync } from "node:fs";
import { createLineSplitter } from "../lib/ndjson.ts";
import { othersTurn } from "../lib/wait.ts";
import { openAgentFile, readAt } from "./agent-file.ts";

export interface TailBatch {
  /** Where each of the lines begins in the file. */
  readonly begins: readonly number[];
  /** Whole lines without their LF; invalid UTF-8 became U+FFFD. */
  readonly lines: readonly string[];
  /** Offset behind the last line (or skipped line): store it with what the lines said. */
  readonly endOffset: number;
  /** Lines longer than the cap that stood among these, with their length in bytes. */
  readonly skipped: readonly number[];
}

export interface DrainResult {
  readonly offset: number;
  /** The file is shorter than the offset (power cut, somebody truncated it), or no file: nothing more can be read. */
  readonly shrunk: boolean;
}

export interface Tail {
  /** There may be more: reads on soon. Cheap to call often. Errors go to `onError`. */
  poke(): void;
  /**
   * Resolves when everything that the file holds now has been given out. With `final`, also a last line without LF.
   * Rejects when that, or what had to be given out before it, failed.
   */
  drain(options?: { readonly final?: boolean }): Promise<DrainResult>;
  /** Behind the last line given out. */
  readonly offset: number;
  close(): void;
}

export interface TailOptions {
  readonly path: string;
  /** Where to begin: the stored offset. */
  readonly offset: number;
  /** Called one at a time and in order; reading goes on when it has returned (or its promise has settled). */
  readonly onBatch: (batch: TailBatch) => void | Promise<void>;
  /** A read, or `onBatch`, failed. The batch is not given out again: start a new tail from the stored offset. */
  readonly onError: (error: unknown) => void;
  /** The file became shorter than what was read of it: nothing that is written from here on can be told apart. */
  readonly onShrunk?: () => void;
  readonly maxLineBytes?: number;
  /** The lines mean nothing to the reader: what was read at once is given out as one. */
  readonly blocks?: boolean;
}

/** Read, and given out, at once. One for all tails: it is filled and split in one synchronous step. */
const chunk = Buffer.alloc(256 * 1024);

export function createTail(options: TailOptions): Tail {
  const { path, offset: start, onBatch, onError, maxLineBytes, blocks = false, onShrunk } = options;
  const limit = maxLineBytes === undefined ? {} : { maxLineBytes };
  const splitter = createLineSplitter({ offset: start, blocks, ...limit });
  let position = start; // of the next byte to read, partial line included
  let fd: number | null = null;
  let closed = false;
  let failure: { readonly error: unknown } | null = null;
  let poked = false;
  let last: Promise<unknown> = Promise.resolve();
  /** A last line without LF counts one byte that is not there. */
  const offset = (): number => Math.min(splitter.offset, position);

  /** Reads to the end of the file. Local files: a synchronous read of fresh bytes is a memory copy. */
  const readOn = async (): Promise<boolean> => {
    if (fd === null) {
      const opened = openAgentFile(path);
      if (opened.is !== "file") return opened.is === "irregular";
      fd = opened.fd;
    }
    const { size } = fstatSync(fd);
    if (size <= position) return size < position; // most looks of the sweep end here
    while (!closed) {
      const got = readSync(fd, chunk, 0, chunk.length, position);
      if (got === 0) break;
      position += got;
      const lines: string[] = [];
      const begins: number[] = [];
      const skipped: number[] = [];
      let begin = splitter.offset;
      for (const line of splitter.push(chunk.subarray(0, got))) {
        if (line.type === "line") {
          lines.push(line.text);
          begins.push(begin);
        } else skipped.push(line.bytes);
        begin = line.end;
      }
      if (lines.length + skipped.length > 0) await onBatch({ lines, begins, skipped, endOffset: splitter.offset });
      if (got < chunk.length) break;
      await othersTurn();
    }
    return false;
  };

  const drain = async (final: boolean): Promise<DrainResult> => {
    // What came before was not given out: whoever waits for all of it must not take this for the end.
    if (failure !== null) throw failure.error;
    if (closed) return { offset: offset(), shrunk: false };
    const shrunk = await readOn();
    if (final && !shrunk && splitter.pendingBytes > 0 && !closed) {
      const bytes = splitter.pendingBytes;
      const text = splitter.rest();
      splitter.push(Uint8Array.of(0x0a));
      const tooLong = text === "";
      const batch = tooLong
        ? { lines: [], begins: [], skipped: [bytes] }
        : { lines: [text], begins: [position - bytes], skipped: [] };
      await onBatch({ ...batch, endOffset: position });
    }
    return { offset: offset(), shrunk };
  };

  /** One reader at a time: everything goes through this chain. A failed link ends the tail. */
  const next = (final: boolean): Promise<DrainResult> => {
    const result = last.then(() => drain(final));
    last = result.catch((error: unknown) => {
      if (closed) return;
      failure = { error };
      close();
      onError(error);
    });
    return result;
  };

  const close = (): void => {
    closed = true;
    if (fd !== null) closeSync(fd);
    fd = null;
  };

  return {
    poke() {
      if (poked || closed) return;
      poked = true;
      void last.then(() => {
        poked = false;
        next(false)
          .then(({ shrunk }) => shrunk && onShrunk?.())
          .catch(() => undefined); // told to onError
      });
    },
    drain: ({ final = false } = {}) => next(final),
    get offset() {
      return offset();
    },
    close,
  };
}

export interface FilePart {
  readonly text: string;
  readonly truncated: boolean;
}

/** The last `maxBytes` of a file, for stderr in an error message; empty when there is no file. */
export function readTail(path: string, maxBytes: number): FilePart {
  return asText(readEnd(path, maxBytes), maxBytes);
}

/** The same as bytes. */
export function readTailBytes(path: string, maxBytes: number): Buffer {
  return readEnd(path, maxBytes).bytes;
}

/** The first `maxBytes` of a file: the whole output of a one-shot program, unless it is longer. */
export function readHead(path: string, maxBytes: number): FilePart {
  return asText(
    readPart(path, () => 0, maxBytes),
    maxBytes,
  );
}

interface Piece {
  readonly bytes: Buffer;
  /** Of the whole file. */
  readonly size: number;
}

const asText = ({ bytes, size }: Piece, maxBytes: number): FilePart => ({
  text: bytes.toString("utf8"),
  truncated: size > maxBytes,
});

const readEnd = (path: string, maxBytes: number): Piece =>
  readPart(path, (size) => Math.max(0, size - maxBytes), maxBytes);

function readPart(path: string, from: (size: number) => number, maxBytes: number): Piece {
  const opened = openAgentFile(path);
  if (opened.is !== "file") return { bytes: Buffer.alloc(0), size: 0 };
  try {
    const { fd, size } = opened;
    return { bytes: readAt(fd, from(size), Math.min(size, maxBytes)), size };
  } finally {
    closeSync(opened.fd);
  }
}
