/**
 * Gives consumed bytes of a live output file back to the file system. The file keeps its length: offsets stay true, and
 * a program that appends to it notices nothing.
 */
import { closeSync } from "node:fs";
import { openAgentFile } from "./agent-file.ts";
import { runTool } from "./tools.ts";

export type HoleResult = { readonly freedBytes: number } | { readonly unsupported: string };

const BLOCK_BYTES = 4096;

/**
 * Everything from `from` (default: the beginning) up to `to` is read and committed. Where it cannot be done, nothing is
 * lost. The tool is handed the open file: a link or a device that took its place meanwhile is not touched.
 */
export async function freeConsumed(path: string, to: number, from = 0): Promise<HoleResult> {
  const offset = Math.ceil(from / BLOCK_BYTES) * BLOCK_BYTES;
  const length = Math.floor(to / BLOCK_BYTES) * BLOCK_BYTES - offset;
  if (length <= 0) return { freedBytes: 0 };
  const opened = openAgentFile(path, "change");
  if (opened.is !== "file") return { unsupported: opened.is === "absent" ? `there is no ${path}` : opened.what };
  try {
    const argv = ["fallocate", "--punch-hole", "--offset", String(offset), "--length", String(length), "/dev/stdin"];
    const done = await runTool(argv, opened.fd);
    return done.code === 0 ? { freedBytes: length } : { unsupported: done.stderr };
  } finally {
    closeSync(opened.fd);
  }
}
