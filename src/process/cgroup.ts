/**
 * A control group (cgroup v2) for each run, below the one that the service manager handed over to this daemon: what a
 * program starts cannot leave it, so its end is complete, and what it used can be told. Without a group of our own
 * nothing here happens. Facts: cgroups(7), the kernel's cgroup-v2 document, systemd's CGROUP_DELEGATION.
 * Never touches a group that is not below `base`, and enables controllers only where a restart of the service survives
 * it: in the parent of the sub-group that the daemon itself lives in (`DelegateSubgroup=`).
 */
import { accessSync, constants, mkdirSync, readFileSync, readdirSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join, posix } from "node:path";
import { isShortage, withDescriptors } from "../lib/descriptors.ts";
import { errorCode, errorText } from "../lib/errors.ts";

export interface Delegation {
  /** The folder in which the groups of runs are made. */
  readonly base: string;
  /** The controllers that runs may be limited by: enabled below `base`. */
  readonly controllers: ReadonlySet<Controller>;
}

export type Controller = "memory" | "pids" | "cpu";

export interface Limits {
  /** 0 = none. */
  readonly memoryBytes: number;
  /** Processes and threads; 0 = no limit. */
  readonly tasks: number;
  /** 1 to 10000; 0 = as everybody (100). */
  readonly cpuWeight: number;
}

/** What the kernel counted for one run; null where it does not count that. */
export interface CgroupUsage {
  readonly cpuMs: number | null;
  readonly memoryPeakBytes: number | null;
  /** Processes of the run that the kernel killed because its memory was used up. */
  readonly oomKills: number;
}

export interface DelegationOptions {
  /** /proc/self/cgroup and /proc/self/mountinfo, as read. */
  readonly ownGroups: string;
  readonly mounts: string;
  readonly isRoot: boolean;
  /** Of a unit (`agent-harness.service`): does it say Delegate=yes? Asked only as root, who may write everywhere. */
  readonly saysDelegated: (unit: string) => Promise<boolean>;
}

const SUBGROUP = "main";
const CONTROLLERS: readonly Controller[] = ["memory", "pids", "cpu"];

/** The group handed over to us, prepared; null where there is none. Never throws. */
export async function findDelegation(options: DelegationOptions): Promise<Delegation | null> {
  const own = ownGroup(options.ownGroups, options.mounts);
  if (own === null) return null;
  const inSubgroup = basename(own) === SUBGROUP && isUnit(basename(dirname(own)));
  const base = inSubgroup ? dirname(own) : own;
  if (!isUnit(basename(base)) || !mayWrite(base)) return null;
  if (options.isRoot && !inSubgroup && !(await options.saysDelegated(basename(base)))) return null;
  return { base, controllers: new Set(inSubgroup ? CONTROLLERS.filter((name) => enable(base, name)) : []) };
}

/** The folder of this process's v2 group, from `0::/path` and the place where v2 is mounted; null without v2. */
export function ownGroup(ownGroups: string, mounts: string): string | null {
  const path = /^0::(\/.*)$/m.exec(ownGroups)?.[1];
  if (path === undefined) return null;
  for (const line of mounts.split("\n")) {
    // id parent dev root mountpoint options … - type source options
    const [before = "", after = ""] = line.split(" - ");
    if (!after.startsWith("cgroup2 ")) continue;
    const [, , , root = "/", point = ""] = before.split(" ").map(unescapeMount);
    const inside =
      root === "/" ? path : path === root ? "/" : path.startsWith(`${root}/`) ? path.slice(root.length) : null;
    if (inside !== null && point !== "" && !inside.startsWith("/..")) return posix.join(point, inside);
  }
  return null;
}

/** mountinfo writes blank, tab, line break and backslash as octal. */
const unescapeMount = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

const isUnit = (name: string): boolean => /\.(service|scope)$/.test(name);

function mayWrite(dir: string): boolean {
  try {
    for (const path of [dir, join(dir, "cgroup.procs"), join(dir, "cgroup.subtree_control")])
      accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function enable(base: string, controller: Controller): boolean {
  try {
    writeFileSync(join(base, "cgroup.subtree_control"), `+${controller}`);
    return true;
  } catch {
    return false; // not delegated, or on the v1 hierarchy of this machine
  }
}

/** `base/run-<agent>-<n>`: found again by the next daemon of the same service. */
export const runGroup = (base: string, agent: string, run: number | string): string =>
  join(base, `run-${agent}-${run}`);

/**
 * Makes the group of a run and sets its limits. Throws when the group cannot be made; a limit that cannot be set is
 * named in the answer, because a run without its limit is no reason to lose the work.
 */
export function makeGroup(dir: string, limits: Limits, controllers: ReadonlySet<Controller>): readonly string[] {
  try {
    mkdirSync(dir);
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error; // left by a start that did not come to its spawn
  }
  const problems: string[] = [];
  const set = (controller: Controller, file: string, value: number): void => {
    if (value === 0) return;
    try {
      if (!controllers.has(controller)) throw new Error(`the ${controller} controller is not available here`);
      writeFileSync(join(dir, file), String(value));
    } catch (error) {
      problems.push(`${file}: ${errorText(error)}`);
    }
  };
  set("memory", "memory.max", limits.memoryBytes);
  set("pids", "pids.max", limits.tasks);
  set("cpu", "cpu.weight", limits.cpuWeight);
  return problems;
}

/** Null when there is no such group (any more). */
export function usageOf(dir: string): CgroupUsage | null {
  const cpu = read(dir, "cpu.stat");
  if (cpu === null) return null;
  const microseconds = keyed(cpu, "usage_usec");
  const peak = read(dir, "memory.peak");
  return {
    cpuMs: microseconds === null ? null : Math.round(microseconds / 1000),
    memoryPeakBytes: peak === null || !/^\d+$/.test(peak.trim()) ? null : Number(peak),
    oomKills: keyed(read(dir, "memory.events") ?? "", "oom_kill") ?? 0,
  };
}

/** True while something lives in the group or below it. */
export const isPopulated = (dir: string): boolean => keyed(read(dir, "cgroup.events") ?? "", "populated") === 1;

/** Ends everything in it at once, the hard way; nothing can fork out of it. */
export function killGroup(dir: string): void {
  try {
    withDescriptors(() => writeFileSync(join(dir, "cgroup.kill"), "1"));
  } catch (error) {
    if (isShortage(error)) throw error;
    // before Linux 5.14, or gone: its members are ended one by one
  }
}

/** Removes an empty group with the groups that the program made in it; false while something lives there. */
export function removeGroup(dir: string): boolean {
  try {
    for (const entry of readdirSync(dir, { withFileTypes: true }))
      if (entry.isDirectory()) removeGroup(join(dir, entry.name));
    rmdirSync(dir);
    return true;
  } catch (error) {
    return errorCode(error) === "ENOENT";
  }
}

/** Groups of runs that exist below `base`, as `run-<agent>-<n>`. */
export function listGroups(base: string): string[] {
  try {
    return withDescriptors(() => readdirSync(base, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && entry.name.startsWith("run-"))
      .map((entry) => join(base, entry.name));
  } catch (error) {
    if (isShortage(error)) throw error; // one that cannot be seen may be full of life
    return [];
  }
}

function read(dir: string, file: string): string | null {
  try {
    return withDescriptors(() => readFileSync(join(dir, file), "latin1"));
  } catch (error) {
    if (isShortage(error)) throw error; // what cannot be read is not empty for that
    return null; // this kernel or this controller has no such file, or the group is gone
  }
}

/** `name 123` in a flat keyed file. */
function keyed(text: string, name: string): number | null {
  for (const line of text.split("\n")) if (line.startsWith(`${name} `)) return Number(line.slice(name.length + 1));
  return null;
}
