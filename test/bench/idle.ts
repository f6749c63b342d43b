/**
 * What a hundred agents cost that do nothing: with their processes, and parked. Beside it a bare server, in the same
 * seconds.
 */
import { eventually } from "../support/api.ts";
import { countAgents, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import type { Harness } from "./agents.ts";
import type { Memory } from "./machine.ts";
import { cpuNs, memoryOf } from "./machine.ts";
import type { Claim } from "./row.ts";
import { mb, percent } from "./row.ts";
import type { Measurement, Served, World } from "./world.ts";

const AGENTS = 100;
/**
 * The daemon gives back what it kept to be fast after half a minute without work, and the collector's clock slows down.
 */
const SETTLE_MS = 40_000;
/** Three sweeps of the daemon. */
const WINDOW_MS = 15_000;
const MOST_CORE = 0.002;
/** Of memory that is ours: the rest is the runtime's own code, shared and clean. */
const MOST_BYTES = 15_000_000;

export const idle: Measurement = async (world) => {
  const hello = await world.serve([world.hello]);
  await fetch(hello.url);
  const [live, parked] = await Promise.all([begin(world, "running", 0), begin(world, "parked", 1000)]);
  await Bun.sleep(SETTLE_MS);
  const rows = await Promise.all([claims("live idle", live.served, hello), claims("parked", parked.served, hello)]);
  for (const [harness, state] of [
    [live, "running"],
    [parked, "parked"],
  ] as const) {
    if ((await countAgents(harness.api, "process", state)) !== AGENTS) throw new Error(`not all agents were ${state}`);
    await endHarness(harness);
  }
  await hello.kill();
  return rows.flat();
};

/** A daemon whose agents have done a turn each and are so now. */
async function begin(world: World, state: string, parkIdleMs: number): Promise<Harness> {
  const harness = await startHarness(world, world.folder("idle"), { limits: { parkIdleMs } });
  await makeProject(harness.api, world.dir);
  await makeAgents(harness.api, AGENTS);
  await eventually(
    `all agents to be ${state}`,
    async () => (await countAgents(harness.api, "process", state)) === AGENTS,
    60_000,
  );
  return harness;
}

async function claims(state: string, { pid }: Served, hello: Served): Promise<Claim[]> {
  const [core = 0, bareCore = 0] = (await Promise.all([cpuNs(pid, WINDOW_MS), cpuNs(hello.pid, WINDOW_MS)])).map(
    (ns) => ns / 1e6 / WINDOW_MS,
  );
  const [ours, bare] = [memoryOf(pid), memoryOf(hello.pid)];
  return [
    {
      what: `CPU, ${AGENTS} ${state} agents`,
      measured: `${percent(core)} of a core (hello ${percent(bareCore)})`,
      must: `< ${percent(MOST_CORE)}`,
      fine: core < MOST_CORE,
    },
    {
      what: `anonymous memory, ${AGENTS} ${state} agents`,
      measured: `${shown(ours)} (hello ${shown(bare)})`,
      must: `<= hello + ${mb(MOST_BYTES)}`,
      fine: ours.anonymous <= bare.anonymous + MOST_BYTES,
    },
  ];
}

const shown = ({ anonymous, rss, pss }: Memory): string => `${mb(anonymous)}, RSS ${mb(rss)}, PSS ${mb(pss)}`;
