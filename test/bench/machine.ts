/** What the machine does: how long its disk takes for a commit, and what a process costs. Reads `/proc`. */
import { closeSync, fdatasyncSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { median } from "./row.ts";

/** Median of one small write and its fsync, in the folder where the stores will be. */
export function fsyncMs(dir: string): number {
  const path = join(dir, "fsync");
  const fd = openSync(path, "w");
  const page = Buffer.alloc(4096);
  const tookMs: number[] = [];
  for (let n = 0; n < 100; n++) {
    const start = performance.now();
    writeSync(fd, page);
    fdatasyncSync(fd);
    tookMs.push(performance.now() - start);
  }
  closeSync(fd);
  rmSync(path);
  return median(tookMs);
}

/**
 * CPU time of all threads within a window. In nanoseconds, because the clock ticks of `stat` are too coarse for an idle
 * process; looked at every second, because a thread that ends takes its numbers with it.
 */
export async function cpuNs(pid: number, windowMs: number): Promise<number> {
  const before = threadNs(pid);
  const after = new Map<string, number>();
  for (const endMs = performance.now() + windowMs; performance.now() < endMs;) {
    await Bun.sleep(1000);
    for (const [thread, ns] of threadNs(pid)) after.set(thread, ns);
  }
  return [...after].reduce((sum, [thread, ns]) => sum + ns - (before.get(thread) ?? 0), 0);
}

function threadNs(pid: number): Map<string, number> {
  const threads = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      threads.set(thread, Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "latin1").split(" ")[0]));
    } catch {
      // a thread that ended meanwhile
    }
  }
  return threads;
}

export function rssBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1]) * 1024;
}

/** CPU time of a process so far, all threads. */
export function cpuMs(pid: number): number {
  return [...threadNs(pid).values()].reduce((sum, ns) => sum + ns, 0) / 1e6;
}

export interface Memory {
  readonly rss: number;
  /** Shared pages counted by their share. */
  readonly pss: number;
  /** What nobody else has and no file holds: our own doing. */
  readonly anonymous: number;
}

export function memoryOf(pid: number): Memory {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, "latin1");
  const of = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(text)?.[1]) * 1024;
  return { rss: of("Rss"), pss: of("Pss"), anonymous: of("Anonymous") };
}
