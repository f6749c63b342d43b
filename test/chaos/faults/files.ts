/** Somebody else's hands in a run's folder, and a FIFO that is full. */
import { chmodSync, closeSync, constants, mkdirSync, openSync, readdirSync, renameSync, rmSync } from "node:fs";
import { truncateSync, writeFileSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import type { Random } from "../../support/random.ts";
import { processesOf, signal } from "../processes.ts";
import type { World } from "../world.ts";
import { possible, type Fault } from "./fault.ts";

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

const FILES = ["out.jsonl", "err.log", "pid", "in", "alive", "exit", "spool"] as const;
const HARMS: Readonly<Record<string, (path: string, random: Random) => (() => void) | void>> = {
  removed: (path) => rmSync(path, { recursive: true, force: true }),
  "moved away": (path) => renameSync(path, `${path}.away`),
  truncated: (path) => truncateSync(path, 0),
  "without rights": (path) => {
    chmodSync(path, 0);
    return () => chmodSync(path, 0o600);
  },
  garbage: (path, random) => writeFileSync(path, `garbage ${random.between(0, 1e6)}\n`),
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
    // Writing into a FIFO of the program would be talking to it.
    if (harm === "garbage" && (file === "in" || file === "alive" || file === "spool")) return [];
    try {
      const undo = HARMS[harm]?.(join(run.dir, file), random);
      if (undo !== undefined) {
        await Bun.sleep(forMs);
        undo();
      }
    } catch {
      // Not there (any more): nothing was damaged, or its undoing is moot.
    }
    return [{ agent: run.agent, how: "damaged", what: `${file} of run ${basename(run.dir)} ${harm}` }];
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
        for (const lines = Buffer.alloc(4096, 0x0a); ;) writeSync(fifo, lines);
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
