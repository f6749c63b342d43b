/**
 * What an agent's folder has besides what its base holds: ignored files of the project's folder that come along, and
 * what a command of the project's makes. Writes into the agent's folder alone, and through no link on the way.
 */
import { type Stats, constants, existsSync, lstatSync, mkdirSync } from "node:fs";
import { copyFile, readlink, symlink } from "node:fs/promises";
import { join } from "node:path";
import { HarnessError, errorText } from "../lib/errors.ts";
import { runHelper } from "../process/helper.ts";
import type { Workspace } from "../store/workspaces.ts";
import type { WorkspaceSetup } from "../words/workspace.ts";

export interface LeftBehind {
  readonly path: string;
  readonly why: string;
}

const MOST_FILES = 100_000;

/** Files and links that fit the patterns and are not there yet; folders with all that is in them. */
export async function bringAlong(row: Workspace, patterns: readonly string[]): Promise<LeftBehind[]> {
  const left: LeftBehind[] = [];
  const seen = new Set<string>();
  for (const pattern of patterns)
    for (const glob of [pattern, `${pattern.replace(/\/+$/, "")}/**`]) {
      const files = new Bun.Glob(glob).scan({ cwd: row.source, dot: true, onlyFiles: false, followSymlinks: false });
      for await (const path of files) {
        if (seen.has(path) || /(^|\/)(\.git|\.\.)(\/|$)/.test(path)) continue;
        seen.add(path);
        if (seen.size > MOST_FILES) return [...left, { path: pattern, why: `it names more than ${MOST_FILES} files` }];
        const why = await bring(row.source, row.cwd, path);
        if (why !== null) left.push({ path, why });
      }
    }
  return left;
}

async function bring(from: string, to: string, path: string): Promise<string | null> {
  const source = join(from, path);
  let stats: Stats | undefined;
  try {
    stats = lstatSync(source, { throwIfNoEntry: false });
  } catch (error) {
    return errorText(error);
  }
  if (stats === undefined || stats.isDirectory()) return null;
  const target = join(to, path);
  if (!makeWay(to, path)) return "a link or a file stands where its folder would be";
  if (lstatSync(target, { throwIfNoEntry: false }) !== undefined) return null;
  if (stats.isSymbolicLink()) await symlink(await readlink(source), target);
  else if (!stats.isFile()) return "it is no plain file";
  else
    try {
      await copyFile(source, target, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
    } catch (error) {
      return errorText(error);
    }
  return null;
}

/** The folders above it, each a real one. */
function makeWay(root: string, path: string): boolean {
  let at = root;
  for (const part of path.split("/").slice(0, -1)) {
    at = join(at, part);
    if (!existsSync(at)) mkdirSync(at);
    if (!lstatSync(at).isDirectory()) return false;
  }
  return true;
}

const SETUP_MS = 10 * 60 * 1000;
const SETUP_BYTES = 8 * 1024 * 1024;
const TAIL_CHARS = 4000;

/** Throws WORKSPACE_FAILED with the end of what it said. */
export async function setUp(
  { cwd }: Pick<Workspace, "cwd">,
  { command, timeoutMs = SETUP_MS }: WorkspaceSetup,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const argv = typeof command === "string" ? ["/bin/sh", "-c", command] : command;
  const done = await runHelper({ argv, env, cwd, timeoutMs, maxBytes: SETUP_BYTES, signal });
  if (done.code === 0 && done.stopped === null) return;
  const how =
    done.stopped === "late" ? `was not done after ${timeoutMs} ms` : `ended with code ${done.code ?? "unknown"}`;
  const tail = `${done.stdout}${done.stderr}`.trim().slice(-TAIL_CHARS);
  throw new HarnessError("WORKSPACE_FAILED", `workspace.setup ${how}${tail === "" ? "" : `: ${tail}`}`);
}
