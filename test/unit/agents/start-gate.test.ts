/**
 * Starts that go one after the other. What fails because others begin beside it was looked for in everything that we
 * start: agents of all kinds, screens, checks, the look of `doctor`, git, the receiver's OpenClaw. Found: OpenCode's
 * database in a fresh home, which is why its starts (alone) go through this gate, by kind and so for all its providers.
 * A start that took no input and failed for want of something, a locked database of any program among it, is free and
 * is tried again (`status.table.ts`); git's locks of ours are cleared (unit/workspaces/locks); the receiver runs one
 * OpenClaw at a time. The look of `doctor` has no place in this line: what it fails at is not kept, it looks again.
 */
import { expect, test } from "bun:test";
import { createStartGate, type Pass } from "../../../src/agents/start-gate.ts";
import { fakeClock } from "../../../src/lib/clock.ts";

function gate() {
  const clock = fakeClock();
  const starts = createStartGate(clock);
  const began: string[] = [];
  const passes = new Map<string, Pass>();
  const line = new Map<string, () => void>();
  const enter = (name: string, provider = "opencode"): void => {
    const entered = starts.enter(provider, 5000);
    const begin = (pass: Pass | null): void => {
      if (pass === null) return;
      began.push(name);
      passes.set(name, pass);
    };
    if (typeof entered === "function") return begin(entered);
    line.set(name, entered.giveUp);
    void entered.pass.then(begin);
  };
  const settle = () => Promise.resolve();
  return {
    clock,
    enter,
    began,
    ready: (name: string) => passes.get(name)?.(),
    giveUp: (name: string) => line.get(name)?.(),
    settle,
  };
}

test("the first goes alone, the next when it is ready, then two at a time", async () => {
  const it = gate();
  for (const name of ["a", "b", "c", "d"]) it.enter(name);
  expect(it.began).toEqual(["a"]);
  it.ready("a");
  await it.settle();
  expect(it.began).toEqual(["a", "b", "c"]);
  it.ready("c");
  it.ready("c"); // told twice it counts once
  await it.settle();
  expect(it.began).toEqual(["a", "b", "c", "d"]);
});

test("one that does not get ready holds the others up for its time only", async () => {
  const it = gate();
  for (const name of ["a", "b"]) it.enter(name);
  it.clock.advance(4999);
  await it.settle();
  expect(it.began).toEqual(["a"]);
  it.clock.advance(1);
  await it.settle();
  expect(it.began).toEqual(["a", "b"]);
});

test("one that is given up in the line leaves its place to the next", async () => {
  const it = gate();
  for (const name of ["a", "b", "c"]) it.enter(name);
  it.giveUp("b");
  it.ready("a");
  await it.settle();
  expect(it.began).toEqual(["a", "c"]);
});

test("providers do not wait for each other, and once warm two begin at once", async () => {
  const it = gate();
  it.enter("a");
  it.enter("x", "other");
  expect(it.began).toEqual(["a", "x"]);
  it.ready("a");
  for (const name of ["b", "c", "d"]) it.enter(name);
  expect(it.began).toEqual(["a", "x", "b", "c"]);
});
