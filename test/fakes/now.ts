/** The time as the daemon of a test has it: FAKE_CLOCK names a file that holds how many ms it is ahead of the box. */
import { readFileSync } from "node:fs";

export function now(): number {
  const file = process.env["FAKE_CLOCK"];
  return Date.now() + (file === undefined ? 0 : Number(readFileSync(file, "utf8")));
}
