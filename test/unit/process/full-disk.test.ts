/**
 * A disk that becomes full while a program runs. What its end writes: the wrapper its exit status (here), the daemon
 * its rows (tried again, `agents/boot` and `agents/actor`), the spool writer its mark (only looked for). One that is
 * full when a program is to start: the run waits for room. One that is full when an input is to be written: that, too.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { isShortage } from "../../../src/lib/descriptors.ts";
import { endTree } from "../../../src/process/end.ts";
import { createLineWriter } from "../../../src/process/fifo.ts";
import { readExit } from "../../../src/process/identity.ts";
import { asOwnRoot, isRoot } from "../../support/own-root.ts";
import { eventually, start, tempFolder } from "./helpers.ts";

asOwnRoot(import.meta.path, "a full disk", 60_000);

describe.skipIf(!isRoot)("a full disk", () => {
  let disk = "";
  beforeEach(() => {
    disk = tempFolder();
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]).exitCode).toBe(0);
  });
  afterEach(() => void Bun.spawnSync(["umount", "--lazy", disk]));

  test("has room for the exit status of what was begun before", async () => {
    const gate = join(tempFolder(), "gate");
    const { identity, paths } = await start(
      `while [ ! -e '${gate}' ]; do sleep 0.02; done; dd if=/dev/zero of='${disk}/filler' bs=1024 2>/dev/null; exit 7`,
      { dir: disk, cwd: "/" },
    );
    expect(readExit(paths)).toBeNull();
    writeFileSync(gate, "");
    expect(await eventually("the exit status", () => readExit(paths))).toEqual({ code: 7 });
    await endTree({ identity, paths, graceMs: 0, clock: systemClock });
  });

  // An input whose spool writer had no room for its record was given up without a word, and its turn never ended.
  test.each([0, 1, 2, 3])(
    "with room for %d pages keeps no input from being written when there is more",
    async (pages) => {
      const answer = join(tempFolder(), "answer");
      const { identity, paths } = await start(`exec cat >'${answer}'`, { dir: disk, cwd: "/" });
      const filler = join(disk, "filler");
      expect(() => writeFileSync(filler, Buffer.alloc(2 << 20))).toThrow("ENOSPC");
      truncateSync(filler, statSync(filler).size - pages * 4096);
      const writer = createLineWriter({ paths, clock: systemClock });
      const write = () => writer.write("hello", { id: "in-1", spooled: true });
      const first = await write().catch((error: unknown) => (isShortage(error) ? "waits" : error));
      expect(first).toBeOneOf(pages > 1 ? ["written"] : ["waits", "written"]);
      rmSync(filler);
      if (first === "waits") expect(await write()).toBe("written");
      await eventually("the input", () => existsSync(answer) && readFileSync(answer, "utf8") === "hello\n");
      await endTree({ identity, paths, graceMs: 0, clock: systemClock });
    },
  );

  // A program whose exit status had no room was told lost; a start whose record had none failed for good.
  test("lets no program begin whose end could not be told, and says what is wanting", async () => {
    const sign = join(tempFolder(), "begun");
    const filler = join(disk, "filler");
    expect(() => writeFileSync(filler, Buffer.alloc(2 << 20))).toThrow("ENOSPC");
    const begin = (run: number) => start(`echo >'${sign}'; exit 7`, { dir: disk, cwd: "/", run });
    const refusal: unknown = await begin(1).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Error);
    expect(isShortage(refusal)).toBe(true);
    expect(existsSync(sign)).toBe(false);

    rmSync(filler);
    const { paths } = await begin(2);
    expect(await eventually("the exit status", () => readExit(paths))).toEqual({ code: 7 });
    expect(existsSync(sign)).toBe(true);
  });
});
