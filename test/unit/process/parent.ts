/**
 * A daemon in small, to be killed in the middle of its work.
 * `spawn <dir> <nonce> <ms>`: starts a run and kills itself after that time.
 * `write <dir> <bytes> <id>`: writes a long line into run 1 and prints "writing" as soon as some of it is in the FIFO.
 */
import { systemClock } from "../../../src/lib/clock.ts";
import { createLineWriter } from "../../../src/process/fifo.ts";
import { runPaths, spawnRun } from "../../../src/process/spawn.ts";

const [verb, dir = "", third = "", fourth = ""] = process.argv.slice(2);
const paths = runPaths(dir, 1);

if (verb === "spawn") {
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin" };
  spawnRun({ paths, argv: ["cat"], env, cwd: dir, nonce: third, input: { kind: "fifo" } }).catch(() => undefined);
  setTimeout(() => process.kill(process.pid, "SIGKILL"), Number(fourth));
} else {
  const writer = createLineWriter({ paths, clock: systemClock });
  void writer.write("x".repeat(Number(third)), { id: fourth });
  setTimeout(() => undefined, 60_000); // lives until it is killed
}
