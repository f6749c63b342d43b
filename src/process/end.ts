/**
 * Ends a run's whole tree: SIGTERM, time to obey, then SIGKILL; the wrapper is spared and gets time to write `exit`.
 * The graceful way of the provider, and committing the intent, come before this and are the caller's.
 */
import type { Clock } from "../lib/clock.ts";
import { waitUntil } from "../lib/wait.ts";
import { killGroup } from "./cgroup.ts";
import { isWrapperAlive, readExit } from "./identity.ts";
import type { Identity } from "./identity.ts";
import type { RunPaths } from "./paths.ts";
import { lives, readProcess, signal } from "./proc.ts";
import type { ProcessInfo } from "./proc.ts";
import { treeOf } from "./tree.ts";

export interface EndRequest {
  readonly identity: Identity;
  readonly paths: RunPaths;
  /** Between SIGTERM and SIGKILL; 0 = SIGKILL at once. */
  readonly graceMs: number;
  readonly clock: Clock;
  readonly cgroup?: string;
  /** Members that an earlier scan has seen. */
  readonly known?: readonly ProcessInfo[];
}

export interface EndResult {
  readonly exit: { readonly code: number } | null;
  /** What could not be ended (another user's, or stuck in the kernel). */
  readonly survivors: readonly ProcessInfo[];
}

const WRAPPER_MS = 2000;
const KILL_MS = 2000;
/** Against a program that forks faster than we stop it. */
const MOST_SCANS = 50;

export async function endTree({
  identity,
  paths,
  graceMs,
  clock,
  cgroup,
  known: seen = [],
}: EndRequest): Promise<EndResult> {
  const where = cgroup === undefined ? {} : { cgroup };
  /** Everybody ever seen: a member's children lose their parent, and with it their place in the tree, when it dies. */
  const known = new Map(seen.map((each) => [`${each.pid} ${each.startTicks}`, each]));
  const scan = (): ProcessInfo[] => {
    const members = treeOf(identity, { ...where, known: [...known.values()] });
    for (const member of members) known.set(`${member.pid} ${member.startTicks}`, member);
    return members;
  };
  let members = scan();
  // The cheap look first: `/proc` is scanned whole only when everybody we know is gone.
  const allGone = (): boolean => ![...known.values()].some(lives) && (members = scan()).length === 0;

  if (graceMs > 0) {
    for (const member of members) {
      signal(member, "SIGTERM");
      signal(member, "SIGCONT"); // a stopped process would obey too late
    }
    await waitUntil(clock, allGone, graceMs);
  }
  if (!allGone()) {
    members = stopAll(scan);
    if (cgroup !== undefined) killGroup(cgroup);
    for (const member of members) signal(member, "SIGKILL");
    await waitUntil(clock, () => allGone() || killLate((members = scan())), KILL_MS);
  }
  await waitUntil(clock, () => readExit(paths) !== null || !isWrapperAlive(identity), WRAPPER_MS);
  if (isWrapperAlive(identity)) {
    const wrapper = readProcess(identity.wrapperPid);
    if (wrapper?.startTicks === identity.wrapperStartTicks && readExit(paths) === null) signal(wrapper, "SIGKILL");
  }
  return { exit: readExit(paths), survivors: members.filter(lives) };
}

/** Stops everybody and looks again until nobody new turns up: a stopped process starts no further ones. */
function stopAll(scan: () => ProcessInfo[]): ProcessInfo[] {
  const stopped = new Set<number>();
  let members = scan();
  for (let scans = 0; scans < MOST_SCANS; scans++) {
    const fresh = members.filter((member) => !stopped.has(member.pid));
    if (fresh.length === 0) break;
    for (const member of fresh) {
      signal(member, "SIGSTOP");
      stopped.add(member.pid);
    }
    members = scan();
  }
  return members;
}

/**
 * Also who turned up after the stop (started by a program that had not been stopped in time). They are not gone yet.
 */
function killLate(members: readonly ProcessInfo[]): false {
  for (const member of members) signal(member, "SIGKILL");
  return false;
}
