/**
 * Makes sure of a run that was being spawned when a daemon died: it is recorded, or nobody will ever run in it. A slow
 * box may take any time between the two, and a program that comes to be behind our back would do its work twice.
 * The program's shell opens, and records itself in, files that it names by the folder's path: once that is renamed, who
 * was not recorded ends before it becomes the program. No run of an agent gets a folder of that name again; a check
 * does, and there the record can be made only once: who is late takes the place of the one that was to follow.
 */
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../lib/clock.ts";
import { isShortage } from "../lib/descriptors.ts";
import { waitUntil } from "../lib/wait.ts";
import type { Identity } from "./identity.ts";
import { readIdentity } from "./identity.ts";
import type { RunPaths } from "./paths.ts";

/** Between the making of the record and its one write. */
const WRITING_MS = 5000;

export const VOID = ".void";

/** The record that was made at the last moment; its folder has its name again then. */
export async function voidRun({ dir }: Pick<RunPaths, "dir">, clock: Clock): Promise<Identity | null> {
  const aside = `${dir}${VOID}`;
  move(dir, aside); // an earlier daemon may have come so far
  const pid = join(aside, "pid");
  let found: Identity | null = null;
  const settled = (): boolean => (found = readIdentity({ pid })) !== null || !existsSync(pid);
  await waitUntil(clock, settled, WRITING_MS);
  if (found !== null) move(aside, dir);
  return found;
}

/** What is not there, or closed to us, stays where it is. */
function move(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (isShortage(error)) throw error;
  }
}
