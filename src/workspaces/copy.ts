/**
 * A copy of a folder: files, folders and links, with their modes and times, sharing what the file system can share.
 * Sockets, FIFOs and devices stay behind. Made beside its place and moved there whole: a half copy is never taken for
 * one.
 */
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  lutimes,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  symlink,
  utimes,
} from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../lib/errors.ts";
import type { BytePath } from "./paths.ts";
import { below, fromBytes } from "./paths.ts";

export interface Copied {
  readonly files: number;
  readonly bytes: number;
  /** The file system shared the contents; false: they lie there twice. null: there was nothing to share. */
  readonly reflink: boolean | null;
  /** Special files, and what could not be read. */
  readonly left: readonly BytePath[];
}

/** What a copy may come to where contents cannot be shared. */
export const COPY_BYTES = 20 * 1024 ** 3;
const COPY_FILES = 2_000_000;
const AT_A_TIME = 32;

export class CopyRefused extends Error {}

interface Walk {
  readonly from: string;
  readonly to: string;
  readonly left: BytePath[];
  readonly signal: AbortSignal;
  files: number;
  bytes: number;
  reflink: boolean | null;
}

export async function copyFolder(from: string, to: string, signal: AbortSignal): Promise<Copied> {
  const partial = `${to}.partial`;
  await rm(partial, { recursive: true, force: true });
  await rm(to, { recursive: true, force: true });
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  const walk: Walk = { from, to: partial, left: [], signal, files: 0, bytes: 0, reflink: null };
  try {
    await folder(walk, "");
    await rename(partial, to);
  } catch (error) {
    // Of a disk that became full, most of all: half a copy is good for nothing.
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  const { files, bytes, reflink, left } = walk;
  return { files, bytes, reflink, left };
}

const at = (root: string, path: BytePath): Buffer => (path === "" ? Buffer.from(root) : below(root, path));

async function folder(walk: Walk, path: BytePath): Promise<void> {
  walk.signal.throwIfAborted();
  const source = at(walk.from, path);
  const stats = await lstat(source);
  await mkdir(at(walk.to, path), { mode: 0o700 });
  const names = (await readdir(source, { encoding: "buffer" })).map(fromBytes);
  const folders: BytePath[] = [];
  for (let i = 0; i < names.length; i += AT_A_TIME)
    await Promise.all(
      names.slice(i, i + AT_A_TIME).map(async (name) => {
        const each = path === "" ? name : `${path}/${name}`;
        if (await isFolder(walk, each)) folders.push(each);
      }),
    );
  for (const each of folders) await folder(walk, each);
  await chmod(at(walk.to, path), stats.mode & 0o7777);
  await utimes(at(walk.to, path), stats.atime, stats.mtime);
}

/** Copies what is no folder; true: it is one. */
async function isFolder(walk: Walk, path: BytePath): Promise<boolean> {
  const source = at(walk.from, path);
  const target = at(walk.to, path);
  const stats = await lstat(source);
  if (stats.isDirectory()) return true;
  if (stats.isSymbolicLink()) {
    await symlink(await readlink(source, { encoding: "buffer" }), target);
    await lutimes(target, stats.atime, stats.mtime);
    return false;
  }
  // A pointer to a repository elsewhere would make two folders of one work tree.
  if (!stats.isFile() || path === ".git") {
    walk.left.push(path);
    return false;
  }
  walk.files += 1;
  walk.bytes += stats.size;
  if (walk.files > COPY_FILES || (walk.reflink !== true && walk.bytes > COPY_BYTES))
    throw new CopyRefused(`the folder holds more than a copy may have (${COPY_FILES} files, ${COPY_BYTES} bytes)`);
  try {
    await contents(walk, source, target, stats.size);
  } catch (error) {
    if (errorCode(error) !== "EACCES" && errorCode(error) !== "EPERM") throw error;
    walk.left.push(path);
    return false;
  }
  await chmod(target, stats.mode & 0o7777);
  await utimes(target, stats.atime, stats.mtime);
  return false;
}

async function contents(walk: Walk, source: Buffer, target: Buffer, size: number): Promise<void> {
  if (walk.reflink === null && size > 0)
    try {
      await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE);
      walk.reflink = true;
      return;
    } catch (error) {
      if (errorCode(error) === "EACCES") throw error;
      walk.reflink = false;
    }
  await copyFile(source, target, constants.COPYFILE_FICLONE);
}
