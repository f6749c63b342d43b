/**
 * A program that lives, but can no longer be talked to or read, is no running agent. Looked for ways to lose one side
 * of it in live.ts and beneath: stdin closed by the program (fifo.ts took it for its end and nobody asked further),
 * output cut by somebody who frees disk or replaced (tail.ts read on in silence, or stopped), its folder removed, and
 * its spool closed to us (an error of a line was logged and nothing more; one at the start of a daemon ended it). Its
 * end was told before its last words when the store refused these, for a tail that had failed called itself drained;
 * and a line that is torn again and again (fifo.ts: each time by a stranger, or by a disk without room for a record).
 */
import { afterEach, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Live } from "../../../src/agents/live.ts";
import { openLive } from "../../../src/agents/live.ts";
import type { Fact } from "../../../src/agents/model.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { readSmallFile } from "../../../src/process/agent-file.ts";
import { endTree } from "../../../src/process/end.ts";
import { runPaths, spawnRun } from "../../../src/process/spawn.ts";
import { eventually } from "../../support/api.ts";

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0)) await clean();
});

/** A shell script as the agent's program, followed. The first `refusals` times what it wrote cannot be stored. */
async function follow(script: string, refusals = 0) {
  const dir = mkdtempSync(join(tmpdir(), "live-"));
  const paths = runPaths(dir, 1);
  const identity = await spawnRun({
    paths,
    argv: ["sh", "-c", script],
    env: { PATH: process.env["PATH"] ?? "" },
    cwd: dir,
    nonce: crypto.randomUUID(),
    input: { kind: "fifo" },
  });
  const lines: string[] = [];
  const facts: Fact[] = [];
  let stored = 0;
  let refused = 0;
  let over = false;
  const live: Live = openLive({
    paths,
    identity,
    offset: 0,
    clock: systemClock,
    log: silentLogger,
    outputBytes: 1e9,
    traits: { oneshot: false, tornLine: "newline" },
    listener: {
      frames: async (batch, _begins, offset) => {
        if (refused++ < refusals) throw new Error("the store is held by somebody else");
        lines.push(...batch);
        stored = offset;
      },
      stored: () => stored,
      busy: () => true,
      fact: (fact) => void facts.push(fact),
      ended: () => void (over = true),
    },
  });
  cleanups.push(async () => {
    live.close();
    await endTree({ identity, paths, graceMs: 0, clock: systemClock });
    rmSync(dir, { recursive: true, force: true });
  });
  const codes = (): string[] => facts.flatMap((fact) => (fact.type === "broken" ? [fact.code] : []));
  return { live, paths, lines, codes, over: () => over };
}

/** False: it is gone already. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch {
    return false;
  }
}

test("a program that has closed its input and lives on is broken", async () => {
  const { live, lines, codes } = await follow("exec 0<&-; echo closed; exec sleep 60");
  await eventually("it to say so", () => lines.includes("closed"));
  live.send([{ text: "hello" }]);
  await eventually("the fact", () => codes().includes("INPUT_CLOSED"));
});

test("one whose folder for what it is told is closed to us is broken, and its end is told all the same", async () => {
  const { live, paths, codes, over } = await follow("exec sleep 60");
  for (const name of ["line", "void"]) mkdirSync(join(paths.spool, `in-1.${name}`, "full"), { recursive: true });
  live.send([{ text: "hello", id: "in-1" }]);
  await eventually("the fact", () => codes().includes("INPUT_CLOSED"));
  writeFileSync(join(paths.spool, "in-2.line"), "hello"); // one that waits for nobody
  mkdirSync(join(paths.spool, "in-2.void", "full"), { recursive: true });
  live.end(null);
  await eventually("its end", over);
});

test("one that closes its input on its way out has ended, and is not broken", async () => {
  const { live, lines, codes, over } = await follow("exec 0<&-; echo closed; sleep 0.3; exit 0");
  await eventually("it to say so", () => lines.includes("closed"));
  live.send([{ text: "hello" }]);
  await eventually("its end", over);
  expect(codes()).toEqual([]);
});

// A line that was torn twice was given up without a word: the turn that waited for it never ended.
test("a line is written again as often as it is torn", async () => {
  const around = mkdtempSync(join(tmpdir(), "live-"));
  cleanups.push(async () => rmSync(around, { recursive: true }));
  const gate = join(around, "gate");
  const slowly = `[ -e '${gate}' ] || sleep 0.4`; // or a line could be through before its writer is killed
  const { live, paths, lines } = await follow(`while dd bs=4096 count=1 2>/dev/null; do ${slowly}; done`);
  const text = JSON.stringify({ text: "x".repeat(150_000) });
  live.send([{ text, id: "in-1" }]);
  const killed = new Set<number>();
  await eventually("three writers to be killed", () => {
    const record = readSmallFile(join(paths.spool, "in-1.pid"), 1024) ?? "";
    const writer = Number(/^v1 \S+ (\d+) .*\n$/.exec(record)?.[1]);
    if (writer > 0 && !killed.has(writer) && kill(writer)) killed.add(writer);
    return killed.size === 3;
  });
  mkdirSync(gate);
  await eventually("the line", () => lines.includes(text));
  expect(lines.filter((line) => line === text)).toEqual([text]);
});

test("the end of one whose last words could not be stored at once is told behind them", async () => {
  const { live, lines, over } = await follow("echo one; echo two; sleep 0.1; echo three", 2);
  await eventually("its end", () => {
    live.check();
    return over();
  });
  expect(lines).toEqual(["one", "two", "three"]);
});

test("output that was cut behind what was read cannot be trusted any more", async () => {
  const { paths, lines, codes } = await follow("echo one; echo two; exec cat");
  await eventually("it to be read", () => lines.length === 2);
  truncateSync(paths.out, 3);
  await eventually("the fact", () => codes().includes("OUTPUT_LOST"));
});

test("output that is not there any more is seen by the sweep", async () => {
  const { live, paths, lines, codes } = await follow("echo one; exec cat");
  await eventually("it to be read", () => lines.length === 1);
  renameSync(paths.out, `${paths.out}.moved`);
  live.check();
  expect(codes()).toEqual(["OUTPUT_LOST"]);
});
