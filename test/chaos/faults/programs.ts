/** Deaths and stops: of the daemon, the receiver, and of every process of an agent. */
import type { Random } from "../../support/random.ts";
import { processesOf, signal, type Found, type Role } from "../processes.ts";
import type { Program, World } from "../world.ts";
import { possible, type Fault, type Touched } from "./fault.ts";

const killAndStart = (name: string, weight: number, pick: (world: World) => Program): Fault => ({
  name,
  weight,
  ends: true,
  missing: possible,
  async strike(world, random) {
    const downMs = random.between(0, 1500);
    await pick(world).kill("SIGKILL");
    await Bun.sleep(downMs);
    await pick(world).start();
    return [];
  },
});

const freeze = (name: string, weight: number, pick: (world: World) => Program): Fault => ({
  name,
  weight,
  missing: possible,
  async strike(world, random) {
    const pid = pick(world).pid();
    const forMs = random.between(300, 3000);
    if (pid === 0 || !signal(pid, "SIGSTOP")) return [];
    await Bun.sleep(forMs);
    signal(pid, "SIGCONT");
    return [];
  },
});

const ofAgents = (world: World, roles: readonly Role[]): readonly Found[] =>
  processesOf(world.dir, new Set([process.pid, world.daemon.pid(), world.receiver.pid()])).filter(
    ({ role, agent }) => agent !== null && roles.includes(role),
  );

const killOne = (name: string, weight: number, roles: readonly Role[]): Fault => ({
  name,
  weight,
  missing: possible,
  strike: async (world, random) => touchOne(world, roles, random, (pid) => signal(pid, "SIGKILL")),
});

async function touchOne(
  world: World,
  roles: readonly Role[],
  random: Random,
  touch: (pid: number) => unknown,
): Promise<readonly Touched[]> {
  const found = ofAgents(world, roles);
  const chance = random();
  const one = found[Math.floor(chance * found.length)];
  if (one?.agent == null) return [];
  await touch(one.pid);
  return [{ agent: one.agent, how: "shaken", what: `${one.role} ${one.pid}` }];
}

export const programFaults: readonly Fault[] = [
  killAndStart("kill the daemon", 8, (world) => world.daemon),
  freeze("stop the daemon for a while", 3, (world) => world.daemon),
  killAndStart("kill the receiver", 4, (world) => world.receiver),
  freeze("stop the receiver for a while", 2, (world) => world.receiver),
  killOne("kill a program", 5, ["program"]),
  killOne("kill a bridge or its server", 2, ["bridge", "server"]),
  killOne("kill a wrapper", 3, ["wrapper"]),
  killOne("kill a writer of long lines", 3, ["writer"]),
  killOne("kill a tool's child", 1, ["child"]),
  {
    name: "stop a program for a while",
    weight: 3,
    missing: possible,
    strike: (world, random) => {
      const forMs = random.between(500, 4000);
      return touchOne(world, ["program", "bridge", "server", "wrapper", "writer", "child"], random, async (pid) => {
        signal(pid, "SIGSTOP");
        await Bun.sleep(forMs);
        signal(pid, "SIGCONT");
      });
    },
  },
];
