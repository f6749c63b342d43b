/**
 * A start that a dead daemon has left: a slow box may take any time for it. Looked for in the agents' runs, their
 * checks, and the retry of a start: after a second it counted as never begun, and what began later did its work twice.
 */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../src/lib/clock.ts";
import { given } from "../../../src/lib/given.ts";
import { isDead, listProcesses } from "../../../src/process/proc.ts";
import { runPaths, spawnRun } from "../../../src/process/spawn.ts";
import { VOID, voidRun } from "../../../src/process/void.ts";
import { eventually, tempFolder } from "./helpers.ts";

const NONCE = "0123456789abcdef0123456789abcdef";
const RECORD = `v1 a-boot 11 22 33 44 ${NONCE}\n`;

function hasOpen(pid: number, fd: 0 | 1, path: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`) === path;
  } catch {
    return false; // gone, or somebody else's
  }
}

/** A real start that has come to the step before its record, where it is held. */
async function held(unwanted?: AbortSignal) {
  const dir = tempFolder();
  const paths = runPaths(dir, 1);
  const cgroup = join(dir, "cgroup");
  const gate = join(cgroup, "cgroup.procs");
  mkdirSync(cgroup);
  expect(Bun.spawnSync(["mkfifo", gate]).exitCode).toBe(0);
  const ran = join(dir, "ran");
  const started = spawnRun({
    paths,
    argv: ["/bin/sh", "-c", `echo ran >>'${ran}'`],
    env: { PATH: process.env["PATH"] ?? "" },
    cwd: dir,
    nonce: NONCE,
    input: { kind: "fifo" },
    cgroup,
    ...given({ unwanted }),
  });
  started.catch(() => undefined);
  // Its input is the last that it opens before that step.
  await eventually("its files to be open", () =>
    listProcesses().some(({ pid }) => hasOpen(pid, 1, paths.out) && hasOpen(pid, 0, paths.in)),
  );
  const go = (): string => readFileSync(gate, "utf8"); // whoever waits to write there goes on
  return { paths, ran, started, go };
}

test("one that is held until it was given up ends before it becomes the program", async () => {
  const { paths, ran, started, go } = await held();
  expect(await voidRun(paths, systemClock)).toBeNull();
  go();
  expect(await started.then(String, String)).toContain("cannot start the agent program");
  expect(existsSync(ran)).toBe(false);
});

test("one whose wrapper is killed meanwhile is waited for", async () => {
  const { paths, ran, started, go } = await held();
  const child = listProcesses().find(({ pid }) => hasOpen(pid, 1, paths.out));
  process.kill(child?.ppid ?? 0, "SIGKILL");
  go();
  expect((await started).pid).toBe(child?.pid ?? 0);
  await eventually("the program", () => existsSync(ran));
});

test("one that was stopped before its record is killed with its wrapper when nobody wants it any more", async () => {
  const wish = new AbortController();
  const { paths, ran, started } = await held(wish.signal);
  const child = listProcesses().find(({ pid }) => hasOpen(pid, 1, paths.out));
  const both = [child?.pid ?? 0, child?.ppid ?? 0];
  for (const pid of both) process.kill(pid, "SIGSTOP");
  wish.abort();
  expect(await started.then(String, String)).toContain("before it was recorded");
  await eventually("both to be gone", () => !listProcesses().some((each) => both.includes(each.pid) && !isDead(each)));
  expect(existsSync(ran)).toBe(false);
});

test("one that is recorded within a moment of that is left to whoever ends it", async () => {
  const wish = new AbortController();
  const { started, ran, go } = await held(wish.signal);
  wish.abort();
  go();
  expect((await started).nonce).toBe(NONCE);
  await eventually("the program", () => existsSync(ran));
});

test("one that is not given up becomes it", async () => {
  const { paths, ran, started, go } = await held();
  go();
  expect((await started).nonce).toBe(NONCE);
  await eventually("the program", () => existsSync(ran));
  expect(existsSync(paths.pid)).toBe(true);
});

test("a record of the last moment counts, and its folder has its name again", async () => {
  const paths = runPaths(tempFolder(), 1);
  mkdirSync(paths.dir, { recursive: true });
  writeFileSync(paths.pid, ""); // made, and not yet written
  const voided = voidRun(paths, systemClock);
  writeFileSync(join(`${paths.dir}${VOID}`, "pid"), RECORD);
  expect(await voided).toMatchObject({ pid: 11, nonce: NONCE });
  expect(readFileSync(paths.pid, "utf8")).toBe(RECORD);
});

test("so does one that an earlier daemon had put aside when it died itself", async () => {
  const paths = runPaths(tempFolder(), 1);
  mkdirSync(paths.dir, { recursive: true });
  writeFileSync(paths.pid, RECORD);
  renameSync(paths.dir, `${paths.dir}${VOID}`);
  expect(await voidRun(paths, systemClock)).toMatchObject({ pid: 11 });
  expect(existsSync(paths.pid)).toBe(true);
});

test("where nothing was made, nothing is found", async () => {
  const paths = runPaths(tempFolder(), 1);
  expect(await voidRun(paths, systemClock)).toBeNull();
  expect(existsSync(paths.dir)).toBe(false);
});
