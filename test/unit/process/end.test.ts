/**
 * How a tree is ended. A test may signal a program only when that has said that it is ready: until its trap is set, a
 * signal ends it in another way. Looked at: every `kill` and `endTree` in all tests that follows a spawn. SIGKILL needs
 * no sign; daemons, receivers and the demo are signalled behind the line that says where they listen, or an answer of
 * theirs (they heed signals before they listen), commands of the CLI behind what they print, screens behind what they
 * draw, fakes behind their handshake. Found: the stubborn ones here, whose number was printed by their parent, and a
 * second daemon that had taken the lock but not said that it listens (e2e/faults/start-in-trouble).
 */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmdirSync } from "node:fs";
import { systemClock } from "../../../src/lib/clock.ts";
import { endTree } from "../../../src/process/end.ts";
import { isAlive, isWrapperAlive } from "../../../src/process/identity.ts";
import type { Identity } from "../../../src/process/identity.ts";
import { isDead, listProcesses, readProcess, readProcessEnv } from "../../../src/process/proc.ts";
import { cgroupMembers, treeOf } from "../../../src/process/tree.ts";
import { eventually, start, tempFolder } from "./helpers.ts";
import type { Started } from "./helpers.ts";

const end = ({ identity, paths }: Started, graceMs = 20_000, cgroup?: string) =>
  endTree({ identity, paths, graceMs, clock: systemClock, ...(cgroup === undefined ? {} : { cgroup }) });

const lives = (pid: number): boolean => {
  const info = readProcess(pid);
  return info !== null && !isDead(info);
};

/** Pids that the script printed, one a line. */
const printed = ({ paths }: Started, count: number): Promise<number[]> =>
  eventually(`${count} pids`, () => {
    const pids = readFileSync(paths.out, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map(Number);
    return pids.length === count ? pids : null;
  });

/** Without the wrapper: once it has told all it may still be on its way out. */
const carriers = ({ nonce, wrapperPid }: Identity): number[] =>
  listProcesses()
    .filter((info) => !isDead(info) && readProcessEnv(info.pid, "AH_RUN_NONCE") === nonce)
    .map((info) => info.pid)
    .filter((pid) => pid !== wrapperPid);

describe("treeOf", () => {
  test("is the program alone when it started nothing: the wrapper is no member", async () => {
    const { identity } = await start(["sleep", "60"]);
    expect(treeOf(identity).map((info) => info.pid)).toEqual([identity.pid]);
  });

  test("holds descendants in other sessions and groups, and orphans of all kinds", async () => {
    const run = await start(`
      sleep 60 & echo $!
      setsid sleep 61 & echo $!
      (sleep 62 & echo $!)
      setsid sh -c '(sleep 63 & echo $!)'
      exec sleep 64`);
    const pids = await printed(run, 4);
    const expected = [run.identity.pid, ...pids].sort().join();
    await eventually(
      "exactly these",
      () =>
        treeOf(run.identity)
          .map((info) => info.pid)
          .sort()
          .join() === expected,
    );
  });

  test("finds by session what hides its environment, and by nonce what left its session", async () => {
    const run = await start(`env -i /bin/sleep 60 & echo $!; (setsid sleep 61 & echo $!); exec sleep 64`);
    const pids = await printed(run, 2);
    await eventually("both", () => pids.every((pid) => treeOf(run.identity).some((info) => info.pid === pid)));
  });

  test("finds by its session an orphan without our nonce in a session that a member made", async () => {
    const run = await start(`setsid sh -c '(env -i /bin/sleep 60 & echo $!); exec sleep 61' & exec sleep 62`);
    const [orphan = 0] = await printed(run, 1);
    await eventually("its disguise and the loss of its parent", () => {
      const info = readProcess(orphan);
      return info?.name === "sleep" && !carriers(run.identity).includes(info.ppid);
    });
    expect(treeOf(run.identity).some((info) => info.pid === orphan)).toBe(true);
  });

  test("two runs side by side do not see each other", async () => {
    const first = await start("setsid sleep 60 & exec sleep 61");
    const second = await start("setsid sleep 60 & exec sleep 61", { dir: first.dir, run: 2 });
    await eventually("both trees", () => treeOf(first.identity).length === 2 && treeOf(second.identity).length === 2);
    const ours = new Set(treeOf(first.identity).map((info) => info.pid));
    expect(treeOf(second.identity).some((info) => ours.has(info.pid))).toBe(false);
  });

  test("a record whose numbers belong to others by now names nobody", async () => {
    const { identity } = await start(["sleep", "60"]);
    const stale = {
      ...identity,
      nonce: "00",
      startTicks: identity.startTicks - 5,
      wrapperStartTicks: identity.wrapperStartTicks - 5,
    };
    expect(treeOf(stale)).toEqual([]);
  });
});

describe("endTree", () => {
  test("a program that obeys SIGTERM is not killed, and its exit code is told", async () => {
    const run = await start("trap 'exit 9' TERM; echo $$; while :; do sleep 0.05; done");
    await printed(run, 1); // its trap is set now
    expect(await end(run)).toEqual({ exit: { code: 9 }, survivors: [] });
    await eventually("the wrapper's end", () => !isWrapperAlive(run.identity));
  });

  test("one that ignores SIGTERM is killed after the grace", async () => {
    const run = await start("trap '' TERM; echo $$; while :; do sleep 0.05; done");
    await printed(run, 1);
    const began = performance.now();
    expect(await end(run, 300)).toEqual({ exit: { code: 137 }, survivors: [] });
    expect(performance.now() - began).toBeGreaterThan(290);
  });

  test("a stopped program obeys too", async () => {
    const run = await start("trap 'exit 9' TERM; echo $$; while :; do sleep 0.05; done");
    await printed(run, 1);
    process.kill(run.identity.pid, "SIGSTOP");
    expect(await end(run)).toEqual({ exit: { code: 9 }, survivors: [] });
  });

  test("grandchildren in their own sessions that ignore SIGTERM go with it", async () => {
    const stubborn = `trap "" TERM HUP; echo $$; while :; do sleep 0.1; done`;
    const run = await start(`(setsid sh -c '${stubborn}' &); setsid sh -c '${stubborn}' & exec sleep 60`);
    await printed(run, 2);
    await eventually("everybody", () => treeOf(run.identity).length >= 3);
    expect((await end(run, 100)).survivors).toEqual([]);
    expect(carriers(run.identity)).toEqual([]);
  });

  test("orphans of a program that died by itself are found by the nonce and ended", async () => {
    const run = await start("(setsid sleep 60 & echo $!); exit 3");
    const [orphan = 0] = await printed(run, 1);
    await eventually("the program's end", () => !isAlive(run.identity) && !isWrapperAlive(run.identity));
    expect(lives(orphan)).toBe(true);
    expect(await end(run)).toEqual({ exit: { code: 3 }, survivors: [] });
    expect(lives(orphan)).toBe(false);
  });

  test("a child without our nonce that loses its parent to the first signal is still ended", async () => {
    const run = await start(
      `env -i /usr/bin/setsid /bin/sh -c 'trap "" TERM; echo $$; while :; do /bin/sleep 0.1; done' & exec sleep 60`,
    );
    const [child = 0] = await printed(run, 1);
    await eventually("its own session", () => readProcess(child)?.session === child);
    expect((await end(run, 100)).survivors).toEqual([]);
    expect(lives(child)).toBe(false);
  });

  test("a program that starts children faster than they die is caught", async () => {
    const run = await start(`trap '' TERM; echo $$; while :; do (sleep 5 &) ; (setsid sleep 5 &); sleep 0.01; done`);
    await printed(run, 1);
    await eventually("some", () => treeOf(run.identity).length > 10);
    expect((await end(run, 50)).survivors).toEqual([]);
    expect(carriers(run.identity)).toEqual([]);
  });

  test("a run that ended long ago costs nothing and hurts nobody", async () => {
    const run = await start("exit 0");
    await eventually("its end", () => !isWrapperAlive(run.identity));
    const bystander = await start(["sleep", "60"]);
    expect(await end(run)).toEqual({ exit: { code: 0 }, survivors: [] });
    expect(isAlive(bystander.identity)).toBe(true);
  });

  test("with the wrapper killed there is no exit code, and the program is ended all the same", async () => {
    const run = await start(["sleep", "60"]);
    process.kill(run.identity.wrapperPid, "SIGKILL");
    await eventually("the wrapper's end", () => !isWrapperAlive(run.identity));
    expect(await end(run)).toEqual({ exit: null, survivors: [] });
    expect(isAlive(run.identity)).toBe(false);
  });

  test("a stuck wrapper is given 2 s, then killed", async () => {
    const run = await start(["sleep", "60"]);
    process.kill(run.identity.wrapperPid, "SIGSTOP");
    expect(await end(run, 0)).toEqual({ exit: null, survivors: [] });
    await eventually("the wrapper's end", () => !isWrapperAlive(run.identity));
  });

  test("in a cgroup even a process that hides from all the rest is found and ended", async () => {
    const cgroup = delegatedCgroup();
    if (cgroup === null) return console.warn("skipped: no writable cgroup v2 here");
    try {
      // Orphan, own session, empty environment: only the cgroup knows it.
      const run = await start(`(env -i /usr/bin/setsid /bin/sleep 60 & echo $!); exec sleep 60`, { cgroup });
      const [hidden = 0] = await printed(run, 1);
      await eventually("its disguise", () => readProcess(hidden)?.name === "sleep");
      expect(treeOf(run.identity).some((info) => info.pid === hidden)).toBe(false);
      expect(treeOf(run.identity, { cgroup }).some((info) => info.pid === hidden)).toBe(true);
      expect(cgroupMembers(cgroup)).not.toContain(run.identity.wrapperPid);
      expect(await end(run, 0, cgroup)).toEqual({ exit: { code: 137 }, survivors: [] });
      expect(lives(hidden)).toBe(false);
    } finally {
      rmdirSync(cgroup);
    }
  });
});

/** A new cgroup v2 folder, or null where we may not make one. */
function delegatedCgroup(): string | null {
  for (const root of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    const dir = `${root}/ah-test-${tempFolder().slice(-6)}`;
    try {
      readFileSync(`${root}/cgroup.controllers`); // only v2 has it
      mkdirSync(dir);
      return dir;
    } catch {
      continue;
    }
  }
  return null;
}
