/**
 * One storm: makes the box, lets clients and faults loose on it for so long, settles it and checks what all sides say.
 */
import { runningMs } from "../fakes/journal.ts";
import { seeded } from "../support/random.ts";
import { flawsOf, type CheckName } from "./check.ts";
import { gatherCrowd } from "./crowd.ts";
import { driveAgents } from "./drive.ts";
import { grown } from "./checks/leftovers.ts";
import type { Evidence, Harm, Resources } from "./evidence.ts";
import { fileFaults } from "./faults/files.ts";
import type { Fault } from "./faults/fault.ts";
import { networkFaults } from "./faults/network.ts";
import { programFaults } from "./faults/programs.ts";
import { resourceFaults } from "./faults/resources.ts";
import { gather, settle } from "./gather.ts";
import { planAgents, type ProviderPlan } from "./plan.ts";
import { anonymousKiB, descriptorKinds, descriptorsOf, zombiesOf } from "./processes.ts";
import { makeWorld, type World } from "./world.ts";

export const FAULTS: readonly Fault[] = [...programFaults, ...resourceFaults, ...fileFaults, ...networkFaults];

export interface StormOptions {
  readonly seed: number;
  readonly ms: number;
  readonly say: (line: string) => void;
  /** Only faults whose name contains one of these. */
  readonly only?: readonly string[];
  readonly crowd?: number;
  readonly agentsEach?: number;
  readonly keep?: boolean;
}

export interface StormResult {
  readonly flaws: Readonly<Partial<Record<CheckName, readonly string[]>>>;
  readonly evidence: Evidence;
  /** By name, how often. */
  readonly struck: ReadonlyMap<string, number>;
  readonly skipped: readonly string[];
  readonly dir: string;
}

const providersOf = (agents: number): readonly ProviderPlan[] =>
  ["claude-code", "codex", "opencode", "pi", "some-acp", "some-command"].map((name) => ({
    name,
    agents,
    asks: name !== "some-command",
  }));

export async function storm({
  seed,
  ms,
  say,
  only,
  crowd: size = 200,
  agentsEach = 2,
  keep = false,
}: StormOptions): Promise<StormResult> {
  const providers = providersOf(agentsEach);
  const world = await makeWorld(providers, seeded(seed + 1));
  let result: StormResult | null = null;
  try {
    const wanted = FAULTS.filter(({ name }) => only === undefined || only.some((word) => name.includes(word)));
    const missing = wanted.flatMap((fault) => {
      const why = fault.missing(world);
      return why === null ? [] : [`${fault.name}: ${why}`];
    });
    for (const each of missing) say(`skipped: ${each}`);
    const faults = wanted.filter((fault) => fault.missing(world) === null);
    await Promise.all([world.daemon.start(), world.receiver.start()]);
    await world.direct.post("/projects", { name: "p", cwd: world.cwd });
    const baseline = resourcesOf(world, []);
    const inputs = Math.max(4, Math.ceil(ms / 4000));
    const drive = driveAgents(world.shaky, planAgents(providers, inputs, seeded(seed + 2)), seeded(seed + 3));
    const crowd = gatherCrowd(world.direct.url, size, seeded(seed + 4));
    const { harms, struck, strikes } = await strikeFor(world, faults, ms, seed, say);
    await crowd.stop();
    say(`the storm is over: ${drive.promises.sent.length} inputs sent, ${crowd.served} strangers served; settling`);
    const { askedAgain } = await settle(world, drive, say);
    const noted = {
      harms,
      strikes,
      askedAgain,
      baseline,
      measure: async (before: readonly Resources[]) => {
        const calm = await calmResources(world, before);
        if (world.daemon.pid() !== 0) say(`the daemon holds ${descriptorKinds(world.daemon.pid())}`);
        return calm;
      },
    };
    const evidence = await gather(world, drive, noted);
    result = { flaws: flawsOf(evidence), evidence, struck, skipped: missing, dir: world.dir };
    return result;
  } finally {
    await world.close(keep && (result === null || Object.keys(result.flaws).length > 0));
  }
}

/** Faults overlap, but not with another of the same name. Those that are under way are waited for. */
async function strikeFor(
  world: World,
  faults: readonly Fault[],
  ms: number,
  seed: number,
  say: (line: string) => void,
) {
  const random = seeded(seed);
  const harms: Harm[] = [];
  const struck = new Map<string, number>();
  const strikes: string[] = [];
  const underWay = new Map<string, Promise<void>>();
  const bag = faults.flatMap((fault) => Array.from({ length: fault.weight }, () => fault));
  const end = performance.now() + ms;
  for (let n = 0; performance.now() < end; n++) {
    await Bun.sleep(random.between(100, 900));
    if (bag.length === 0) continue;
    const fault = random.pick(bag);
    if (underWay.has(fault.name) || (fault.ends && performance.now() > end - ms / 3)) continue;
    struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
    const [startedAt, from] = [new Date().toISOString(), runningMs()];
    const strike = fault
      .strike(world, seeded(seed * 31 + n))
      .then((agents) => {
        for (const { agent, how, run = null } of agents) harms.push({ agent, how, run, from, to: runningMs() });
        const whom = agents.map(({ agent, what }) => `${agent} ${what}`).join();
        strikes.push(`${startedAt} to ${new Date().toISOString()} ${fault.name} ${whom}`);
      })
      .catch((error: unknown) => say(`"${fault.name}" failed: ${String(error)}`))
      .finally(() => underWay.delete(fault.name));
    underWay.set(fault.name, strike);
  }
  await Promise.all(underWay.values());
  return { harms, struck, strikes };
}

/** Longer than the half minute without work after which the daemon gives back what it only kept to be fast. */
const CALM_MS = 60_000;

/** The least of some seconds, and of a minute where that is too much: what clients held is given back by and by. */
async function calmResources(world: World, before: readonly Resources[]): Promise<readonly Resources[]> {
  let least = resourcesOf(world, before);
  const startedAt = performance.now();
  for (let n = 0; n < 8 || (grown(least).length > 0 && performance.now() - startedAt < CALM_MS); n++) {
    await Bun.sleep(2000);
    const now = resourcesOf(world, before);
    least = least.map((each) => {
      const again = now.find(({ what }) => what === each.what);
      return again === undefined || again.after > each.after ? each : again;
    });
  }
  return least;
}

function resourcesOf({ daemon, receiver }: World, before: readonly Resources[]): readonly Resources[] {
  const measured: [what: string, value: number][] = [];
  for (const [name, pid] of [
    ["daemon", daemon.pid()],
    ["receiver", receiver.pid()],
  ] as const) {
    if (pid === 0) continue;
    measured.push([`${name} descriptors`, descriptorsOf(pid)], [`${name} memory`, anonymousKiB(pid)]);
    measured.push([`${name} zombies`, zombiesOf(pid)]);
  }
  return measured.map(([what, value]) => {
    const known = before.find((each) => each.what === what);
    return { what, before: known?.before ?? value, after: value };
  });
}
