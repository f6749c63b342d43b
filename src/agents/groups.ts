/**
 * The control groups of all runs: one is made before each spawn, found again by the next daemon of the same service,
 * and gone when nothing of the run lives. Where no group was handed over to this daemon nothing is made, and a run's
 * end is as complete as a scan of /proc can be.
 */
import { errorText } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import type { CgroupUsage, Delegation, Limits } from "../process/cgroup.ts";
import { isPopulated, killGroup, listGroups, makeGroup, removeGroup, runGroup, usageOf } from "../process/cgroup.ts";

/** As the config names them; 0 = no limit. */
export interface RunLimits {
  readonly agentMemoryBytes: number;
  readonly agentTasks: number;
  readonly agentCpuWeight: number;
}

export interface Groups {
  /** For `doctor` and the log: what is to be had here. */
  readonly delegation: Delegation | null;
  /** The group of a run, or of a check by its name, that is about to be spawned; undefined where none can be made. */
  make(agent: string, run: number | string, limits: RunLimits): string | undefined;
  /** Of a run that an earlier daemon may have spawned. */
  find(agent: string, run: number | string): string | undefined;
  /** Ends whatever any run of the agent has left, and removes their groups. */
  forget(agent: string): void;
}

export function createGroups(delegation: Delegation | null, log: Logger): Groups {
  const said = new Set<string>();
  const sayOnce = (message: string, about: string, fields: Record<string, unknown>): void => {
    if (said.has(about)) return;
    said.add(about);
    log.warn(message, fields);
  };
  const of = (agent: string): string[] => {
    if (delegation === null) return [];
    const own = runGroup(delegation.base, agent, 0).slice(0, -1);
    return listGroups(delegation.base).filter((dir) => dir.startsWith(own));
  };
  return {
    delegation,
    make(agent, run, limits) {
      if (delegation === null) {
        if (asLimits(limits).some((value) => value > 0))
          sayOnce("limits of agents have no effect: no control group was handed over to this service", "none", {});
        return undefined;
      }
      const dir = runGroup(delegation.base, agent, run);
      try {
        const { agentMemoryBytes: memoryBytes, agentTasks: tasks, agentCpuWeight: cpuWeight } = limits;
        const wanted: Limits = { memoryBytes, tasks, cpuWeight };
        const problems = makeGroup(dir, wanted, delegation.controllers);
        for (const problem of problems) sayOnce("a limit of agents has no effect", problem, { problem });
        return dir;
      } catch (error) {
        sayOnce("cannot make a control group for a run", errorText(error), { error: errorText(error) });
        return undefined;
      }
    },
    find(agent, run) {
      if (delegation === null) return undefined;
      const dir = runGroup(delegation.base, agent, run);
      return listGroups(delegation.base).includes(dir) ? dir : undefined;
    },
    forget(agent) {
      for (const dir of of(agent)) {
        if (isPopulated(dir)) killGroup(dir);
        removeGroup(dir); // what is still dying goes with the next sweep's try, or with the service
      }
    },
  };
}

const asLimits = (limits: RunLimits): number[] => [limits.agentMemoryBytes, limits.agentTasks, limits.agentCpuWeight];

/** What a run that ended had used; its group goes when it is empty. */
export function closeGroup(dir: string): CgroupUsage | null {
  const used = usageOf(dir);
  removeGroup(dir);
  return used;
}

/** For people: why the kernel ended processes of a run. */
export function describeOutOfMemory({ oomKills, memoryPeakBytes }: CgroupUsage): string {
  const peak = memoryPeakBytes === null ? "" : `, its peak was ${Math.round(memoryPeakBytes / 1024 / 1024)} MiB`;
  return `the kernel killed ${oomKills} of its processes because its memory was used up (limits.agentMemoryBytes${peak})`;
}
