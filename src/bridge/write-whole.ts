/**
 * Bytes into a file, all of them, however long that takes: what the server has said is told once, and nobody asks for
 * it again. Knows nothing of what it writes.
 */
import { writeSync } from "node:fs";
import { errorCode } from "../lib/errors.ts";

/** How long to wait, in ms, before the rest is tried again: a pipe's reader (in tests), room on a disk. */
const PATIENCE: Readonly<Record<string, number>> = { EAGAIN: 2, ENOSPC: 250, EDQUOT: 250 };

/** Blocks. Throws what no waiting mends. A write may take a part of the bytes: the rest follows it. */
export function writeWhole(
  fd: number,
  bytes: Uint8Array,
  wait: (ms: number) => void,
  write: (fd: number, bytes: Uint8Array, from: number) => number = writeSync,
): void {
  for (let at = 0; at < bytes.length;) {
    try {
      at += write(fd, bytes, at);
    } catch (error) {
      const ms = PATIENCE[errorCode(error) ?? ""];
      if (ms === undefined) throw error;
      wait(ms);
    }
  }
}
