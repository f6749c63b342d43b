/** What one run of an agent may use, as the config, a project and an agent say it in the same words. 0 = no limit. */
import { integer, optional } from "./check.ts";

export const resourceLimits = {
  agentMemoryBytes: optional(integer({ min: 0, max: 2 ** 50 })),
  /** Processes and threads. */
  agentTasks: optional(integer({ min: 0, max: 4_194_304 })),
  /** Of cgroup v2: 1 to 10000, everybody has 100. */
  agentCpuWeight: optional(integer({ min: 0, max: 10_000 })),
};
