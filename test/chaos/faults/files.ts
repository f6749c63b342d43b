/** Somebody else's hands in a run's folder, and a FIFO that is full. */
import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { existsSync, fstatSync, lstatSync, symlinkSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import type { Random } from "../../support/random.ts";
import { processesOf, signal } from "../processes.ts";
import type { World } from "../world.ts";
import { possible, type Fault, type Touched } from "./fault.ts";

/** The newest run folder of each agent that has one. */
function newestRuns({ stateDir }: World): readonly { readonly agent: string; readonly dir: string }[] {
  const names = (dir: string): readonly string[] => {
    try {
      return readdirSync(dir);
    } catch {
      return [];
    }
  };
  return names(join(stateDir, "agents")).flatMap((agent) => {
    const newest = names(join(stateDir, "agents", agent, "run"))
      .map(Number)
      .filter(Number.isInteger)
      .sort((a, b) => b - a)[0];
    return newest === undefined ? [] : [{ agent, dir: join(stateDir, "agents", agent, "run", String(newest)) }];
  });
}

/** Else nothing is done to it: a link would lead out of the box, and a FIFO would keep us. */
function regular(path: string): string {
  if (!lstatSync(path).isFile()) throw new Error(`${path} is no regular file`);
  return path;
}

const FILES = ["out.jsonl", "err.log", "pid", "in", "alive", "exit", "spool"] as const;
const HARMS: Readonly<Record<string, (path: string, random: Random) => (() => void) | void>> = {
  removed: (path) => rmSync(path, { recursive: true, force: true }),
  "moved away": (path) => renameSync(path, `${path}.away`),
  truncated: (path) => truncateSync(regular(path), 0),
  // Of the spool: the line that waits in it; of a file: as after a crash of the box.
  halved: (path) => {
    for (const each of lstatSync(path).isDirectory() ? readdirSync(path).map((name) => join(path, name)) : [path])
      truncateSync(regular(each), Math.floor(lstatSync(each).size / 2));
  },
  "made a link": (path) => {
    writeFileSync(`${path}.stranger`, "a stranger's words\n");
    rmSync(path, { recursive: true, force: true });
    symlinkSync(`${path}.stranger`, path);
  },
  "made a device": (path) => {
    rmSync(path, { recursive: true, force: true });
    Bun.spawnSync(["mknod", path, "c", "1", "7"]); // it gives zeros without end, and takes nothing
  },
  "without rights": (path) => {
    chmodSync(path, 0);
    return () => chmodSync(path, 0o600);
  },
  garbage: (path, random) => writeFileSync(regular(path), `garbage ${random.between(0, 1e6)}\n`),
  "made a folder": (path) => {
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path);
  },
  "made a FIFO": (path) => {
    rmSync(path, { recursive: true, force: true });
    Bun.spawnSync(["mkfifo", path]);
  },
};

const damage: Fault = {
  name: "damage a run's files",
  weight: 3,
  missing: possible,
  async strike(world, random) {
    const runs = newestRuns(world);
    const [chance, file, harm, forMs] = [
      random(),
      random.pick(FILES),
      random.pick(Object.keys(HARMS)),
      random.between(200, 2000),
    ];
    const run = runs[Math.floor(chance * runs.length)];
    if (run === undefined) return [];
    const number = Number(basename(run.dir));
    const touched: Touched = {
      agent: run.agent,
      how: "damaged",
      run: number,
      what: `${file} of run ${number} ${harm}`,
    };
    let undo: (() => void) | void;
    if (!existsSync(join(run.dir, file))) return [];
    try {
      undo = HARMS[harm]?.(join(run.dir, file), random);
    } catch {
      return []; // gone meanwhile, or such a thing cannot be made here
    }
    if (undo === undefined) return [touched];
    await Bun.sleep(forMs);
    try {
      undo();
    } catch {
      // It is gone meanwhile: there is nothing to undo.
    }
    return [touched];
  },
};

/** Empty lines are no message in any protocol. */
const fillFifo: Fault = {
  name: "fill a program's FIFO",
  weight: 2,
  missing: possible,
  async strike(world, random) {
    const [chance, forMs] = [random(), random.between(300, 2500)];
    const found = processesOf(world.dir, new Set([process.pid])).filter(
      ({ role, agent }) => agent !== null && (role === "program" || role === "bridge"),
    );
    const one = found[Math.floor(chance * found.length)];
    const run = newestRuns(world).find(({ agent }) => agent === one?.agent);
    if (one?.agent == null || run === undefined) return [];
    signal(one.pid, "SIGSTOP");
    try {
      const fifo = openSync(join(run.dir, "in"), constants.O_WRONLY | constants.O_NONBLOCK);
      try {
        // What a stranger has put in its place takes lines until the disk is full.
        for (const lines = Buffer.alloc(4096, 0x0a); fstatSync(fifo).isFIFO();) writeSync(fifo, lines);
      } catch {
        // Full, as was wanted.
      } finally {
        closeSync(fifo);
      }
    } catch {
      // A program that takes a file, or is gone.
    }
    await Bun.sleep(forMs);
    signal(one.pid, "SIGCONT");
    return [{ agent: one.agent, how: "shaken", what: `FIFO of ${one.pid} filled` }];
  },
};

export const fileFaults: readonly Fault[] = [damage, fillFifo];
