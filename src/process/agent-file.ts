/**
 * The one opener of files that an agent, or whoever else writes as our user, can put something else in place of: a
 * FIFO or a device would block the event loop for good, a huge file fill the memory, a symlink lead out of the folder.
 * Nothing here blocks, follows a link at the end of a path, or reads more than it was told to; folders are made here,
 * too, so that none that is written into is a link. No other code opens, reads, writes or removes such a file (a test
 * looks).
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { Stats } from "node:fs";
import { isShortage, withDescriptors } from "../lib/descriptors.ts";
import { errorCode, errorText } from "../lib/errors.ts";
import { runTool } from "./tools.ts";

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_WRONLY } = constants;

/** Of `st_blocks`, whatever the file system's own are. */
const BLOCK_BYTES = 512;

/** `absent`: there is none of that name. `irregular`: something else than a plain file of ours, or not to be opened. */
export type Opened =
  | { readonly is: "file"; readonly fd: number; readonly size: number }
  | { readonly is: "absent" }
  | { readonly is: "irregular"; readonly what: string };

/** The caller closes the descriptor. Throws only when there is no descriptor or memory to look with. */
export function openAgentFile(path: string, access: "read" | "change" = "read"): Opened {
  return open(path, access === "read" ? O_RDONLY : O_RDWR, (stats) => stats.isFile());
}

/** For one end of a FIFO of ours; `full` of a writer that has no reader is the caller's ENXIO, passed on. */
export function openAgentFifo(path: string, end: "read" | "write"): Opened {
  return open(path, end === "read" ? O_RDONLY : O_WRONLY, (stats) => stats.isFIFO());
}

function open(path: string, flags: number, fits: (stats: Stats) => boolean): Opened {
  let fd: number;
  try {
    fd = withDescriptors(() => openSync(path, flags | O_NOFOLLOW | O_NONBLOCK));
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return { is: "absent" };
    if (code === "ENXIO" && flags === O_WRONLY) throw error;
    if (isShortage(error)) throw error;
    return { is: "irregular", what: errorText(error) };
  }
  try {
    const stats = fstatSync(fd);
    if (fits(stats)) return { is: "file", fd, size: stats.size };
    closeSync(fd);
    return { is: "irregular", what: `${path} is ${kindOf(stats)}` };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function kindOf(stats: Stats): string {
  if (stats.isDirectory()) return "a folder";
  if (stats.isFIFO()) return "a FIFO";
  if (stats.isFile()) return "a plain file";
  return "no plain file";
}

/** The whole of a small file; null when there is none, when it is irregular, or longer than `maxBytes`. */
export function readSmallFile(path: string, maxBytes: number): string | null {
  const opened = openAgentFile(path);
  if (opened.is !== "file") return null;
  try {
    if (opened.size > maxBytes) return null;
    return readAt(opened.fd, 0, maxBytes).toString("utf8");
  } finally {
    closeSync(opened.fd);
  }
}

/** At most `length` bytes from a position; fewer at the end of the file. */
export function readAt(fd: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let got = 0;
  while (got < length) {
    const n = readSync(fd, bytes, got, length - got, position + got);
    if (n === 0) break;
    got += n;
  }
  return bytes.subarray(0, got);
}

/** The size of a plain file; null when there is none or it is something else. */
export const agentFileSize = (path: string): number | null => agentFileUse(path)?.size ?? null;

/** The size, and what of it takes room on the disk. */
export function agentFileUse(path: string): { readonly size: number; readonly onDisk: number } | null {
  try {
    const stats = lstatSync(path, { throwIfNoEntry: false });
    return stats?.isFile() === true ? { size: stats.size, onDisk: stats.blocks * BLOCK_BYTES } : null;
  } catch (error) {
    if (isShortage(error)) throw error;
    return null;
  }
}

/**
 * Writes a private file whole, in place of whatever stands there: made new beside it, then moved over it. `durable`: it
 * is on the disk when this returns.
 */
export function writeAgentFile(path: string, content: string | Uint8Array, durable = false): void {
  const fresh = `${path}.new`;
  removeAgentFile(fresh);
  const fd = withDescriptors(() => openSync(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600));
  try {
    writeFileSync(fd, content);
    if (durable) fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true) removeAgentFile(path);
  renameSync(fresh, path);
}

/**
 * An agent's folder and those in it down to `path`: made where they are missing, and each a real one. What else stands
 * in the place of one, as a link to somewhere, is removed, itself and nothing behind it: what is written into the
 * folder next must not land there.
 */
export function makeAgentFolder(agentDir: string, path: string = agentDir): void {
  let at = dirname(agentDir);
  mkdirSync(at, { recursive: true, mode: 0o700 });
  for (const name of relative(at, path).split(sep)) {
    at = join(at, name);
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() === true) continue;
    removeAgentFile(at);
    mkdirSync(at, { mode: 0o700 });
  }
}

/** What a folder of ours holds; nothing when it is not there or is no folder itself (a link to one, a file). */
export function listAgentFolder(path: string): string[] {
  try {
    if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
    return withDescriptors(() => readdirSync(path));
  } catch (error) {
    if (isShortage(error)) throw error;
    return []; // removed meanwhile, or closed to us
  }
}

/** A file, a link (not what it points to) or a folder with all in it. No error when there is none. */
export function removeAgentFile(path: string): void {
  withDescriptors(() => rmSync(path, { recursive: true, force: true }));
}

/** A name that no agent's folder has: ids are hex. */
const GONE = ".gone";

/**
 * Takes a folder out of the way at once, by its name; what is in it is removed afterwards, without holding anybody up.
 * Never throws or rejects: gives what went wrong, for the log, or null. What stays is taken up by `removeDiscarded`.
 */
export async function discardAgentFolder(path: string): Promise<unknown> {
  const gone = path.endsWith(GONE) ? path : `${path}${GONE}`;
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return null;
    if (gone !== path) {
      if (existsSync(gone)) await removeSlowly(gone);
      renameSync(path, gone);
    }
    await removeSlowly(gone);
    return null;
  } catch (error) {
    return error;
  }
}

/** At the start: what an earlier daemon had no time to remove. Gives what went wrong. */
export async function removeDiscarded(parent: string): Promise<readonly unknown[]> {
  const problems: unknown[] = [];
  for (const name of listAgentFolder(parent)) {
    if (name.endsWith(GONE)) await removeSlowly(join(parent, name)).catch((error: unknown) => problems.push(error));
  }
  return problems;
}

async function removeSlowly(path: string): Promise<void> {
  const remove = () => rm(path, { recursive: true, force: true });
  try {
    await remove();
  } catch {
    // A folder in it may be closed even to its owner: opened, without following links, and tried once more.
    await runTool(["chmod", "-R", "u+rwX", path]);
    await remove();
  }
}
