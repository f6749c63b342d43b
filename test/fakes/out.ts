/**
 * Stdout of a fake: whole lines at once, and on request a line cut in two, as a program may be seen while it writes.
 */
import { closeSync, fstatSync, openSync, readFileSync, readSync, writeSync } from "node:fs";

export interface Out {
  /** One JSON line. */
  line(value: unknown): void;
  raw(bytes: string): void;
  /** The first half of the next write goes out, the rest and all after it is kept until `release`. */
  cut(): void;
  release(): void;
}

/** `write` must take all bytes before it returns; the default writes to stdout. */
export function createOut(write: (bytes: Uint8Array) => void = writeStdout): Out {
  let cutNext = false;
  let kept: Uint8Array[] | undefined;

  function put(bytes: Uint8Array): void {
    if (kept !== undefined) kept.push(bytes);
    else if (cutNext) {
      cutNext = false;
      const middle = Math.floor(bytes.length / 2);
      write(bytes.subarray(0, middle));
      kept = [bytes.subarray(middle)];
    } else write(bytes);
  }

  return {
    line: (value) => put(Buffer.from(`${JSON.stringify(value)}\n`)),
    raw: (bytes) => put(Buffer.from(bytes)),
    cut() {
      cutNext = true;
    },
    release() {
      const rest = kept;
      kept = undefined;
      cutNext = false;
      for (const bytes of rest ?? []) write(bytes);
    },
  };
}

function writeStdout(bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length;) {
    try {
      offset += writeSync(1, bytes, offset);
    } catch (error) {
      // A full pipe: its reader has to come first. Everything else (EPIPE, a full disk) ends the fake at once: an error
      // that is thrown here would only end its turn, and leave a program that never says anything again.
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) process.exit(74);
      Bun.sleepSync(1);
    }
  }
}

/**
 * Records of earlier processes of the same conversation: one JSON value a line, appended in one write. A line that a
 * full disk or a death has cut is passed over, as the real programs do it.
 */
export function createHistory<T>(path: string): { read(): T[]; append(record: T): void } {
  return {
    read() {
      let text = "";
      try {
        text = readFileSync(path, "utf8");
      } catch {
        return []; // No file yet: no earlier process.
      }
      // Only this function's `append` writes the file, so its whole lines are what T says.
      return text.split("\n").flatMap((line): T[] => {
        try {
          return [JSON.parse(line)];
        } catch {
          return [];
        }
      });
    },
    append(record) {
      const file = openSync(path, "a+");
      const { size } = fstatSync(file);
      const end = Buffer.alloc(1, "\n");
      if (size > 0) readSync(file, end, 0, 1, size - 1);
      writeSync(file, `${end.toString() === "\n" ? "" : "\n"}${JSON.stringify(record)}\n`);
      closeSync(file);
    },
  };
}
