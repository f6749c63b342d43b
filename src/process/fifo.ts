/**
 * Lines into a child's stdin, in order and without ever blocking the thread. A line that fits into one atomic write
 * goes at once (all of it or EAGAIN); longer ones, and those whose writing must leave a proof, go through the spool.
 */
import { closeSync, writeSync } from "node:fs";
import type { Clock } from "../lib/clock.ts";
import { isShortage, untilPossible } from "../lib/descriptors.ts";
import { HarnessError, errorCode } from "../lib/errors.ts";
import { openAgentFifo } from "./agent-file.ts";
import type { RunPaths } from "./paths.ts";
import { endSpoolWriters, listSpools, spoolEnded, spoolLine, spoolStatus, waitSpool } from "./spool.ts";
import type { SpoolStatus } from "./spool.ts";

export { endSpoolWriters, spoolStatus, waitSpool } from "./spool.ts";
export type { SpoolStatus } from "./spool.ts";

/**
 * `gone`: nobody reads the FIFO (any more); nothing of the line counts. `closed`: the line was not begun before
 * `close`. `torn`: half of this or of an earlier line may be in the FIFO; nothing more is written before `mend`.
 */
export type WriteResult = "written" | "gone" | "torn" | "closed";

export interface WriteOptions {
  /** Names the line in the spool: `spoolStatus(paths, id)` tells even the next daemon what became of it. */
  readonly id?: string;
  /** Through the spool although it is short. */
  readonly spooled?: boolean;
}

export interface LineWriter {
  /** `line` without its LF. Lines are written in the order of the calls. */
  write(line: string, options?: WriteOptions): Promise<WriteResult>;
  /** Ends a torn line so that no program can take it for a whole one and heed it; `write` works again after it. */
  mend(): Promise<WriteResult>;
  /** Did this or an earlier daemon write the line of this name? Waits for those that an earlier one left. */
  isWritten(id: string): Promise<boolean>;
  /** The program is gone: kills spool writers and settles everything that waits as `gone`. */
  gone(): void;
  /** Lets go; a spool writer finishes its line without us. */
  close(): void;
}

/** Linux' PIPE_BUF: up to here a write to a FIFO is atomic. */
export const ATOMIC_BYTES = 4096;
const RETRY_MS = { first: 5, most: 200 };
const LF = Buffer.from("\n");
/** After any part of a JSON object, nothing and all of it included, this makes a line that is no JSON. */
const SPOIL = Buffer.from("!\n");

type Attempt = "written" | "full" | "gone";

/** At most one writer a run. Waits first for lines that an earlier daemon left with their spool writers. */
export function createLineWriter({ paths, clock }: { readonly paths: RunPaths; readonly clock: Clock }): LineWriter {
  let ended: "gone" | "closed" | null = null;
  let torn = false;
  /** A line of which we could not learn, for want of a resource, what its spool writer has made of it. */
  let open: { readonly id: string; readonly line: string } | null = null;
  let count = 0;
  let wake: (() => void) | null = null;

  const settleInherited = async (): Promise<void> => {
    for (const id of listSpools(paths)) {
      const status = await waitSpool(paths, id);
      if (status === "torn") torn = true;
      if (status === "whole") await endLine(id);
    }
  };

  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = clock.setTimer(ms, resolve);
      wake = () => {
        timer.cancel();
        resolve();
      };
    });

  /** The pipe is full when the program does not read: tried again until it does, is gone, or we are closed. */
  const writeShort = async (bytes: Uint8Array): Promise<WriteResult> => {
    for (let ms = RETRY_MS.first; ; ms = Math.min(ms * 2, RETRY_MS.most)) {
      if (ended !== null) return ended;
      const attempt = attemptWrite(paths.in, bytes);
      if (attempt !== "full") return attempt;
      await pause(ms);
    }
  };

  /** Its writer died with all of the line written and nothing known of its LF: one more is an empty line at worst. */
  const endLine = async (id: string): Promise<WriteResult> => {
    const result = await writeShort(LF);
    if (result === "written") spoolEnded(paths, id);
    return result;
  };

  const writeLong = async (line: string, id: string): Promise<WriteResult> => {
    if (ended !== null) return ended;
    if (attemptWrite(paths.in, new Uint8Array()) === "gone") return "gone"; // the writer would wait for a reader
    const status = await spoolLine(paths, id, line).catch((error: unknown) => {
      if (isShortage(error)) open = { id, line };
      throw error;
    });
    return settle(id, line, status);
  };

  const settle = async (id: string, line: string, status: Exclude<SpoolStatus, "writing">): Promise<WriteResult> => {
    open = { id, line };
    const result = status === "whole" ? await endLine(id) : status === "done" ? "written" : null;
    open = null;
    if (result !== null) return result;
    if (status === "torn") torn = true;
    if (ended === "gone") return "gone";
    if (status === "torn") return "torn";
    if (ended !== null) return ended;
    throw Object.assign(new Error("the spool writer could not begin"), { code: "EAGAIN" });
  };

  /** Before anything is written behind it. The line that is known to be written now, if any. */
  const settleOpen = async (): Promise<string | null> => {
    if (open === null) return null;
    const { id, line } = open;
    const status = await waitSpool(paths, id);
    if (status !== "absent") return (await settle(id, line, status)) === "written" ? line : null;
    open = null;
    return null;
  };

  const settled = untilPossible(clock, settleInherited, { wanted: () => ended === null });
  settled.catch(() => undefined); // whoever writes hears of it
  let last: Promise<unknown> = settled;

  const inOrder = (step: () => Promise<WriteResult>): Promise<WriteResult> => {
    const result = last.then(() => ended ?? step());
    last = result.catch(() => undefined); // the caller of this line hears of it, the next line is not concerned
    return result;
  };

  return {
    write(line, { id, spooled = false } = {}) {
      if (line.includes("\n")) throw new HarnessError("BAD_LINE", "cannot write a line that holds a line feed");
      return inOrder(async () => {
        if ((await settleOpen()) === line) return "written";
        if (torn) return "torn";
        const bytes = Buffer.from(`${line}\n`, "utf8");
        if (!spooled && bytes.length <= ATOMIC_BYTES) return writeShort(bytes);
        return writeLong(line, id ?? freeId(paths, ++count));
      });
    },
    mend() {
      return inOrder(async () => {
        await settleOpen();
        const result = torn ? await writeShort(SPOIL) : "written";
        if (result === "written") torn = false;
        return result;
      });
    },
    async isWritten(id) {
      await settled;
      return spoolStatus(paths, id) === "done";
    },
    gone() {
      ended = "gone";
      endSpoolWriters(paths);
      wake?.();
    },
    close() {
      ended ??= "closed";
      wake?.();
    },
  };
}

/**
 * Opened for each line: an open without a reader is ENXIO, the cheapest test of life. Never read-write, that hides
 * death.
 */
function attemptWrite(path: string, bytes: Uint8Array): Attempt {
  let fd: number | null = null;
  try {
    const opened = openAgentFifo(path, "write");
    if (opened.is !== "file") return "gone"; // a file in its place would swallow the line
    fd = opened.fd;
    if (bytes.length > 0) writeSync(fd, bytes);
    return "written";
  } catch (error) {
    const code = errorCode(error);
    if (code === "EAGAIN") return "full";
    if (code === "ENXIO" || code === "EPIPE") return "gone";
    throw error;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** A name for a line that nobody will ask about; an earlier daemon may have used the low numbers. */
function freeId(paths: RunPaths, from: number): string {
  for (let n = from; ; n++) if (spoolStatus(paths, `line-${n}`) === "absent") return `line-${n}`;
}
