/**
 * The repository that a folder lies in, found without asking git: git would read its config to answer. Of what is found
 * only lists and ids are read, and never its contents through its own filters. What lies here may be an agent's work:
 * nothing of it is believed but where things are.
 */
import { existsSync, lstatSync, readdirSync, realpathSync } from "node:fs";
import { dirname, isAbsolute, join, relative, resolve } from "node:path";
import { readSmallFile } from "../process/agent-file.ts";
import type { Git, GitRequest } from "./git.ts";
import { GitFailed } from "./git.ts";
import { GITLINK, readEntries } from "./listing.ts";
import type { BytePath } from "./paths.ts";

export interface Repository {
  /** The folder that has the `.git`. */
  readonly top: string;
  readonly gitDir: string;
  /** Objects, branches and config; the same as `gitDir` but for further work trees. */
  readonly commonDir: string;
  /** From `top` to the folder that was asked about; "" = it is the top. */
  readonly prefix: string;
}

const POINTER_BYTES = 8192;

/** `folder` is absolute. null: it lies in no repository. */
export function findRepository(folder: string): Repository | null {
  for (let top = folder; ; top = dirname(top)) {
    const found = repositoryAt(top, relative(top, folder));
    if (found !== null) return found;
    if (top === dirname(top)) return null;
  }
}

function repositoryAt(top: string, prefix: string): Repository | null {
  const dot = join(top, ".git");
  const stats = lstatSync(dot, { throwIfNoEntry: false });
  if (stats === undefined) return null;
  const gitDir = stats.isFile() ? pointedAt(top, readSmallFile(dot, POINTER_BYTES)) : realFolder(dot);
  if (gitDir === null) return null;
  const common = readSmallFile(join(gitDir, "commondir"), POINTER_BYTES)?.trim();
  const commonDir = common === undefined || common === "" ? gitDir : realFolder(resolve(gitDir, common));
  if (commonDir === null || !isFolder(join(commonDir, "objects"))) return null;
  return { top, gitDir, commonDir, prefix };
}

function pointedAt(top: string, text: string | null): string | null {
  const path = /^gitdir: (.+)/.exec(text ?? "")?.[1]?.trim();
  return path === undefined ? null : realFolder(isAbsolute(path) ? path : resolve(top, path));
}

function realFolder(path: string): string | null {
  try {
    const real = realpathSync(path);
    return isFolder(real) ? real : null;
  } catch {
    return null;
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** For commands that ask the repository itself; they run under the overrides of `git.ts`. */
export function ownEnv({ gitDir, top }: Repository): Record<string, string> {
  return { GIT_DIR: gitDir, GIT_WORK_TREE: top };
}

/** What a person keeps out of it without a `.gitignore`. */
export const excludeFile = ({ commonDir }: Repository): string => join(commonDir, "info", "exclude");

/** Its objects, for a command in a store of ours that only reads them. */
export function objectsOf({ commonDir }: Pick<Repository, "commonDir">): Record<string, string> {
  const path = join(commonDir, "objects");
  const shallow = join(commonDir, "shallow");
  return {
    // The variable is a list: what would end an entry is quoted.
    GIT_ALTERNATE_OBJECT_DIRECTORIES: /[:"\\]/.test(path) ? `"${path.replace(/["\\]/g, "\\$&")}"` : path,
    ...(lstatSync(shallow, { throwIfNoEntry: false }) === undefined ? {} : { GIT_SHALLOW_FILE: shallow }),
  };
}

/** A clone that left contents out, to be fetched when somebody asks for them. Nothing is fetched for us. */
export function isPartialClone({ commonDir }: Pick<Repository, "commonDir">): boolean {
  const packs = join(commonDir, "objects", "pack");
  return existsSync(packs) && readdirSync(packs).some((name) => name.endsWith(".promisor"));
}

/** Tracked though ignored: a listing of what is there would not name these. Relative to `folder`. */
export async function trackedButIgnored(git: Git, repo: Repository, folder: string): Promise<BytePath[]> {
  const listed = await git.ok({
    args: ["ls-files", "-s", "-z", "-c", "-i", "--exclude-standard"],
    cwd: folder,
    env: ownEnv(repo),
    config: [`core.excludesFile=${excludeFile(repo)}`],
  });
  return readEntries(listed)
    .filter(({ mode }) => mode !== GITLINK)
    .map(({ path }) => path);
}

/** The commit that a name stands for; null: none. */
export const commitOf = (git: Git, repo: Repository, name: string): Promise<string | null> =>
  commitAt(git, { cwd: repo.top, env: ownEnv(repo) }, name);

/** The same, wherever git looks. One that was ended has not said that there is none. */
export async function commitAt(git: Git, where: Omit<GitRequest, "args">, name: string): Promise<string | null> {
  const answer = await git.run({
    ...where,
    args: ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`],
  });
  if (answer.stopped !== null) throw new GitFailed("rev-parse", answer);
  const id = answer.stdout.toString("utf8").trim();
  return answer.code === 0 && /^[0-9a-f]{40,64}$/.test(id) ? id : null;
}

/** The branch that is checked out there, as `refs/heads/…`; null: none. */
export async function headBranch(git: Git, repo: Repository): Promise<string | null> {
  const answer = await git.run({ args: ["symbolic-ref", "--quiet", "HEAD"], cwd: repo.top, env: ownEnv(repo) });
  const name = answer.stdout.toString("utf8").trim();
  return answer.code === 0 && name.startsWith("refs/heads/") ? name : null;
}

export async function objectFormat(git: Git, repo: Repository): Promise<string> {
  const answer = await git.run({
    args: ["rev-parse", "--show-object-format"],
    cwd: repo.top,
    env: ownEnv(repo),
  });
  return answer.code === 0 ? answer.stdout.toString("utf8").trim() : "sha1";
}
