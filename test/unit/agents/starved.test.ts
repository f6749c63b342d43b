/**
 * "Cannot look" is never "is dead", and what cannot be tried is tried again. Looked for in everything that opens a file
 * to say whether something lives, is there or was written: live.ts, fifo.ts, spool.ts, identity.ts, proc.ts, tree.ts,
 * leftovers.ts, reconcile.ts with void.ts, attach.ts, cgroup.ts, groups.ts. Found: a control group that cannot be read
 * was an empty one (its members lived on after the DELETE, a run that was taken over had no group any more), and a
 * person's screen that could not be looked at once was never looked at again.
 */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";

const HELPER = join(import.meta.dir, "starved.ts");

function starved(scenario: string): unknown {
  const done = Bun.spawnSync([process.execPath, HELPER, scenario], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const said = done.stdout.toString();
  if (said === "") throw new Error(`${scenario} ended with ${done.exitCode}: ${done.stderr.toString().slice(-2000)}`);
  return JSON.parse(said);
}

const canStarve = Bun.which("prlimit") !== null;
if (!canStarve) console.warn("skipped: what a program does without descriptors (prlimit is not there)");

describe.skipIf(!canStarve)("without a descriptor", () => {
  test.each([
    ["short", "got: hello"],
    ["proof", "got: hello"],
    ["long", "got: x…x"],
  ])(
    "a line (%s) that cannot be written for want of descriptors waits, and is written when there are some",
    (kind, got) => {
      expect(starved(kind)).toEqual({ hungry: [["begun"], []], fed: [["begun", got], []] });
    },
  );

  test("an end that nobody can look at is none; with descriptors it is told as it was, behind the last words", () => {
    expect(starved("end")).toEqual({
      hungry: ["EMFILE", []],
      fed: [["begun", "last"], ["ended with 7"]],
    });
  });

  test("a stop that nothing can be done for is done later: its farewell is said, and it ends", () => {
    expect(starved("stop")).toEqual({ hungry: [["begun"], []], fed: [["begun", "got: bye"], ["ended with 143"]] });
  });

  test("a process that cannot be taken over for want of descriptors is taken over later", () => {
    expect(starved("adopted")).toEqual({ hungry: "EMFILE", fed: [["begun", "got: hello"], []] });
  });

  test("who asks whether something lives, or is there, is told that it cannot be known", () => {
    const { hungry, fed } = starved("looks") as { hungry: Record<string, unknown>; fed: Record<string, unknown> };
    for (const [name, answer] of Object.entries(hungry)) expect(`${name}: ${String(answer)}`).toBe(`${name}: EMFILE`);
    for (const [name, answer] of Object.entries(fed)) expect(`${name}: ${String(answer)}`).toBe(`${name}: true`);
  });
});
