/** The text of a command: from its words, or all of stdin for `-`. */
import { readFileSync } from "node:fs";
import { errorText } from "../lib/errors.ts";
import { usage } from "./args.ts";
import type { Io } from "./io.ts";

/** The bytes must be UTF-8: a text that was changed silently would be another task. */
export function readStdin(io: Io): string {
  if (io.stdinIsTty) io.err.line("type the text, end with Ctrl-D");
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(0);
  } catch (error) {
    throw usage(`cannot read stdin: ${errorText(error)}`);
  }
  return decode(bytes);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw usage(`stdin is not valid UTF-8: the byte at offset ${badOffset(bytes)} does not belong there`);
  }
}

/** Where the longest good beginning ends. */
export function badOffset(bytes: Uint8Array): number {
  let [good, bad] = [0, bytes.length];
  const fine = (length: number): boolean => {
    try {
      new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    }
  };
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (fine(middle)) good = middle;
    else bad = middle;
  }
  return good;
}
