/**
 * The daemon from its source under a clock that a test moves, as a program of its own, so that it can be killed:
 * `clocked-daemon.ts serve --config FILE`. AH_TEST_CLOCK names a file that holds how many ms it is ahead of the box.
 */
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadHarnessConfig } from "../../src/config/harness.ts";
import { startDaemon } from "../../src/daemon.ts";
import type { Clock } from "../../src/lib/clock.ts";
import { createLogger } from "../../src/lib/log.ts";

/** How soon the daemon sees that its clock was moved, and how late its timers may be. */
const LOOK_MS = 5;

/** What is ahead when the process starts is the wall clock's alone: running time begins at 0 in each process. */
export function movedClock(file: string): Clock {
  const ahead = (): number => Number(readFileSync(file, "utf8"));
  const atStart = ahead();
  let skew = atStart;
  let sequence = 0;
  const timers = new Map<number, { readonly dueMs: number; readonly fn: () => void }>();
  const monotonic = (): number => performance.now() + skew - atStart;
  setInterval(() => {
    skew = ahead();
    const due = [...timers].filter(([, { dueMs }]) => dueMs <= monotonic()).sort(([, a], [, b]) => a.dueMs - b.dueMs);
    for (const [id, { fn }] of due) if (timers.delete(id)) fn();
  }, LOOK_MS);
  return {
    now: () => Date.now() + skew,
    monotonic,
    setTimer(ms, fn) {
      const id = ++sequence;
      timers.set(id, { dueMs: monotonic() + Math.max(0, ms), fn });
      return { cancel: () => void timers.delete(id) };
    },
  };
}

/** What a test has of it. */
export interface MovedTime {
  /** To be started instead of the compiled program. */
  readonly program: string;
  /** The file with the ms, for the daemon and for fakes. */
  readonly file: string;
  now(): number;
  set(atMs: number): void;
  /** On by so much. */
  pass(ms: number): void;
}

export function movedTime(dir: string, startMs: number): MovedTime {
  const file = join(dir, "clock");
  const program = join(dir, "clocked-daemon");
  let skew = 0;
  const move = (to: number): void => {
    skew = Math.round(to);
    // Whole or not at all: somebody reads it all the time.
    writeFileSync(`${file}.new`, String(skew));
    renameSync(`${file}.new`, file);
  };
  move(startMs - Date.now());
  writeFileSync(program, `#!/bin/sh\nAH_TEST_CLOCK=${file} exec ${process.execPath} ${import.meta.path} "$@"\n`);
  chmodSync(program, 0o755);
  return {
    program,
    file,
    now: () => Date.now() + skew,
    set: (atMs) => move(atMs - Date.now()),
    pass: (ms) => move(skew + ms),
  };
}

if (import.meta.main) {
  const { env } = process;
  const clock = movedClock(env["AH_TEST_CLOCK"] ?? "");
  const loaded = loadHarnessConfig({ env, path: process.argv.at(-1) ?? "" });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const log = createLogger({ level: "debug", write: (line) => void process.stderr.write(line), clock });
  const daemon = await startDaemon({ config: loaded.value, env, log, clock });
  console.log(`listens on ${daemon.url}`);
}
