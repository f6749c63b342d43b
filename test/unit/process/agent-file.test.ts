/**
 * One bad file must not stop all: a FIFO, device, folder, link or huge file in place of a regular one. Looked for in:
 * everything under a run's folder (`pid`, `exit`, `in`, `alive`, `out.jsonl`, `err.log`, `spool/*`), the output route,
 * `debug`, the freeing of consumed output, the files written for a provider, the removal of old runs. Found: `err.log`,
 * `out.jsonl`, `exit`, `pid`, the spool's records, the output route and `fallocate` opened whatever stood there; `in`
 * took a plain file for a program that reads; prompts were written through links.
 */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import {
  agentFileSize,
  discardAgentFolder,
  listAgentFolder,
  openAgentFile,
  readSmallFile,
  removeAgentFile,
  removeDiscarded,
  writeAgentFile,
} from "../../../src/process/agent-file.ts";
import { createLineWriter, endSpoolWriters, spoolStatus } from "../../../src/process/fifo.ts";
import { freeConsumed } from "../../../src/process/hole.ts";
import { readExit, readIdentity } from "../../../src/process/identity.ts";
import { runPaths } from "../../../src/process/paths.ts";
import { createTail, readHead, readTail, readTailBytes } from "../../../src/process/tail.ts";
import { watchAlive, watchRun } from "../../../src/process/watch.ts";
import { tempFolder } from "./helpers.ts";

const SECRET = "not of this run\n";

function fifo(path: string): void {
  expect(Bun.spawnSync(["mkfifo", path]).exitCode).toBe(0);
}

/** What can stand in the place of a file; each is made at `path`. */
const IRREGULAR: readonly (readonly [string, (path: string) => void])[] = [
  ["a FIFO that nobody writes", fifo],
  ["a folder", (path) => mkdirSync(path)],
  [
    "a link to a file elsewhere",
    (path) => {
      writeFileSync(`${path}.elsewhere`, SECRET);
      symlinkSync(`${path}.elsewhere`, path);
    },
  ],
  ["a link to a device that never ends", (path) => symlinkSync("/dev/zero", path)],
  ["a link to itself", (path) => symlinkSync(path, path)],
];

/** Everything that reads a run's folder: none may block, throw, or bring what is not the run's. */
const READERS: readonly (readonly [string, keyof ReturnType<typeof runPaths>, (dir: string) => unknown, unknown])[] = [
  ["the stderr in an error message", "err", (dir) => readTail(runPaths(dir, 1).err, 4000).text, ""],
  ["the answer of a plain command", "out", (dir) => readHead(runPaths(dir, 1).out, 4000).text, ""],
  ["the bytes of the output route", "out", (dir) => readTailBytes(runPaths(dir, 1).out, 4000).length, 0],
  ["the sizes that debug shows", "err", (dir) => agentFileSize(runPaths(dir, 1).err), null],
  ["the exit code", "exit", (dir) => readExit(runPaths(dir, 1)), null],
  ["the identity", "pid", (dir) => readIdentity(runPaths(dir, 1)), null],
];

describe.each(IRREGULAR)("%s", (_what, make) => {
  test.each(READERS)("in place of the file of %s reads as if there were none", (_name, file, read, expected) => {
    const dir = tempFolder();
    mkdirSync(runPaths(dir, 1).dir, { recursive: true });
    make(runPaths(dir, 1)[file]);
    expect(read(dir)).toEqual(expected as never);
  });

  test("in place of the output is told by the tail as a file that cannot be read on", async () => {
    const path = join(tempFolder(), "out.jsonl");
    make(path);
    const errors: unknown[] = [];
    const tail = createTail({ path, offset: 0, onBatch: () => undefined, onError: (error) => errors.push(error) });
    expect(await tail.drain({ final: true })).toEqual({ offset: 0, shrunk: true });
    expect(errors).toEqual([]);
    tail.close();
  });

  test("in place of the output is not punched", async () => {
    const path = join(tempFolder(), "out.jsonl");
    make(path);
    expect(await freeConsumed(path, 8192)).toHaveProperty("unsupported");
    if (existsSync(`${path}.elsewhere`)) expect(readFileSync(`${path}.elsewhere`, "utf8")).toBe(SECRET);
  });

  test("in place of a file that we write is replaced, and what it led to is left alone", () => {
    const path = join(tempFolder(), "prompt-1");
    make(path);
    writeAgentFile(path, "the prompt");
    expect(readSmallFile(path, 100)).toBe("the prompt");
    if (existsSync(`${path}.elsewhere`)) expect(readFileSync(`${path}.elsewhere`, "utf8")).toBe(SECRET);
  });

  test("in place of a spool record says that nobody writes", () => {
    const dir = tempFolder();
    const paths = runPaths(dir, 1);
    mkdirSync(paths.spool, { recursive: true });
    writeFileSync(join(paths.spool, "a.line"), "x\n");
    make(join(paths.spool, "a.pid"));
    endSpoolWriters(paths);
    expect(["torn", "absent"]).toContain(spoolStatus(paths, "a"));
  });
});

test("a spooled line that cannot be taken away ends no daemon, and keeps no program's end from being told", async () => {
  const dir = tempFolder();
  const paths = runPaths(dir, 1);
  mkdirSync(join(paths.spool, "a.void", "full"), { recursive: true }); // as a folder closed to us, for root, too
  writeFileSync(join(paths.spool, "a.line"), "x");
  const writer = createLineWriter({ paths, clock: systemClock }); // a throw here would be nobody's
  expect(await writer.isWritten("a")).toBe(false);
  expect(() => endSpoolWriters(paths)).not.toThrow();
  writer.close();
});

test("a plain file in place of the stdin FIFO does not swallow a line as if it had been read", async () => {
  const dir = tempFolder();
  const paths = runPaths(dir, 1);
  mkdirSync(paths.spool, { recursive: true });
  writeFileSync(paths.in, "");
  const writer = createLineWriter({ paths, clock: systemClock });
  expect(await writer.write("hello")).toBe("gone");
  expect(readFileSync(paths.in, "utf8")).toBe("");
  writer.close();
});

test.each(IRREGULAR.slice(1))("%s in place of the death notice makes the process be looked at", async (_what, make) => {
  const path = join(tempFolder(), "alive");
  make(path);
  await new Promise<void>((resolve) => watchAlive(path, resolve));
});

test("a run folder that is a file can be watched without a throw: it is the sweep then", async () => {
  const dir = tempFolder();
  mkdirSync(join(dir, "run"));
  writeFileSync(join(dir, "run", "1"), "");
  const gone = Promise.withResolvers<void>();
  const watch = watchRun({
    paths: runPaths(dir, 1),
    onOutput: () => undefined,
    onGone: gone.resolve,
    onLost: () => undefined,
  });
  await gone.promise;
  watch.close();
});

test("a file beyond its cap is not read into memory", () => {
  const path = join(tempFolder(), "exit");
  writeFileSync(path, "");
  expect(Bun.spawnSync(["truncate", "-s", "1T", path]).exitCode).toBe(0);
  expect(readSmallFile(path, 1024)).toBeNull();
  expect(readTail(path, 100).text.length).toBe(100);
});

test("a file closed to us reads as irregular, not as a throw", () => {
  const path = join(tempFolder(), "exit");
  writeFileSync(path, "0\n", { mode: 0o000 });
  if (process.getuid?.() === 0) return console.log("skipped: root may read everything");
  expect(openAgentFile(path).is).toBe("irregular");
  chmodSync(path, 0o600);
});

test("a linked folder is not listed and not emptied, only unlinked", () => {
  const dir = tempFolder();
  mkdirSync(join(dir, "elsewhere"));
  writeFileSync(join(dir, "elsewhere", "kept"), SECRET);
  symlinkSync(join(dir, "elsewhere"), join(dir, "run"));
  expect(listAgentFolder(join(dir, "run"))).toEqual([]);
  removeAgentFile(join(dir, "run"));
  expect(existsSync(join(dir, "run"))).toBe(false);
  expect(readFileSync(join(dir, "elsewhere", "kept"), "utf8")).toBe(SECRET);
  rmSync(dir, { recursive: true });
});

describe("discardAgentFolder", () => {
  test("the name is free at once, and a folder closed to its owner goes too", async () => {
    const dir = join(tempFolder(), "0123abcd");
    mkdirSync(join(dir, "run", "1"), { recursive: true });
    writeFileSync(join(dir, "run", "1", "out.jsonl"), "x");
    chmodSync(join(dir, "run", "1"), 0o000);
    const gone = discardAgentFolder(dir);
    expect(existsSync(dir)).toBe(false);
    expect(await gone).toBeNull();
    expect(existsSync(`${dir}.gone`)).toBe(false);
  });

  test("a link in place of it is taken away, not what it leads to", async () => {
    const parent = tempFolder();
    mkdirSync(join(parent, "elsewhere"));
    writeFileSync(join(parent, "elsewhere", "kept"), SECRET);
    symlinkSync(join(parent, "elsewhere"), join(parent, "0123abcd"));
    expect(await discardAgentFolder(join(parent, "0123abcd"))).toBeNull();
    expect(readFileSync(join(parent, "elsewhere", "kept"), "utf8")).toBe(SECRET);
  });

  test("what could not be removed is tried again under the name that it got", async () => {
    const dir = tempFolder();
    const left = join(dir, "8.gone");
    mkdirSync(join(left, "full"), { recursive: true });
    expect(await discardAgentFolder(left)).toBeNull();
    expect(readdirSync(dir)).toEqual([]);
    const held = join(dir, "9.gone");
    mkdirSync(join(held, "mounted"), { recursive: true });
    if (process.getuid?.() !== 0) return;
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "tmpfs", join(held, "mounted")]).exitCode).toBe(0);
    try {
      expect(await discardAgentFolder(held)).not.toBeNull();
      expect(readdirSync(dir)).toEqual(["9.gone"]);
    } finally {
      Bun.spawnSync(["umount", "-l", join(held, "mounted")]);
    }
  });

  test("what a daemon had no time to remove goes at the next start", async () => {
    const parent = tempFolder();
    mkdirSync(join(parent, "0123abcd.gone"));
    mkdirSync(join(parent, "89abcdef"));
    expect(await removeDiscarded(parent)).toEqual([]);
    expect(listAgentFolder(parent)).toEqual(["89abcdef"]);
  });
});
