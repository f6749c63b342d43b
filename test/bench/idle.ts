/** What a hundred agents cost that do nothing: with their processes, and parked. Beside it a bare server, in the same seconds. */
import { eventually } from "../support/api.ts";
import { countAgents, endHarness, makeAgents, makeProject, startHarness } from "./agents.ts";
import type { Harness } from "./agents.ts";
import { cpuNs, rssBytes } from "./machine.ts";
import type { Claim } from "./row.ts";
import { mb, percent } from "./row.ts";
import type { Measurement } from "./world.ts";

const AGENTS = 100;
/** Three sweeps of the daemon. */
const WINDOW_MS = 15_000;
const MOST_CORE = 0.002;
const MOST_BYTES = 25_000_000;

export const idle: Measurement = async (world) => {
  const stateDir = world.folder("idle");
  const hello = await world.serve([world.hello]);
  await fetch(hello.url);
  const claims = async (state: string, { served }: Harness): Promise<Claim[]> => {
    const core = (await cpuNs(served.pid, WINDOW_MS)) / 1e6 / WINDOW_MS;
    const [ours, bare] = [rssBytes(served.pid), rssBytes(hello.pid)];
    return [
      { what: `CPU, ${AGENTS} ${state} agents`, measured: `${percent(core)} of a core`, must: `< ${percent(MOST_CORE)}`, fine: core < MOST_CORE },
      {
        what: `RSS, ${AGENTS} ${state} agents`, measured: `${mb(ours)} (hello ${mb(bare)})`, must: `hello + ${mb(MOST_BYTES)}`,
        fine: ours <= bare + MOST_BYTES,
      },
    ];
  };

  const first = await startHarness(world, stateDir, { limits: { parkIdleMs: 0 } });
  await makeProject(first.api, world.dir);
  await makeAgents(first.api, AGENTS);
  const live = await claims("live idle", first);
  if ((await countAgents(first.api, "process", "running")) !== AGENTS) throw new Error("not all agents were alive");
  await first.served.kill("SIGTERM");

  const second = await startHarness(world, stateDir, { limits: { parkIdleMs: 1000 } });
  await eventually("all agents to be parked", async () => (await countAgents(second.api, "process", "parked")) === AGENTS, 60_000);
  const parked = await claims("parked", second);
  await endHarness(second);
  await hello.kill();
  return [...live, ...parked];
};
