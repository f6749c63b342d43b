/** What a machine runs out of: disk, descriptors, the store's lock, the right to write, the right time. */
import { Database } from "bun:sqlite";
import { chmodSync, closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { descriptorsOf } from "../processes.ts";
import { possible, type Fault } from "./fault.ts";

const BLOCK = Buffer.alloc(256 * 1024, 0x78);

const diskFull: Fault = {
  name: "fill the disk",
  weight: 3,
  missing: (world) => (world.ownDisk ? null : "needs root and mount, for a small file system of its own"),
  async strike({ stateDir }, random) {
    const forMs = random.between(300, 2500);
    const ballast = join(stateDir, "ballast");
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
};

const readOnly: Fault = {
  name: "take the right to write from the state folder",
  weight: 2,
  missing: (world) => (world.modesCount ? null : "root passes over modes, and setpriv is not there"),
  async strike({ stateDir }, random) {
    const forMs = random.between(300, 2500);
    chmodSync(stateDir, 0o500);
    await Bun.sleep(forMs);
    chmodSync(stateDir, 0o700);
    return [];
  },
};

const lockStore: Fault = {
  name: "lock the store from outside",
  weight: 3,
  missing: possible,
  async strike({ stateDir }, random) {
    const forMs = random.between(200, 3000);
    const db = new Database(join(stateDir, "harness.db"));
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
};

const fewDescriptors: Fault = {
  name: "leave the daemon few descriptors",
  weight: 3,
  missing: () => (Bun.which("prlimit") === null ? "prlimit is not there" : null),
  async strike({ daemon, direct }, random) {
    const [spare, forMs] = [random.between(0, 4), random.between(300, 2500)];
    const pid = daemon.pid();
    // One that is just starting would be refused the reading of its own config, and rightly end.
    const ready = await fetch(`${direct.url}/readyz`, { signal: AbortSignal.timeout(1000) }).catch(() => null);
    if (pid === 0 || pid !== daemon.pid() || ready?.status !== 200) return [];
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
};

const setClock: Fault = {
  name: "set the clock",
  weight: 3,
  missing: (world) => (world.setClock === null ? "libfaketime is not there (apt-get install faketime)" : null),
  async strike({ setClock: set }, random) {
    set?.(random.pick([-172_800, -3600, -30, 0, 30, 3600, 172_800]));
    return [];
  },
};

export const resourceFaults: readonly Fault[] = [diskFull, readOnly, lockStore, fewDescriptors, setClock];
