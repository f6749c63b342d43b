/**
 * A folder for our state that nobody else can look into, whoever made it: a service manager makes it 0755, a person
 * with the umask of the day. Used by both programs.
 */
import { accessSync, chmodSync, constants, lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { HarnessError, errorText } from "./errors.ts";

const OTHERS = 0o077;

/**
 * Makes the folder, or mends the modes of one that is there and of what lies in it. Gives what was mended, for the log.
 * Throws STATE_DIR_UNUSABLE, also for a folder of somebody else: he could put anything into it.
 */
export function makePrivateDir(path: string): readonly string[] {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const us = process.geteuid?.();
    const { uid } = statSync(path);
    // Root may be given a folder of anybody's (a volume of a container).
    if (us !== undefined && us !== 0 && uid !== us)
      throw new Error(
        `it belongs to the user with the number ${uid}, this program runs as ${us}: give it to that user (chown)`,
      );
    const mended: string[] = [];
    mend(path, mended, uid);
    for (const name of readdirSync(path)) mend(join(path, name), mended, uid);
    return mended;
  } catch (error) {
    throw new HarnessError(
      "STATE_DIR_UNUSABLE",
      `cannot use the state directory ${path}: ${errorText(error)}; make it writable, or set stateDir`,
      { cause: error },
    );
  }
}

/** One level is enough: nobody passes a closed folder. Links are left alone, they have no mode of their own. */
function mend(path: string, mended: string[], owner: number): void {
  const stats = lstatSync(path);
  const plain = stats.isFile() || stats.isDirectory();
  if (!plain || stats.uid !== owner || (stats.mode & OTHERS) === 0) return;
  chmodSync(path, stats.mode & 0o700);
  mended.push(path);
}
