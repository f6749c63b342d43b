/** What git or a disk refused, as an answer that says so: it is no fault of ours, and who asked can mend it. */
import { statfsSync } from "node:fs";
import { HarnessError, errorCode, errorText } from "../lib/errors.ts";
import { GitFailed, lacksRoom } from "./git.ts";
import type { Repository } from "./repository.ts";
import { isPartialClone } from "./repository.ts";

const FULL: readonly (string | undefined)[] = ["ENOSPC", "EDQUOT", "EFBIG"];
/** Less than this is no room: git does not say why it could not write a file. */
const LITTLE_BYTES = 1024 * 1024;

/** `folder`: what was written into. */
export function lacksDisk(error: unknown, folder?: string): boolean {
  if (!(error instanceof GitFailed)) return FULL.includes(errorCode(error));
  const { stderr } = error.answer;
  return lacksRoom(stderr) || (folder !== undefined && /unable to write/.test(stderr) && isFull(folder));
}

function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize < LITTLE_BYTES;
  } catch {
    return false;
  }
}

const MISSING = /unable to read|missing blob|missing tree|bad object|could not fetch|invalid object|not found/i;

/** In the place of git's words where it is not at fault: what it was to read was never fetched. */
export function ofPartialClone(error: unknown, repo: Repository, commit: string): unknown {
  if (!(error instanceof GitFailed) || !MISSING.test(error.answer.stderr) || !isPartialClone(repo)) return error;
  const { top } = repo;
  return new HarnessError(
    "WORKSPACE_FAILED",
    `${top} is a partial clone without the contents that this needs, and nothing is fetched for it: fetch them once yourself (git -C ${top} archive ${commit} > /dev/null), or trust the project`,
    { cause: error },
  );
}

export interface Doing {
  /** The beginning of a sentence. */
  readonly what: string;
  /** How to go on. */
  readonly after?: string;
  readonly folder?: string;
}

/** What is neither git's nor the disk's stays as it is. */
export function asAnswer(error: unknown, { what, after = "try again", folder }: Doing): unknown {
  if (error instanceof HarnessError) return error;
  const said = `${what}: ${errorText(error)}`;
  if (lacksDisk(error, folder))
    return new HarnessError("DISK_FULL", `${said}; free some space, then ${after}`, { cause: error });
  if (error instanceof GitFailed) return new HarnessError("WORKSPACE_FAILED", `${said}; ${after}`, { cause: error });
  return error;
}
