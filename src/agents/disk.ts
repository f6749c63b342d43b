/**
 * What a run's output may hold of the disk: what was read is given back while the run goes on, but for its end, which
 * people look at; and a run that fills the disk faster than it can be read has a bound. I/O only: what reaching the
 * bound means is decided by whom it tells.
 */
import type { Clock } from "../lib/clock.ts";
import { isShortage, untilPossible } from "../lib/descriptors.ts";
import { agentFileUse } from "../process/agent-file.ts";
import { freeConsumed } from "../process/hole.ts";
import type { RunPaths } from "../process/paths.ts";

/** Of each stream: `output?tail=` and `debug` show it. */
const KEPT_BYTES = 1024 * 1024;
/** Given back in steps of this size: each costs a process. */
const STEP_BYTES = 8 * 1024 * 1024;
/** Notices of output come by the thousand. */
const LOOK_EVERY_MS = 200;

export interface DiskOptions {
  readonly paths: RunPaths;
  /** The beginning of stdout that is still needed: the answer of a one-shot program. */
  readonly headBytes: number;
  /** On the disk, stdout and stderr together. */
  readonly maxBytes: number;
  /** Behind the last byte of stdout that is stored as read. */
  readonly read: () => number;
  /** The bound is reached; told once. */
  readonly onFull: (bytes: number) => void;
  readonly clock: Clock;
}

export interface Disk {
  /** There may be more output. Cheap to call often. */
  checkUse(): void;
  /** The run is over and read: gives back all but the end of both streams. */
  settle(): Promise<void>;
}

export function createDisk({ paths, headBytes, maxBytes, read, onFull, clock }: DiskOptions): Disk {
  let lookedAt = -Infinity;
  let full = false;
  const freed = { out: headBytes, err: 0 };
  const busy = { out: false, err: false };

  const free = async (stream: "out" | "err", to: number, from: number): Promise<void> => {
    if (busy[stream]) return;
    busy[stream] = true;
    try {
      await freeConsumed(paths[stream], to, from);
      freed[stream] = to;
    } catch (error) {
      if (!isShortage(error)) throw error; // without a descriptor: the next look tries again
    } finally {
      busy[stream] = false;
    }
  };

  return {
    checkUse() {
      const now = clock.monotonic();
      if (now - lookedAt < LOOK_EVERY_MS) return;
      lookedAt = now;
      const [out, err] = [agentFileUse(paths.out), agentFileUse(paths.err)];
      const onDisk = (out?.onDisk ?? 0) + (err?.onDisk ?? 0);
      if (onDisk > maxBytes && !full) {
        full = true;
        onFull(onDisk);
      }
      for (const [stream, end] of [["out", read()] as const, ["err", err?.size ?? 0] as const]) {
        const to = end - KEPT_BYTES;
        if (to - freed[stream] < STEP_BYTES) continue;
        void free(stream, to, freed[stream]);
      }
    },
    async settle() {
      for (const stream of ["out", "err"] as const) {
        const size = agentFileUse(paths[stream])?.size ?? 0;
        await untilPossible(clock, () => freeConsumed(paths[stream], size - KEPT_BYTES));
      }
    },
  };
}
