/**
 * Everything that a run started and that still lives. Without a cgroup no list is complete (a process that leaves its
 * session, its parent and its environment behind cannot be told from a stranger); each source here finds what others
 * miss.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isShortage, withDescriptors } from "../lib/descriptors.ts";
import { NONCE_ENV, isWrapperAlive, stillRuns } from "./identity.ts";
import type { Identity } from "./identity.ts";
import { isDead, listProcesses, readProcessEnv } from "./proc.ts";
import type { ProcessInfo } from "./proc.ts";

export type { ProcessInfo } from "./proc.ts";

export interface TreeOptions {
  /** Members found by an earlier scan: they stay members as long as they live, whatever became of their parents. */
  readonly known?: readonly ProcessInfo[];
  /** The run's own cgroup v2 folder, when it has one. */
  readonly cgroup?: string;
}

/**
 * Living members without the wrapper, the program itself among them. One scan of `/proc`: for endings and questions,
 * not for loops.
 */
export function treeOf(identity: Identity, { known = [], cgroup }: TreeOptions = {}): ProcessInfo[] {
  // Older than the run, the wrapper, init or we ourselves: never a member, whatever the rest says.
  const strangers = new Set([1, process.pid, identity.wrapperPid]);
  const candidates = new Map<number, ProcessInfo>();
  for (const info of listProcesses()) {
    if (isDead(info) || strangers.has(info.pid) || info.startTicks < identity.wrapperStartTicks) continue;
    candidates.set(info.pid, info);
  }
  const members = new Map<number, ProcessInfo>();
  const parents = new Set<number>();
  const sessions = new Set<number>(); // a process group lies within one session, so groups come with them
  const take = (info: ProcessInfo | undefined): void => {
    if (info === undefined || members.has(info.pid)) return;
    members.set(info.pid, info);
    parents.add(info.pid);
    sessions.add(info.session);
  };

  // With both dead, the numbers may belong to somebody else by now: then only `known` and the nonce count.
  const programRuns = stillRuns(identity);
  if (programRuns) take(candidates.get(identity.pid));
  if (programRuns || isWrapperAlive(identity)) {
    parents.add(identity.wrapperPid);
    sessions.add(identity.wrapperPid);
  }
  for (const { pid, startTicks } of known) {
    const info = candidates.get(pid);
    if (info?.startTicks === startTicks) take(info);
  }
  for (const pid of cgroup === undefined ? [] : cgroupMembers(cgroup)) take(candidates.get(pid));
  for (const info of candidates.values()) {
    if (!members.has(info.pid) && readProcessEnv(info.pid, NONCE_ENV) === identity.nonce) take(info);
  }
  for (let before = -1; before !== members.size;) {
    before = members.size;
    for (const info of candidates.values()) if (parents.has(info.ppid) || sessions.has(info.session)) take(info);
  }
  return [...members.values()];
}

/** Processes in a cgroup v2 folder and below it. */
export function cgroupMembers(dir: string): number[] {
  const pids: number[] = [];
  try {
    for (const line of withDescriptors(() => readFileSync(join(dir, "cgroup.procs"), "latin1")).split("\n"))
      if (line !== "") pids.push(Number(line));
    for (const entry of withDescriptors(() => readdirSync(dir, { withFileTypes: true }))) {
      if (entry.isDirectory()) pids.push(...cgroupMembers(join(dir, entry.name)));
    }
  } catch (error) {
    if (isShortage(error)) throw error;
    // removed meanwhile: nothing lives in it
  }
  return pids;
}
