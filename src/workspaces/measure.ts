/**
 * Looks at files before they are taken: whether they are files at all, how large, whether they can be read. Looks only,
 * many at a time and off the event loop.
 */
import { constants } from "node:fs";
import { access, lstat } from "node:fs/promises";
import { errorCode } from "../lib/errors.ts";
import type { Skipped } from "./listing.ts";
import type { BytePath } from "./paths.ts";
import { below, parents } from "./paths.ts";

export interface Measured {
  /** In their order, those that are gone among them: an index has to hear of that too. */
  readonly paths: readonly BytePath[];
  readonly skipped: readonly Skipped[];
  /** Of the files, with what was counted before. */
  readonly bytes: number;
}

const AT_A_TIME = 64;

/** In order, a few at a time. */
async function eachOf<T>(paths: readonly BytePath[], work: (path: BytePath) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < paths.length; i += AT_A_TIME)
    results.push(...(await Promise.all(paths.slice(i, i + AT_A_TIME).map(work))));
  return results;
}

/** `maxBytes`: what all of them may come to; one that does not fit is skipped, smaller ones behind it are not. */
export async function measure(
  folder: string,
  paths: readonly BytePath[],
  maxBytes: number,
  before: number,
): Promise<Measured> {
  const stats = await eachOf(paths, (path) => lstat(below(folder, path)).catch((error: unknown) => error));
  const skipped: Skipped[] = [];
  let bytes = before;
  const fitting = paths.filter((path, i) => {
    const found = stats[i];
    const skip = (why: string): false => {
      skipped.push({ path, why });
      return false;
    };
    if (!isStats(found)) {
      const code = errorCode(found);
      return code === "ENOENT" || code === "ENOTDIR" || skip(`cannot be looked at: ${code ?? "unknown"}`);
    }
    // A folder where a file was: its files are named by themselves.
    if (found.isDirectory() || found.isSymbolicLink()) return true;
    if (!found.isFile()) return skip("no plain file");
    if (bytes + found.size > maxBytes)
      return skip(`${found.size} bytes, more than limits.snapshotBytes (${maxBytes}) leaves room for`);
    bytes += found.size;
    return true;
  });
  return { paths: fitting, skipped, bytes };
}

/** Those whose folders are folders: what lies behind a link lies elsewhere. */
export async function notBehindLinks(folder: string, paths: readonly BytePath[]): Promise<BytePath[]> {
  const folders = [...new Set(paths.flatMap(parents))];
  const stats = await eachOf(folders, (path) => lstat(below(folder, path)).catch(() => null));
  const real = new Set(folders.filter((_, i) => stats[i]?.isDirectory() === true));
  return paths.filter((path) => parents(path).every((parent) => real.has(parent)));
}

interface Kind {
  readonly size: number;
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

const isStats = (value: unknown): value is Kind => typeof value === "object" && value !== null && "isFile" in value;

/** Those of them that are there and cannot be read. */
export async function unreadable(folder: string, paths: readonly BytePath[]): Promise<Skipped[]> {
  const problems = await eachOf(paths, (path) =>
    access(below(folder, path), constants.R_OK).then(
      () => null,
      (error: unknown) => errorCode(error) ?? "unknown",
    ),
  );
  return paths.flatMap((path, i) => {
    const code = problems[i] ?? null;
    // A dangling link can be kept, and what is gone is no problem.
    return code === null || code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP"
      ? []
      : [{ path, why: `cannot be read: ${code}` }];
  });
}
