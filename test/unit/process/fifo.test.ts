import { describe, expect, test } from "bun:test";
import {
  existsSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { isShortage } from "../../../src/lib/descriptors.ts";
import { ATOMIC_BYTES, createLineWriter, endSpoolWriters, spoolStatus, waitSpool } from "../../../src/process/fifo.ts";
import { endTree } from "../../../src/process/end.ts";
import { isAlive, sameProcess } from "../../../src/process/identity.ts";
import { readProcess } from "../../../src/process/proc.ts";
import type { RunPaths } from "../../../src/process/paths.ts";
import { spoolLine } from "../../../src/process/spool.ts";
import { COPY_SCRIPT, SPOOL_SCRIPT } from "../../../src/process/wrapper.ts";
import { eventually, start, tempFolder } from "./helpers.ts";

const PARENT = join(import.meta.dir, "parent.ts");
/** Reads nothing before the gate file exists: whatever is longer than the pipe is stuck in the middle until then. */
const gated = (gate: string): string => `while [ ! -e '${gate}' ]; do sleep 0.02; done; exec cat`;

const writerTo = (paths: RunPaths) => createLineWriter({ paths, clock: systemClock });
const outOf = (paths: RunPaths) => readFileSync(paths.out, "utf8");

/**
 * The spool writer of this line, once it has recorded itself: the process that copies, and the one that waits for it.
 */
const spoolWriter = (paths: RunPaths, id: string) =>
  eventually("the record of the spool writer", () => {
    if (!existsSync(join(paths.spool, `${id}.pid`))) return null;
    const match = /^v1 (\S+) (\d+) (\d+) (\d+) (\d+)\n$/.exec(readFileSync(join(paths.spool, `${id}.pid`), "utf8"));
    if (match === null) return null;
    return {
      bootId: match[1] ?? "",
      pid: Number(match[2]),
      ticks: Number(match[3]),
      outerPid: Number(match[4]),
      outerTicks: Number(match[5]),
    };
  });

/** In the middle of the line: the copying process has read all of its file but sleeps, with more than a pipe holds. */
const stuck = (pid: number) =>
  eventually("a writer that waits for the reader", () => {
    const info = readProcess(pid);
    return info?.name === "cat" && info.state === "S" && written(pid) > 0;
  });
const written = (pid: number): number =>
  Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1] ?? 0);

describe("createLineWriter", () => {
  test("lines short and long arrive whole and in the order of the calls", async () => {
    const { paths } = await start(["cat"]);
    const writer = writerTo(paths);
    const lines = [1, ATOMIC_BYTES - 1, ATOMIC_BYTES, 3, 100_000, 2, 300_000].map((length, n) =>
      String(n).repeat(length),
    );
    expect(await Promise.all(lines.map((line) => writer.write(line)))).toEqual(lines.map(() => "written" as const));
    const whole = lines.map((line) => `${line}\n`).join("");
    await eventually("all of it", () => statSync(paths.out).size === Buffer.byteLength(whole));
    expect(outOf(paths)).toBe(whole);
  });

  // Between the look at the FIFO and its opening by the spool writer there is a moment, a long one on a busy box.
  test("a line is not given to a file that was put in the FIFO's place, nor told as written", async () => {
    const { paths } = await start(["cat"]);
    const stranger = `${paths.in}.stranger`;
    writeFileSync(stranger, "mine");
    renameSync(paths.in, `${paths.in}.kept`);
    symlinkSync(stranger, paths.in);
    expect(await spoolLine(paths, "swapped", "x".repeat(2 * ATOMIC_BYTES))).toBe("torn");
    rmSync(paths.in);
    expect(await spoolLine(paths, "removed", "x".repeat(2 * ATOMIC_BYTES))).toBe("torn");
    expect(existsSync(paths.in)).toBe(false);
    expect(readFileSync(stranger, "utf8")).toBe("mine");
  });

  test("a line of exactly PIPE_BUF goes at once, one byte more through the spool", async () => {
    const { paths } = await start(["cat"]);
    const writer = writerTo(paths);
    await writer.write("x".repeat(ATOMIC_BYTES - 1), { id: "short" });
    await writer.write("x".repeat(ATOMIC_BYTES), { id: "long" });
    expect(spoolStatus(paths, "short")).toBe("absent");
    expect(spoolStatus(paths, "long")).toBe("done");
  });

  test("a short line that must leave a proof is spooled", async () => {
    const { paths } = await start(["cat"]);
    expect(await writerTo(paths).write("hello", { id: "in-1", spooled: true })).toBe("written");
    expect(spoolStatus(paths, "in-1")).toBe("done");
    expect(readdirSync(paths.spool)).toEqual(["in-1.done"]); // the prompt itself is not left lying about
    await eventually("the line", () => outOf(paths) === "hello\n");
  });

  test("a full pipe is waited for without blocking the thread", async () => {
    const gate = join(tempFolder(), "gate");
    const { paths } = await start(gated(gate));
    const writer = writerTo(paths);
    const line = "y".repeat(4000);
    let written = 0;
    const all = Array.from({ length: 40 }, () =>
      writer.write(line).then((result) => void (written += Number(result === "written"))),
    );
    await eventually("a full pipe", () => written >= 16);
    await Bun.sleep(30); // the thread is ours although writes wait
    expect(written).toBeLessThan(40);
    writeFileSync(gate, "");
    await Promise.all(all);
    expect(written).toBe(40);
    await eventually("all lines", () => statSync(paths.out).size === 40 * 4001);
    expect(outOf(paths)).toBe(`${line}\n`.repeat(40));
  });

  test("after the program's death every write, short or long, says so", async () => {
    const { paths, identity } = await start(["cat"]);
    const writer = writerTo(paths);
    expect(await writer.write("a")).toBe("written");
    process.kill(identity.pid, "SIGKILL");
    await eventually("its death", () => !isAlive(identity));
    expect(await writer.write("b")).toBe("gone");
    expect(await writer.write("b".repeat(10_000), { id: "long" })).toBe("gone");
    expect(spoolStatus(paths, "long")).toBe("absent");
  });

  test("the program dies while a short line waits for a full pipe: gone", async () => {
    const { paths, identity } = await start(["sleep", "60"]);
    const writer = writerTo(paths);
    const results = Promise.all(Array.from({ length: 20 }, () => writer.write("z".repeat(4000))));
    await eventually("the program", () => readFileSync(`/proc/${identity.pid}/comm`, "utf8") === "sleep\n");
    await Bun.sleep(20);
    process.kill(identity.pid, "SIGKILL");
    expect(new Set(await results)).toEqual(new Set(["written", "gone"]));
  });

  test("gone() settles what waits and kills the spool writer", async () => {
    const { paths } = await start(["sleep", "60"]);
    const writer = writerTo(paths);
    const long = writer.write("x".repeat(500_000), { id: "long" });
    const next = writer.write("next");
    const spool = await spoolWriter(paths, "long");
    writer.gone();
    expect(await long).toBe("gone");
    expect(await next).toBe("gone");
    expect(sameProcess(spool.bootId, spool.pid, spool.ticks)).toBe(false);
  });

  test("close() lets the spool writer finish alone, and the next writer waits for it", async () => {
    const gate = join(tempFolder(), "gate");
    const { paths } = await start(gated(gate));
    const first = writerTo(paths);
    void first.write("x".repeat(200_000), { id: "long" });
    await stuck((await spoolWriter(paths, "long")).pid);
    const unsent = first.write("never");
    first.close();
    const second = writerTo(paths);
    const after = second.write("after");
    writeFileSync(gate, "");
    expect(await unsent).toBe("closed");
    expect(await after).toBe("written");
    await eventually("both lines", () => statSync(paths.out).size === 200_001 + 6);
    expect(outOf(paths)).toBe(`${"x".repeat(200_000)}\nafter\n`);
  });

  test("a line with a line feed in it is refused, and so is an id that is a path", async () => {
    const { paths } = await start(["cat"]);
    const writer = writerTo(paths);
    expect(() => writer.write("a\nb")).toThrow("line feed");
    expect(writer.write("a", { id: "../x", spooled: true })).rejects.toThrow("cannot spool");
    expect(await writer.write("b")).toBe("written");
  });
});

describe("a spooled line over deaths", () => {
  test("2 MB arrive whole although the daemon is killed in the middle", async () => {
    const gate = join(tempFolder(), "gate");
    const { dir, paths } = await start(gated(gate));
    const parent = Bun.spawn([process.execPath, PARENT, "write", dir, "2000000", "in-1"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    await stuck((await spoolWriter(paths, "in-1")).pid);
    parent.kill("SIGKILL");
    await parent.exited;
    expect(spoolStatus(paths, "in-1")).toBe("writing");
    const writer = writerTo(paths); // the next daemon's
    const after = writer.write('{"after":1}');
    writeFileSync(gate, "");
    expect(await waitSpool(paths, "in-1")).toBe("done");
    expect(await after).toBe("written");
    await eventually("both lines", () => statSync(paths.out).size === 2_000_001 + 12);
    expect(outOf(paths)).toBe(`${"x".repeat(2_000_000)}\n{"after":1}\n`);
  });

  for (const victim of ["pid", "outerPid"] as const) {
    test(`killed in the middle (${victim === "pid" ? "the copying" : "the waiting"} process): torn, and nothing follows before it is mended`, async () => {
      const gate = join(tempFolder(), "gate");
      const { paths } = await start(gated(gate));
      const writer = writerTo(paths);
      const long = writer.write("x".repeat(500_000), { id: "in-1" });
      const next = writer.write("next");
      const spool = await spoolWriter(paths, "in-1");
      await stuck(spool.pid);
      process.kill(spool[victim], "SIGKILL");
      if (victim === "outerPid") {
        await eventually("its death", () => !sameProcess(spool.bootId, spool.outerPid, spool.outerTicks));
        expect(spoolStatus(paths, "in-1")).toBe("writing"); // somebody still writes: nothing may come between
      }
      writeFileSync(gate, "");
      expect(await long).toBe("torn");
      expect(await next).toBe("torn");
      expect(spoolStatus(paths, "in-1")).toBe("torn");
      expect(await writer.mend()).toBe("written");
      expect(await writer.write("again")).toBe("written");
      await eventually("the mended stream", () => outOf(paths).endsWith("\nagain\n"));
    });
  }

  /** As a writer leaves it that is killed behind each of its steps; `sent` is what it had put into the FIFO. */
  const killedAfter = [
    { step: "nothing", sent: "", files: ["line", "pid"], again: true },
    { step: "half of the line", sent: '{"n":1,"te', files: ["line", "pid"], again: true },
    { step: "all but the LF, untold", sent: '{"n":1,"text":"x"}', files: ["line", "pid"], again: true },
    { step: "all but the LF, told", sent: '{"n":1,"text":"x"}', files: ["line", "pid", "whole"], again: false },
    { step: "the LF, untold", sent: '{"n":1,"text":"x"}\n', files: ["line", "pid", "whole"], again: false },
  ];
  for (const { step, sent, files, again } of killedAfter) {
    test(`a program heeds a line once, whose writer was killed after ${step}`, async () => {
      const { paths } = await start(["cat"]);
      for (const end of files) writeFileSync(join(paths.spool, `in-1.${end}`), "v1 a-boot-that-is-over 1 1 1 1\n");
      writeFileSync(paths.in, sent, { flag: "a" });
      const writer = writerTo(paths); // the next daemon's
      const line = { id: "in-1", spooled: true };
      expect(await writer.isWritten("in-1")).toBe(!again);
      if (again) {
        expect(await writer.write('{"n":1,"text":"x"}', line)).toBe("torn");
        expect(await writer.mend()).toBe("written");
        expect(await writer.write('{"n":1,"text":"x"}', line)).toBe("written");
      }
      expect(readdirSync(paths.spool)).toEqual(["in-1.done"]);
      expect(await writer.write('{"n":2}')).toBe("written");
      await eventually("the next line", () => outOf(paths).endsWith('{"n":2}\n'));
      const heeded = outOf(paths)
        .split("\n")
        .flatMap((each) => {
          try {
            return [JSON.parse(each)["n"]];
          } catch {
            return []; // as a program passes over what is no JSON
          }
        });
      expect(heeded).toEqual([1, 2]);
    });
  }

  test("a torn line left by an earlier daemon is noticed by the next one", async () => {
    const gate = join(tempFolder(), "gate");
    const { dir, paths } = await start(gated(gate));
    const parent = Bun.spawn([process.execPath, PARENT, "write", dir, "500000", "in-1"], {
      stdio: ["ignore", "ignore", "inherit"],
    });
    const spool = await spoolWriter(paths, "in-1");
    await stuck(spool.pid);
    parent.kill("SIGKILL");
    await parent.exited;
    process.kill(spool.pid, "SIGKILL");
    expect(await waitSpool(paths, "in-1")).toBe("torn");
    expect(await writerTo(paths).write("x")).toBe("torn");
  });

  test("a line whose writer never recorded itself was not written and never will be", async () => {
    const { paths } = await start(["cat"]);
    writeFileSync(join(paths.spool, "in-1.line"), "lost\n"); // as a daemon leaves it that dies before the spawn
    expect(spoolStatus(paths, "in-1")).toBe("absent");
    expect(existsSync(join(paths.spool, "in-1.line"))).toBe(false);
    expect(await writerTo(paths).write("lost", { id: "in-1", spooled: true })).toBe("written");
    await eventually("once", () => outOf(paths) === "lost\n");
  });

  test("a line whose writer has not recorded itself when its program is gone finds nothing to write", async () => {
    const { paths } = await start(["cat"]);
    writeFileSync(join(paths.spool, "in-1.line"), "late");
    endSpoolWriters(paths);
    expect(readdirSync(paths.spool)).toEqual(["in-1.void"]);
  });

  // It waited for ever for somebody to read, two processes for each. Who else opens a FIFO: the wrapper and its child,
  // read-write, which waits for nobody, and we ourselves, without blocking.
  test("a writer that comes when its line was taken back and its program is gone goes, too", async () => {
    const { paths, identity } = await start(["cat"]);
    await endTree({ identity, paths, graceMs: 0, clock: systemClock });
    const base = join(paths.spool, "in-1");
    const script = [SPOOL_SCRIPT, "ah-spool", COPY_SCRIPT, `${base}.line`, paths.in, base];
    const late = Bun.spawn(["/bin/sh", "-c", ...script], { stdio: ["ignore", "ignore", "ignore"] });
    await eventually("its end", () => late.exitCode !== null);
    expect(readdirSync(paths.spool)).toEqual(["in-1.pid"]);
  });

  test("to ask about a line while its writer is being started does not disturb it", async () => {
    const { paths } = await start(["cat"]);
    const long = writerTo(paths).write("x".repeat(10_000), { id: "in-1" });
    // the record comes later: we hold the thread
    while (!existsSync(join(paths.spool, "in-1.line"))) await Promise.resolve();
    expect(spoolStatus(paths, "in-1")).toBe("writing");
    expect(await long).toBe("written");
  });

  const prlimit = Bun.which("prlimit");
  if (prlimit === null) console.log("skipped: there is no prlimit to take descriptors away with");
  test.skipIf(prlimit === null)(
    "one of which we cannot learn what became, for want of descriptors, is settled first",
    async () => {
      const gate = join(tempFolder(), "gate");
      const { paths } = await start(gated(gate));
      const writer = writerTo(paths);
      const line = JSON.stringify({ text: "x".repeat(100_000) });
      const long = writer.write(line, { id: "in-1" });
      const spool = await spoolWriter(paths, "in-1");
      await stuck(spool.pid);
      process.kill(spool.outerPid, "SIGKILL"); // nobody says that all of it is out
      const limit = (soft: number): string => `prlimit --pid ${process.pid} --nofile=${soft}:`;
      // Nothing can be opened until it is told so; what takes and gives is there already, for it could not be started.
      const shell = ["/bin/sh", "-c", `read -r take; ${limit(3)}; >'${gate}'; read -r give; ${limit(1024)}`];
      const helper = Bun.spawn(shell, { stdio: ["pipe", "ignore", "inherit"] });
      await helper.stdin.write("take\n");
      const refusal: unknown = await long.catch((error: unknown) => error);
      await helper.stdin.write("give\n");
      expect(await helper.exited).toBe(0);
      expect(isShortage(refusal)).toBe(true);
      expect(await writer.write(line, { id: "in-1" })).toBe("torn"); // and not once more behind what is out
      expect(await writer.mend()).toBe("written");
      expect(await writer.write(line, { id: "in-1" })).toBe("written");
      await eventually("the line", () => outOf(paths).endsWith(`\n${line}\n`));
      expect(outOf(paths)).toBe(`${line}!\n${line}\n`);
    },
  );

  test("the same line again after a tear", async () => {
    const gate = join(tempFolder(), "gate");
    const { paths } = await start(gated(gate));
    const writer = writerTo(paths);
    const long = writer.write("x".repeat(100_000), { id: "in-1" });
    await stuck((await spoolWriter(paths, "in-1")).pid);
    endSpoolWriters(paths);
    expect(await long).toBe("torn");
    writeFileSync(gate, "");
    expect(await writer.mend()).toBe("written");
    expect(await writer.write("short now", { id: "in-1", spooled: true })).toBe("written");
    expect(spoolStatus(paths, "in-1")).toBe("done");
  });
});
