/** Real processes in throw-away folders, for the tests of `src/process`. */
import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { endTree } from "../../../src/process/end.ts";
import { endSpoolWriters } from "../../../src/process/fifo.ts";
import { runPaths, spawnRun } from "../../../src/process/spawn.ts";
import type { Identity, RunPaths } from "../../../src/process/spawn.ts";

export interface Started {
  readonly dir: string;
  readonly paths: RunPaths;
  readonly identity: Identity;
}

export interface StartOptions {
  readonly dir?: string;
  readonly run?: number;
  readonly env?: Record<string, string>;
  readonly cwd?: string;
  readonly inputFile?: string;
  readonly cgroup?: string;
}

const PATH = process.env["PATH"] ?? "/usr/bin:/bin";
const folders: string[] = [];
const runs: Started[] = [];

afterEach(async () => {
  for (const { identity, paths } of runs.splice(0)) {
    endSpoolWriters(paths);
    await endTree({ identity, paths, graceMs: 0, clock: systemClock });
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "ah-process-"));
  folders.push(folder);
  return folder;
}

export function newNonce(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(16))).toString("hex");
}

/** Starts `argv` (a string is a shell script) as run 1 of a new agent folder; ended after the test. */
export async function start(argv: readonly string[] | string, options: StartOptions = {}): Promise<Started> {
  const dir = options.dir ?? tempFolder();
  const paths = runPaths(dir, options.run ?? 1);
  const identity = await spawnRun({
    paths,
    argv: typeof argv === "string" ? ["/bin/sh", "-c", argv] : argv,
    env: { PATH, ...options.env },
    cwd: options.cwd ?? dir,
    nonce: newNonce(),
    input: options.inputFile === undefined ? { kind: "fifo" } : { kind: "file", path: options.inputFile },
    ...(options.cgroup === undefined ? {} : { cgroup: options.cgroup }),
  });
  const started = { dir, paths, identity };
  runs.push(started);
  return started;
}

/** Waits for a condition, never for luck: throws with `what` when it does not come. */
export async function eventually<T>(
  what: string,
  probe: () => T | null | undefined | false,
  limitMs = 8000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = probe();
    if (value !== null && value !== undefined && value !== false) return value;
    if (Date.now() > deadline) throw new Error(`did not happen within ${limitMs} ms: ${what}`);
    await Bun.sleep(10);
  }
}
