/**
 * The groups of runs: made with their limits where a group was handed over, and told once where they have no effect.
 */
import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGroups } from "../../../src/agents/groups.ts";
import type { Logger } from "../../../src/lib/log.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const base = mkdtempSync(join(tmpdir(), "ah-groups-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

const NONE = { agentMemoryBytes: 0, agentTasks: 0, agentCpuWeight: 0 };
const LIMITS = { agentMemoryBytes: 512_000_000, agentTasks: 100, agentCpuWeight: 50 };

function listening(): { log: Logger; said: string[] } {
  const said: string[] = [];
  return { said, log: { ...silentLogger, warn: (message: string) => void said.push(message) } };
}

test("without a group of our own nothing is made, and limits that have no effect are told once", () => {
  const { log, said } = listening();
  const groups = createGroups(null, log);
  expect(groups.make("a1b2c3d4", 1, NONE)).toBeUndefined();
  expect(said).toEqual([]);
  groups.make("a1b2c3d4", 1, LIMITS);
  groups.make("a1b2c3d4", 2, LIMITS);
  expect(said).toEqual(["limits of agents have no effect: no control group was handed over to this service"]);
  expect(groups.find("a1b2c3d4", 1)).toBeUndefined();
});

test("each limit goes to its own controller, and one that is not there is told once and costs no start", () => {
  const { log, said } = listening();
  const groups = createGroups({ base, controllers: new Set(["memory", "cpu"]) }, log);
  const dir = groups.make("a1b2c3d4", 1, LIMITS) ?? expect.unreachable();
  expect(readFileSync(join(dir, "memory.max"), "utf8")).toBe("512000000");
  expect(readFileSync(join(dir, "cpu.weight"), "utf8")).toBe("50");
  expect(existsSync(join(dir, "pids.max"))).toBe(false);
  groups.make("a1b2c3d4", 2, LIMITS);
  expect(said).toEqual(["a limit of agents has no effect"]);
  expect(groups.find("a1b2c3d4", 2)).toBe(join(base, "run-a1b2c3d4-2"));
});

test("forgetting an agent ends what lives in its groups and leaves those of others alone", () => {
  const groups = createGroups({ base, controllers: new Set() }, silentLogger);
  for (const name of ["run-11111111-1", "run-11111111-2", "run-11111111a-1"]) mkdirSync(join(base, name));
  writeFileSync(join(base, "run-11111111-1", "cgroup.events"), "populated 1\nfrozen 0\n");
  groups.forget("11111111");
  // A plain folder with a file in it stands for a group whose processes are still dying.
  expect(readFileSync(join(base, "run-11111111-1", "cgroup.kill"), "utf8")).toBe("1");
  expect(existsSync(join(base, "run-11111111-2"))).toBe(false);
  expect(existsSync(join(base, "run-11111111a-1"))).toBe(true);
});
