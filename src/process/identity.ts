/**
 * Who a run's processes are, and whether they still live. A pid alone is reused: identity is boot id, pid and kernel
 * start time, and the nonce in the environment where it can be read.
 */
import { readSmallFile } from "./agent-file.ts";
import type { RunPaths } from "./paths.ts";
import { isDead, lives, readBootId, readProcess, readProcessEnv } from "./proc.ts";

/** A record is one short line; what is longer is none of ours. */
const MAX_RECORD_BYTES = 1024;

export interface Identity {
  readonly bootId: string;
  /** The agent program. */
  readonly pid: number;
  readonly startTicks: number;
  /** The shell that waits for it and writes `exit`. */
  readonly wrapperPid: number;
  readonly wrapperStartTicks: number;
  /** 128 random bits as hex, in the environment of the program and of everything it starts. */
  readonly nonce: string;
}

/** The variable that carries the nonce. */
export const NONCE_ENV = "AH_RUN_NONCE";

/** Where to look: `/proc`, or a folder that looks like it (tests). */
export interface Probe {
  readonly root?: string;
}

/**
 * What the process wrote about itself; null when it did not get that far. Written in one go: valid only with its LF.
 */
export function readIdentity(paths: Pick<RunPaths, "pid">): Identity | null {
  return identityIn(readSmallFile(paths.pid, MAX_RECORD_BYTES) ?? "");
}

/** The same of a record that was heard. */
export function identityIn(record: string): Identity | null {
  const match = /^v1 (\S+) (\d+) (\d+) (\d+) (\d+) (\S+)\n$/.exec(record);
  if (match === null) return null;
  const [, bootId = "", pid, startTicks, wrapperPid, wrapperStartTicks, nonce = ""] = match;
  return {
    bootId,
    pid: Number(pid),
    startTicks: Number(startTicks),
    wrapperPid: Number(wrapperPid),
    wrapperStartTicks: Number(wrapperStartTicks),
    nonce,
  };
}

/** Does the agent program live? A zombie does not. */
export function isAlive(identity: Identity, probe: Probe = {}): boolean {
  if (!sameProcess(identity.bootId, identity.pid, identity.startTicks, probe)) return false;
  // Another run's nonce proves another process. A missing one proves nothing: programs may overwrite their environment.
  const nonce = readProcessEnv(identity.pid, NONCE_ENV, probe.root);
  return nonce === null || nonce === identity.nonce;
}

/** `isAlive` for the sweep: one small read. Enough for a process that was ours a moment ago. */
export const stillRuns: (identity: Identity) => boolean = lives;

/** Does the wrapper live? While it does, an `exit` file is still to come. */
export function isWrapperAlive(identity: Identity, probe: Probe = {}): boolean {
  return sameProcess(identity.bootId, identity.wrapperPid, identity.wrapperStartTicks, probe);
}

/** Is this pid still the process that started at that time of that boot, and not a zombie? */
export function sameProcess(bootId: string, pid: number, startTicks: number, { root }: Probe = {}): boolean {
  if (readBootId(root) !== bootId) return false;
  const info = readProcess(pid, root);
  return info !== null && info.startTicks === startTicks && !isDead(info);
}

/**
 * The exit code (128 + n for signal n, as shells tell it); null while there is none, when the wrapper was killed, and
 * when something unreadable stands in its place: who waits for it has a deadline.
 */
export function readExit(paths: Pick<RunPaths, "exit">): { readonly code: number } | null {
  const match = /^(\d{1,3})\n$/.exec(readSmallFile(paths.exit, MAX_RECORD_BYTES) ?? "");
  return match === null ? null : { code: Number(match[1]) };
}
