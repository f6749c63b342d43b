/** Which control group is ours, and what is made below it; on a real one where this machine lets us. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DelegationOptions } from "../../../src/process/cgroup.ts";
import {
  findDelegation,
  isPopulated,
  killGroup,
  listGroups,
  makeGroup,
  ownGroup,
  removeGroup,
  runGroup,
  usageOf,
} from "../../../src/process/cgroup.ts";
import { eventually } from "../../support/api.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-cgroup-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n";

describe("our own group", () => {
  test.each([
    ["the usual place", "0::/system.slice/ah.service\n", UNIFIED, "/sys/fs/cgroup/system.slice/ah.service"],
    [
      "beside v1",
      "4:memory:/x\n0::/a.service\n",
      `1 1 0:1 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n2 1 0:2 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw\n`,
      "/sys/fs/cgroup/unified/a.service",
    ],
    [
      "below a root of its own",
      "0::/payload/a.service\n",
      "72 57 0:37 /payload /sys/fs/cgroup rw shared:22 - cgroup2 cgroup rw\n",
      "/sys/fs/cgroup/a.service",
    ],
    ["behind a blank", "0::/a\n", "1 1 0:1 / /mnt/a\\040b rw - cgroup2 cgroup rw\n", "/mnt/a b/a"],
    ["only v1", "4:memory:/x\n", UNIFIED, null],
    ["v2 not mounted", "0::/x\n", "", null],
    ["outside of what is mounted", "0::/../../x\n", UNIFIED.replace(" / /sys", " /other /sys"), null],
  ])("%s", (_name, groups, mounts, expected) => {
    expect(ownGroup(groups, mounts)).toBe(expected);
  });
});

/** A folder that looks like a delegated service's. */
function fakeService(name: string, sub?: string): DelegationOptions {
  for (const folder of [name, ...(sub === undefined ? [] : [`${name}/${sub}`])]) {
    mkdirSync(join(dir, folder), { recursive: true });
    for (const file of ["cgroup.procs", "cgroup.subtree_control"]) writeFileSync(join(dir, folder, file), "");
  }
  return {
    ownGroups: `0::/${name}${sub === undefined ? "" : `/${sub}`}\n`,
    mounts: `1 1 0:1 / ${dir} rw - cgroup2 cgroup rw\n`,
    isRoot: false,
    saysDelegated: async () => false,
  };
}

describe("what was handed over", () => {
  test("is the service's own group; controllers stay off where a restart would not survive them", async () => {
    const found = await findDelegation(fakeService("one.service"));
    expect(found).toEqual({ base: join(dir, "one.service"), controllers: new Set() });
  });

  test("from the sub-group it is the one above, with controllers on", async () => {
    const found = await findDelegation(fakeService("two.service", "main"));
    expect(found).toEqual({ base: join(dir, "two.service"), controllers: new Set(["memory", "pids", "cpu"]) });
    expect(readFileSync(join(dir, "two.service", "cgroup.subtree_control"), "utf8")).toBe("+cpu");
  });

  test("root, who may write everywhere, asks the service manager", async () => {
    const asked: string[] = [];
    const options = fakeService("three.service");
    const say = (yes: boolean) => async (unit: string) => (asked.push(unit), yes);
    expect(await findDelegation({ ...options, isRoot: true, saysDelegated: say(false) })).toBeNull();
    expect(await findDelegation({ ...options, isRoot: true, saysDelegated: say(true) })).not.toBeNull();
    expect(asked).toEqual(["three.service", "three.service"]);
  });

  test("a group that is no unit's is left alone: somebody's shell, the root group", async () => {
    expect(await findDelegation(fakeService("user.slice"))).toBeNull();
    expect(await findDelegation({ ...fakeService("four.service"), ownGroups: "0::/\n" })).toBeNull();
  });
});

describe("a run's group", () => {
  test("gets its limits, and says which have no effect", () => {
    const base = join(dir, "five.service");
    mkdirSync(base);
    const group = runGroup(base, "a1b2c3d4", 3);
    const problems = makeGroup(group, { memoryBytes: 1024, tasks: 7, cpuWeight: 0 }, new Set(["memory"]));
    expect(readFileSync(join(group, "memory.max"), "utf8")).toBe("1024");
    expect(problems).toEqual(["pids.max: the pids controller is not available here"]);
    expect(makeGroup(group, { memoryBytes: 0, tasks: 0, cpuWeight: 0 }, new Set())).toEqual([]); // again is no error
    expect(listGroups(base)).toEqual([group]);
  });

  test("tells what the kernel counted, and what it does not count is null", () => {
    const group = join(dir, "counted");
    mkdirSync(group);
    expect(usageOf(join(dir, "nothing"))).toBeNull();
    writeFileSync(join(group, "cpu.stat"), "usage_usec 1234567\nuser_usec 1\n");
    expect(usageOf(group)).toEqual({ cpuMs: 1235, memoryPeakBytes: null, oomKills: 0 });
    writeFileSync(join(group, "memory.peak"), "1048576\n");
    writeFileSync(join(group, "memory.events"), "low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n");
    expect(usageOf(group)).toEqual({ cpuMs: 1235, memoryPeakBytes: 1048576, oomKills: 2 });
  });

  const real = realGroup();
  test.skipIf(real === null)("on a real hierarchy ends what nothing else could find, and is removed", async () => {
    const base = real ?? "";
    mkdirSync(base);
    try {
      const group = runGroup(base, "a1b2c3d4", 1);
      makeGroup(group, { memoryBytes: 0, tasks: 0, cpuWeight: 0 }, new Set());
      const script = `echo $$ > "${group}/cgroup.procs"; (env -i setsid sleep 600 &) ; exec sleep 600`;
      const child = Bun.spawn(["sh", "-c", script], { stdio: ["ignore", "ignore", "ignore"] });
      await eventually(
        "both in it",
        () => readFileSync(join(group, "cgroup.procs"), "utf8").trim().split("\n").length === 2,
      );
      expect(isPopulated(group)).toBe(true);
      expect(removeGroup(group)).toBe(false);
      killGroup(group);
      await child.exited;
      await eventually("an empty group", () => !isPopulated(group));
      expect(usageOf(group)?.cpuMs).toBeNumber();
      expect(removeGroup(group)).toBe(true);
    } finally {
      removeGroup(base);
    }
  });
});

/** A path for a new group of a real v2 hierarchy that we may write to; null, said aloud, where there is none. */
function realGroup(): string | null {
  const own = ownGroup(readFileSync("/proc/self/cgroup", "latin1"), readFileSync("/proc/self/mountinfo", "latin1"));
  const base = own === null ? null : join(own, `ah-test-${process.pid}.service`);
  try {
    if (base === null) throw new Error("no v2");
    mkdirSync(base);
    removeGroup(base);
    return base;
  } catch {
    console.log("skipped: no control group can be made here (no cgroup v2, or not root)");
    return null;
  }
}
