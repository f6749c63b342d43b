/** What a machine runs out of: disk, descriptors, the store's lock, the right to write, the right time. */
import { Database } from "bun:sqlite";
import { chmodSync, closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { descriptorsOf } from "../processes.ts";
import type { Program, World } from "../world.ts";
import { possible, type Fault } from "./fault.ts";

const BLOCK = Buffer.alloc(256 * 1024, 0x78);

/** One of our two programs, as its means are taken away. */
interface Victim {
  readonly whose: string;
  /** How often against the daemon's. */
  readonly share: number;
  of(world: World): { readonly program: Program; readonly stateDir: string; readonly store: string };
}

const DAEMON: Victim = {
  whose: "daemon",
  share: 1,
  of: ({ daemon: program, stateDir }) => ({ program, stateDir, store: "harness.db" }),
};
const RECEIVER: Victim = {
  whose: "receiver",
  share: 1 / 3,
  of: ({ receiver: program, receiverDir: stateDir }) => ({ program, stateDir, store: "inbox.db" }),
};

const weigh = (weight: number, { share }: Victim): number => Math.max(1, Math.round(weight * share));

const diskFull = (victim: Victim): Fault => ({
  name: `fill the ${victim.whose}'s disk`,
  weight: weigh(3, victim),
  missing: (world) => (world.ownDisk ? null : "needs root and mount, for a small file system of its own"),
  async strike(world, random) {
    const forMs = random.between(300, 2500);
    const ballast = join(victim.of(world).stateDir, "ballast");
    const file = openSync(ballast, "w");
    try {
      for (let size = BLOCK.length; size >= 1;) {
        try {
          writeSync(file, BLOCK, 0, size);
        } catch {
          size = Math.floor(size / 2);
        }
      }
    } finally {
      closeSync(file);
    }
    await Bun.sleep(forMs);
    rmSync(ballast, { force: true });
    return [];
  },
});

const readOnly = (victim: Victim): Fault => ({
  name: `take the right to write from the ${victim.whose}'s state folder`,
  weight: weigh(2, victim),
  missing: (world) => (world.modesCount ? null : "root passes over modes, and setpriv is not there"),
  async strike(world, random) {
    const { stateDir } = victim.of(world);
    const forMs = random.between(300, 2500);
    chmodSync(stateDir, 0o500);
    await Bun.sleep(forMs);
    chmodSync(stateDir, 0o700);
    return [];
  },
});

const lockStore = (victim: Victim): Fault => ({
  name: `lock the ${victim.whose}'s store from outside`,
  weight: weigh(3, victim),
  missing: possible,
  async strike(world, random) {
    const { stateDir, store } = victim.of(world);
    const forMs = random.between(200, 3000);
    const db = new Database(join(stateDir, store));
    try {
      db.exec("PRAGMA busy_timeout = 0; BEGIN IMMEDIATE");
      await Bun.sleep(forMs);
      db.exec("ROLLBACK");
    } catch {
      // It was just being written: this time nobody is kept out.
    } finally {
      db.close();
    }
    return [];
  },
});

const fewDescriptors = (victim: Victim): Fault => ({
  name: `leave the ${victim.whose} few descriptors`,
  weight: weigh(3, victim),
  missing: () => (Bun.which("prlimit") === null ? "prlimit is not there" : null),
  async strike(world, random) {
    const { program } = victim.of(world);
    const [spare, forMs] = [random.between(0, 4), random.between(300, 2500)];
    const pid = program.pid();
    // One that is just starting would be refused the reading of its own config, and rightly end.
    const ready = await fetch(program.readyUrl, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    if (pid === 0 || pid !== program.pid() || ready?.status !== 200) return [];
    const limit = (soft: number): void =>
      void Bun.spawnSync(["prlimit", "--pid", String(pid), `--nofile=${soft}:`], { stderr: "ignore" });
    try {
      limit(descriptorsOf(pid) + spare);
    } catch {
      return []; // it died meanwhile
    }
    await Bun.sleep(forMs);
    limit(1024);
    return [];
  },
});

const setClock: Fault = {
  name: "set the clock",
  weight: 3,
  missing: (world) => (world.setClock === null ? "libfaketime is not there (apt-get install faketime)" : null),
  async strike({ setClock: set }, random) {
    set?.(random.pick([-172_800, -3600, -30, 0, 30, 3600, 172_800]));
    return [];
  },
};

export const resourceFaults: readonly Fault[] = [
  ...[DAEMON, RECEIVER].flatMap((victim) =>
    [diskFull, readOnly, lockStore, fewDescriptors].map((make) => make(victim)),
  ),
  setClock,
];
