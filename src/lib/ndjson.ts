/**
 * Bytes in, whole lines out. Splits on 0x0A only (U+2028 and CR are content), carries the partial last line, and counts
 * offsets from the start of the stream, so that a reader can store where it is and go on after a restart.
 * A line beyond the cap is skipped and reported, never kept in memory.
 */

const MAX_LINE_BYTES = 16 * 1024 * 1024;

export type SplitLine =
  /** `end` is the offset just behind the LF: everything before it has been given out. Invalid UTF-8 became U+FFFD. */
  | { readonly type: "line"; readonly text: string; readonly end: number }
  /** A line of `bytes` (without LF) was too long. */
  | { readonly type: "skipped"; readonly bytes: number; readonly end: number };

export interface LineSplitter {
  /** Lines that these bytes complete. The chunk may be reused by the caller afterwards. */
  push(chunk: Uint8Array): SplitLine[];
  /** Offset behind the last complete line: where to read on from after a restart. */
  readonly offset: number;
  /** Bytes of the unfinished last line, also when they are being skipped. */
  readonly pendingBytes: number;
  /** The unfinished last line, for a stream that ended without LF. */
  rest(): string;
}

export interface LineSplitterOptions {
  /** Offset of the first byte that will be pushed. */
  readonly offset?: number;
  readonly maxLineBytes?: number;
  /** For output whose lines mean nothing: all whole lines of a chunk are given out as one text. */
  readonly blocks?: boolean;
}

const LF = 0x0a;
const NOTHING = Buffer.alloc(0);

export function createLineSplitter({
  offset: start = 0,
  maxLineBytes = MAX_LINE_BYTES,
  blocks = false,
}: LineSplitterOptions = {}): LineSplitter {
  let offset = start;
  /** Holds the unfinished line at its beginning: a list of pieces would cost a hundred bytes for each that has one. */
  let carried: Buffer = NOTHING;
  let pendingBytes = 0;

  const carry = (piece: Buffer): void => {
    const held = pendingBytes;
    pendingBytes += piece.length;
    if (pendingBytes > maxLineBytes) {
      carried = NOTHING;
      return;
    }
    if (carried.length < pendingBytes) {
      const larger = Buffer.allocUnsafe(Math.max(pendingBytes, Math.min(2 * carried.length, maxLineBytes)));
      carried.copy(larger, 0, 0, held);
      carried = larger;
    }
    piece.copy(carried, held);
  };

  const finish = (piece: Buffer): SplitLine => {
    const begun = pendingBytes > 0;
    const bytes = pendingBytes + piece.length;
    offset += bytes + 1;
    if (begun) carry(piece);
    const text = bytes > maxLineBytes ? undefined : begun ? carried.toString("utf8", 0, bytes) : piece.toString("utf8");
    carried = NOTHING;
    pendingBytes = 0;
    return text === undefined ? { type: "skipped", bytes, end: offset } : { type: "line", text, end: offset };
  };

  return {
    push(chunk) {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const lines: SplitLine[] = [];
      let from = 0;
      const end = (): number => {
        if (!blocks) return bytes.indexOf(LF, from);
        const last = bytes.lastIndexOf(LF);
        return last < from ? -1 : last;
      };
      for (let at = end(); at !== -1; at = end()) {
        lines.push(finish(bytes.subarray(from, at)));
        from = at + 1;
      }
      carry(bytes.subarray(from));
      return lines;
    },
    get offset() {
      return offset;
    },
    get pendingBytes() {
      return pendingBytes;
    },
    rest: () => (carried === NOTHING ? "" : carried.toString("utf8", 0, pendingBytes)),
  };
}
