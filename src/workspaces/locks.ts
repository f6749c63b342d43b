/**
 * Locks that a git of ours has left in a person's repository. A git that is killed (the box is switched off, it took
 * too long) leaves them, and every git after it stops there. So each command that writes there is noted in a folder of
 * ours before it begins: which locks it may take, none of which was there. What is left is taken away only where it can
 * be nobody else's: it came in the time of our git, belongs to our user, holds nothing but what we were writing, and no
 * git is at work in that repository. Anything else is never touched.
 */
import {
  closeSync,
  constants,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { array, check, integer, nullable, object, string } from "../lib/check.ts";
import { withDescriptors } from "../lib/descriptors.ts";
import { errorCode } from "../lib/errors.ts";
import { toJson, tryJson } from "../lib/json.ts";
import { listAgentFolder, readSmallFile } from "../process/agent-file.ts";
import { isDead, listProcesses } from "../process/proc.ts";
import type { LockBook, Locks } from "./git.ts";
import type { Repository } from "./repository.ts";
import { findRepository } from "./repository.ts";

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
const NOTE_BYTES = 64 * 1024;
/** Of a list that git was writing. */
const LIST_BYTES = 64 * 1024 * 1024;
/** Times of files are no finer than the kernel's ticks, and a git that has run out of its time ends a moment later. */
const SLACK_MS = 1000;
const PACKED = "packed-refs";

const noteSchema = object({
  commonDir: string({ min: 1 }),
  paths: array(string({ min: 1 })),
  holds: nullable(string()),
  limitMs: integer({ min: 0 }),
});

export interface LockKeeper extends LockBook {
  /** What a daemon before us, or a git that we killed, has left. Gives what is not ours and in the way. */
  sweep(): readonly string[];
}

/** Of a branch that is made, moved to `id`, or (null) deleted, which rewrites the list of packed ones. */
export function branchLocks({ commonDir }: Repository, ref: string, id: string | null): Locks {
  const packed = id === null ? [`${PACKED}.lock`, `${PACKED}.new`] : [];
  return { commonDir, paths: [`${ref}.lock`, ...packed].map((name) => join(commonDir, name)), holds: id };
}

/** In words, what stands in the way of a branch and how it goes away; "" = nothing does. */
export function lockedWords(said: string): string {
  const path = /Unable to create '([^']+\.lock)': File exists/.exec(said)?.[1];
  return path === undefined ? "" : lockedBy(path);
}

export const lockedBy = (path: string): string =>
  `${path} is there: another git is at work, or was killed there; when none is (ps -C git), delete that file`;

/** A branch may lie where another's folder would be. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (errorCode(error) === "ENOTDIR") return false;
    throw error;
  }
}

/** `dir`: where the notes lie, ours alone. */
export function createLockKeeper(dir: string): LockKeeper {
  /** Of commands that run now. */
  const running = new Set<string>();
  let serial = 0;

  const sweep = (): readonly string[] => {
    const others: string[] = [];
    for (const name of listAgentFolder(dir)) {
      if (running.has(name)) continue;
      const path = join(dir, name);
      const note = readNote(path);
      const left = note?.paths.filter(isThere) ?? [];
      if (note !== null && left.length > 0) {
        if (gitWorksIn(note.commonDir)) continue; // perhaps the very one; looked at again
        for (const each of left)
          if (isOurs(each, note)) rmSync(each, { force: true });
          else others.push(each);
      }
      rmSync(path, { force: true });
    }
    return others;
  };

  return {
    sweep,
    begin(locks, limitMs) {
      sweep();
      const paths = locks.paths.filter((path) => !isThere(path));
      const name = `${process.pid}-${(serial += 1)}`;
      const path = join(dir, name);
      writeNote(dir, path, toJson({ ...locks, paths, limitMs }));
      running.add(name);
      return () => {
        running.delete(name);
        if (paths.some(isThere)) sweep();
        else rmSync(path, { force: true });
      };
    },
  };
}

/** On the disk before git begins: also a box that is switched off knows of it. */
function writeNote(dir: string, path: string, text: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  rmSync(path, { force: true });
  const fd = withDescriptors(() => openSync(path, O_WRONLY | O_CREAT | O_EXCL, 0o600));
  try {
    writeSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

interface Note extends Locks {
  readonly limitMs: number;
  /** By the clock of the file system, as the times of locks are. */
  readonly at: number;
}

function readNote(path: string): Note | null {
  const text = readSmallFile(path, NOTE_BYTES);
  const read = text === null ? null : check(noteSchema, tryJson(text));
  const at = lstatSync(path, { throwIfNoEntry: false })?.mtimeMs;
  return read === null || !read.ok || at === undefined ? null : { ...read.value, at };
}

function isOurs(path: string, { commonDir, holds, at, limitMs }: Note): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile() || stats.uid !== process.geteuid?.()) return false;
  const born = stats.birthtimeMs > 0 ? stats.birthtimeMs : stats.ctimeMs;
  if (born < at - SLACK_MS || born > at + limitMs + SLACK_MS) return false;
  if (stats.size === 0) return true;
  if (basename(path) !== `${PACKED}.new`) return readSmallFile(path, NOTE_BYTES) === `${holds}\n`;
  // The list belongs to whoever holds its lock.
  return (
    !isThere(join(commonDir, `${PACKED}.lock`)) && readSmallFile(path, LIST_BYTES)?.startsWith("# pack-refs") === true
  );
}

/** Of anybody's, but for those that we ourselves have started: of them we know. One scan of `/proc`. */
function gitWorksIn(commonDir: string): boolean {
  const all = listProcesses();
  const parents = new Map(all.map(({ pid, ppid }) => [pid, ppid]));
  const isMine = (pid: number): boolean => {
    for (let at = pid, n = 0; at > 1 && n < 64; at = parents.get(at) ?? 0, n += 1) if (at === process.pid) return true;
    return false;
  };
  return all.some((info) => {
    if (!/^git(-|$)/.test(info.name) || isDead(info) || isMine(info.pid)) return false;
    try {
      const cwd = readlinkSync(`/proc/${info.pid}/cwd`);
      return cwd === commonDir || dirname(cwd) === commonDir || findRepository(cwd)?.commonDir === commonDir;
    } catch {
      return false; // it has ended, or is another user's, whose locks are not ours
    }
  });
}
