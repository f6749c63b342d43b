/**
 * Gives the consumed beginning of a live output file back to the file system. The file keeps its length: offsets stay
 * true.
 */
import { runTool } from "./tools.ts";

export type HoleResult = { readonly freedBytes: number } | { readonly unsupported: string };

const BLOCK_BYTES = 4096;

/**
 * `offset`: everything before it is read and committed. Best while the program is idle. Where it cannot be done,
 * nothing is lost.
 */
export async function freeConsumed(path: string, offset: number): Promise<HoleResult> {
  const length = Math.floor(offset / BLOCK_BYTES) * BLOCK_BYTES;
  if (length === 0) return { freedBytes: 0 };
  const done = await runTool(["fallocate", "--punch-hole", "--offset", "0", "--length", String(length), path]);
  return done.code === 0 ? { freedBytes: length } : { unsupported: done.stderr };
}
