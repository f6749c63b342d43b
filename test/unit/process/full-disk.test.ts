/**
 * A disk that becomes full while a program runs. What its end writes: the wrapper its exit status (here), the daemon
 * its rows (tried again, `agents/boot` and `agents/actor`), the spool writer its mark (only looked for).
 */
import { expect, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { endTree } from "../../../src/process/end.ts";
import { readExit } from "../../../src/process/identity.ts";
import { eventually, start, tempFolder } from "./helpers.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log("skipped: a small disk of its own needs root");

test.skipIf(!isRoot)("an exit status is told although the disk has no room for it any more", async () => {
  const disk = tempFolder();
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).exitCode).toBe(0);
  try {
    const { identity, paths } = await start(`dd if=/dev/zero of='${disk}/filler' bs=1024 2>/dev/null; exit 7`, {
      dir: disk,
      cwd: "/",
    });
    expect(readExit(paths)).toBeNull();
    expect(await eventually("the exit status", () => readExit(paths))).toEqual({ code: 7 });
    await endTree({ identity, paths, graceMs: 0, clock: systemClock });
  } finally {
    Bun.spawnSync(["umount", "--lazy", disk]);
  }
});
