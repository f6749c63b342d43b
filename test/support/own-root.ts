/**
 * Tests that mount a small disk, or begin a process as the first of its namespace, need root. A plain user can be root
 * of a user namespace of his own: there the file is run once more, its tests for root alone. Where the kernel or the
 * container allows no such namespace they are skipped, and it is said.
 */
import { expect, test } from "bun:test";

export const isRoot = process.getuid?.() === 0;

/** `names`: as of `--test-name-pattern`, which of its tests need root. */
export function asOwnRoot(file: string, names: string, limitMs: number): void {
  if (isRoot) return;
  const space = ["unshare", "--user", "--map-root-user", "--mount"];
  const tried = Bun.spawnSync([...space, "mount", "-t", "tmpfs", "tmpfs", "/tmp"]);
  if (tried.exitCode !== 0)
    return console.log(`skipped: it needs root, or a namespace of its own: ${String(tried.stderr)}`);
  test(
    "as root of a namespace of its own",
    () => {
      const { exitCode, stderr } = Bun.spawnSync(
        [...space, process.execPath, "test", "--timeout", String(limitMs), "--test-name-pattern", names, file],
        { env: process.env, stdin: "ignore" },
      );
      const said = stderr.toString();
      expect([exitCode, said]).toEqual([0, expect.stringMatching(/\b[1-9]\d* pass\b/)]);
    },
    limitMs,
  );
}
