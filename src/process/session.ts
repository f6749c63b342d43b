/**
 * Ends a program that we started as the leader of a session of its own, and all that it started: for helpers, which
 * have no run folder and no wrapper (a run's tree is ended by `end.ts`).
 */
import type { Clock } from "../lib/clock.ts";
import { waitUntil } from "../lib/wait.ts";
import { listProcesses, lives, signal } from "./proc.ts";
import type { ProcessInfo } from "./proc.ts";

/** SIGTERM, then SIGKILL for what is left after `graceMs`; a killed launcher alone would leave its child. */
export async function endSession(pid: number, graceMs: number, clock: Clock): Promise<void> {
  // Taken before the first signal: orphans lose their parent's pid. The start time guards against a pid used again.
  const tree = membersOf(pid);
  const alive = (): readonly ProcessInfo[] => tree.filter(lives);
  for (const each of tree) signal(each, "SIGTERM");
  await waitUntil(clock, () => alive().length === 0, graceMs);
  for (const each of alive()) signal(each, "SIGKILL");
}

/** The program, its descendants, and everybody of its session or group. */
function membersOf(pid: number): readonly ProcessInfo[] {
  const processes = listProcesses();
  const found = new Set(processes.filter((each) => each.pid === pid || each.session === pid || each.group === pid));
  for (let before = -1; before !== found.size;) {
    before = found.size;
    const pids = new Set([...found].map((each) => each.pid));
    for (const each of processes) if (pids.has(each.ppid)) found.add(each);
  }
  return [...found];
}
