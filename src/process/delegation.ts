/** The one look at the machine for `cgroup.ts`: which control group was handed over to this very process. */
import { readFileSync } from "node:fs";
import type { Delegation } from "./cgroup.ts";
import { findDelegation } from "./cgroup.ts";
import { toolEnv } from "./tools.ts";

const ASK_MS = 2000;

export async function ownDelegation(): Promise<Delegation | null> {
  try {
    return await findDelegation({
      ownGroups: readFileSync("/proc/self/cgroup", "latin1"),
      mounts: readFileSync("/proc/self/mountinfo", "latin1"),
      isRoot: process.getuid?.() === 0,
      saysDelegated,
    });
  } catch {
    return null; // no /proc worth the name: then no groups either
  }
}

/** Root may write into every group: only the service manager knows whether this one is ours. */
async function saysDelegated(unit: string): Promise<boolean> {
  try {
    const ask = Bun.spawn(["systemctl", "show", "--property=Delegate", "--value", unit], {
      stdio: ["ignore", "pipe", "ignore"],
      env: toolEnv(),
      timeout: ASK_MS,
    });
    return (await new Response(ask.stdout).text()).trim() === "yes";
  } catch {
    return false;
  }
}
