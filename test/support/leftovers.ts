/** Processes that a test (or the demo) has left behind, known by a text in their environment that is nobody else's. */
import { readdirSync, readFileSync } from "node:fs";

export function processesNaming(text: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return pid !== process.pid && readFileSync(`/proc/${pid}/environ`, "latin1").includes(text);
      } catch {
        return false; // gone, or somebody else's
      }
    });
}

/** SIGKILL: agents outlive their daemon on purpose, so nothing gentler ends what a failed test started. */
export function endProcessesNaming(text: string): void {
  for (const pid of processesNaming(text)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}
