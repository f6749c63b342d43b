/**
 * What an actor does between its store, its clock and its process: a store that refuses a write (a full disk) for a
 * moment, deadlines, starts without a resource, output that nobody listens to. Looked for work that is done for
 * nobody, line by line: actor.ts gave every line of a plain program to its codec, parsed it as JSON first, and made a
 * delta of it that went to no one.
 */
import { expect, test } from "bun:test";
import { commandCodec } from "../../../src/providers/command.ts";
import { HarnessError } from "../../../src/lib/errors.ts";
import { sealed } from "../../../src/providers/sealed.ts";
import { settled, shortageOf, world } from "./actor-world.ts";

test("an end that could not be stored is not over: the process stays known, and the next try tells it", () => {
  const { actor, live, closed, stored, fill } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  actor.run.attach(live);
  fill(true);
  expect(() => actor.run.ended(137)).toThrow("full");
  expect([actor.live() === live, closed(), stored()?.process]).toEqual([true, 0, "running"]);
  fill(false);
  actor.run.ended(137);
  expect([actor.live(), closed(), stored()?.process, stored()?.status]).toEqual([null, 1, "gone", "exited"]);
});

test("a program that the kernel ended for want of memory is told as such, with what its run used", () => {
  const { actor, live, stored, runRow } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  actor.run.attach(live);
  actor.run.ended(137, undefined, false, { cpuMs: 1234, memoryPeakBytes: 64 * 1024 * 1024, oomKills: 2 });
  expect(stored()?.startError?.message).toContain(
    "the kernel killed 2 of its processes because its memory was used up (limits.agentMemoryBytes, its peak was 64 MiB)",
  );
  expect(runRow()).toMatchObject({ cpuMs: 1234, memoryPeakBytes: 64 * 1024 * 1024, exitCode: 137 });
});

test("a start whose fate could not be stored leaves nobody busy for ever: the sweep looks, and it is done again", async () => {
  const { actor, clock, begun, stored, fill, want, salvage } = world();
  actor.activate();
  want(1);
  actor.facts("api", { type: "resume" });
  fill(true); // the start wants to tell that it waits for descriptors, and then that it failed: nothing is taken
  await settled();
  expect([actor.isStranded(), stored()?.process]).toEqual([true, "running"]);
  salvage(actor);
  clock.advance(1000);
  await settled();
  expect(actor.isStranded()).toBe(true); // still full: the next sweep tries again
  fill(false);
  salvage(actor);
  salvage(actor); // one look at a time
  for (let step = 0; step < 60; step++) {
    clock.advance(20);
    await settled();
  }
  expect([actor.isStranded(), begun.length]).toEqual([false, 2]);
});

test("a deadline that could not be stored does not end the daemon and is tried again", async () => {
  const { actor, clock, stored, fill } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  fill(true);
  clock.advance(2000); // beyond the start deadline of this provider
  await settled();
  expect(stored()?.intent).toBeNull();
  fill(false);
  clock.advance(5000);
  await settled();
  expect(stored()?.intent).toBe("refused");
});

test("neither a wall clock that is set nor a time in which we were away passes a deadline", async () => {
  const { actor, clock, running, stored } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  clock.jump(2 * 86_400_000);
  clock.advance(500);
  await settled();
  expect(stored()?.intent).toBeNull();
  running.beat(100);
  clock.advance(12_000); // stopped for nearly all of it: the timer rings, and half of its time is left
  await settled();
  expect(stored()?.intent).toBeNull();
  clock.advance(1000);
  await settled();
  expect(stored()?.intent).toBe("refused");
});

test("what the program has written is read before a deadline is decided", async () => {
  const { actor, clock, live, stored } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  const written = { ...live, catchUp: async () => actor.facts("frame", { type: "ready" }) };
  actor.run.attach(written);
  clock.advance(2000);
  await settled();
  expect([stored()?.intent, stored()?.ready]).toEqual([null, true]);
});

test("the next daemon of the same boot goes on with what is left, after a moment to look; a reboot adds nothing", async () => {
  const { actor, clock, stored, again } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  clock.advance(600);
  await actor.remember();
  actor.close();
  clock.advance(600);
  const next = again("b");
  next.activate(10_000);
  clock.advance(9000);
  await settled();
  expect(stored()?.intent).toBeNull();
  clock.advance(1000);
  await settled();
  expect(stored()?.intent).toBe("refused");
});

test("after a reboot only the time before it counts", async () => {
  const { actor, clock, stored, again } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  clock.advance(600);
  await actor.remember();
  actor.close();
  clock.advance(86_400_000);
  const next = again("another boot");
  next.activate();
  clock.advance(300);
  await settled();
  expect(stored()?.intent).toBeNull();
  clock.advance(100);
  await settled();
  expect(stored()?.intent).toBe("refused");
});

test("a start that fails for want of a resource has not failed: it is tried again, and what it waits for is shown", async () => {
  const { actor, clock, begun, want, stored } = world();
  want(2);
  actor.activate();
  actor.facts("api", { type: "resume" });
  for (const waitMs of [0, 250]) {
    clock.advance(waitMs);
    await settled();
    expect([stored()?.status, stored()?.run, stored()?.startError]).toEqual(["starting", 1, null]);
    expect(stored()?.cause.detail).toContain("EMFILE");
  }
  clock.advance(500);
  await settled();
  expect(begun).toEqual([1, 1, 1]);
  clock.advance(400); // longer together than a start may take, but nothing had been begun
  await settled();
  expect([stored()?.status, stored()?.startError]).toEqual(["starting", null]);
});

/** As each place of a start throws it: the folder, the FIFOs' tool, the spawn, and whoever wraps it in words. */
const SHORTAGES: readonly (readonly [code: string, error: Error])[] = [
  "EMFILE",
  "ENFILE",
  "EAGAIN",
  "ENOMEM",
  "ENOSPC",
].flatMap((code) => [
  [code, shortageOf(code)] as const,
  [`${code} as a cause`, new HarnessError("SPAWN_FAILED", code, { cause: shortageOf(code) })] as const,
]);

test.each(SHORTAGES)(
  "%s at a start is no outcome: it is shown, and tried again until there is a process",
  async (_name, error) => {
    const { actor, clock, begun, want, stored } = world();
    want(3, error);
    actor.activate();
    actor.facts("api", { type: "resume" });
    for (const waitMs of [0, 250, 500]) {
      clock.advance(waitMs);
      await settled();
      expect([stored()?.status, stored()?.process, stored()?.startError]).toEqual(["starting", "running", null]);
      expect(stored()?.cause.detail).toContain(error.message);
    }
    clock.advance(1000);
    await settled();
    expect([begun, stored()?.status]).toEqual([[1, 1, 1, 1], "starting"]);
  },
);

test.each(["EACCES", "ENOENT", "E2BIG"])(
  "%s at a start is an outcome: it is told, and not tried again by us",
  async (code) => {
    const { actor, clock, begun, want, stored } = world();
    want(9, shortageOf(code));
    actor.activate();
    actor.facts("api", { type: "resume" });
    await settled();
    clock.advance(60_000);
    await settled();
    expect([begun, stored()?.startError?.message]).toEqual([[1], `${code}: there is none`]);
  },
);

test("a start that waits for a resource without end is told outside, once, with what it waits for", async () => {
  const { actor, clock, begun, want, warnAfter, noticed } = world();
  want(99);
  warnAfter(60_000);
  actor.activate();
  actor.facts("api", { type: "resume" });
  await settled();
  for (let waited = 0; waited < 300_000; waited += 1000) {
    clock.advance(1000);
    await settled();
  }
  expect(begun.length).toBeGreaterThan(50);
  expect(noticed).toEqual([
    "agent_stalled: not started for 60000 ms: cannot start now, trying again: EMFILE: there is none",
  ]);
});

test("a start that waits for a resource is given up when somebody wants it stopped", async () => {
  const { actor, clock, begun, want, stored } = world();
  want(9);
  actor.activate();
  actor.facts("api", { type: "resume" });
  await settled();
  actor.facts("api", { type: "stop" });
  clock.advance(250);
  await settled();
  clock.advance(60_000);
  await settled();
  expect([begun, stored()?.process, stored()?.status]).toEqual([[1], "stopped", "idle"]);
});

test.each([
  ["stop", "stopped"],
  ["delete", undefined],
] as const)("a start that hangs in its process is given up by %s", async (type, process) => {
  const { actor, clock, stored } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  await settled();
  actor.facts("api", { type });
  clock.advance(1000);
  await settled();
  expect(stored()?.process).toBe(process);
});

test("a start that hangs in its process ends at its deadline, with that as its cause", async () => {
  const { actor, clock, stored } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  await settled();
  clock.advance(actor.runSettings().codec.traits.startDeadlineMs);
  await settled();
  clock.advance(1000);
  await settled();
  expect(stored()).toMatchObject({ status: "exited", process: "gone", startError: { code: "START_TIMEOUT" } });
});

test("a daemon that ends lets a start go on", async () => {
  const { actor, begun, givenUp } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  await settled();
  actor.close();
  expect([begun, givenUp]).toEqual([[1], []]);
});

test("what cannot be read right behind a commit makes it no refusal: it is stored, and its deadline comes", async () => {
  const { actor, clock, stored, hold } = world();
  actor.activate();
  hold(true);
  actor.facts("api", { type: "resume" });
  expect(stored()?.process).toBe("running");
  hold(false);
  clock.advance(250); // the next try
  await settled();
  clock.advance(2000); // beyond the start deadline of this provider
  await settled();
  expect(stored()?.intent).toBe("refused");
});

test("what is stored of a wait beside what the program has just written takes nothing of that back", async () => {
  const { actor, clock, live, stored } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  actor.run.attach(live);
  clock.advance(700);
  await Promise.all([actor.frames(["{}"], [0], 3, 0), actor.remember()]);
  expect([actor.state().lastFrameAt, stored()?.lastFrameAt]).toEqual([700, 700]);
});

test("what may begin an input of a project with a daily budget is decided over the project, not the agent alone", async () => {
  const { actor, live, decided, setDay } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  actor.run.attach(live);
  const said = (upTo: number): Promise<void> => actor.frames(["{}"], [0], upTo, 0);
  await said(3);
  setDay({ costUsd: 5 });
  await said(6); // nothing waits that could be begun
  for (const id of [1, 2]) actor.facts("api", { type: "input", id, key: `k${id}`, mode: "queue" });
  expect(actor.state().queue.length).toBe(1);
  await said(9);
  expect(decided).toEqual([["a1b2c3d4"], ["a1b2c3d4"], ["a1b2c3d4", "project p"]]);
});

test("so is what may begin an input that comes in the tick of what its program says", async () => {
  const { actor, live, decided, setDay } = world();
  actor.activate();
  actor.facts("api", { type: "resume" });
  actor.run.attach(live);
  setDay({ costUsd: 5 });
  const said = actor.frames(["{}"], [0], 3, 0);
  for (const id of [1, 2]) actor.facts("api", { type: "input", id, key: `k${id}`, mode: "queue" });
  await said;
  expect([decided, actor.progress().offset]).toEqual([[["a1b2c3d4", "project p"]], 3]);
});

test("settings are changed for everybody at once, when they are stored: who hears of it sees them, a refused write changes nothing", () => {
  const { actor, bus, fill } = world();
  const settings = { ...actor.agent().settings, model: "large" };
  const seen: unknown[] = [];
  bus.onCommit(({ events }) => seen.push([actor.agent().settings.model, events.map((each) => each.type)]));
  fill(true);
  expect(() => actor.configure({ name: "bob", settings, restart: true }, () => null)).toThrow("full");
  expect([actor.agent().name, actor.agent().settings.model, seen]).toEqual([null, null, []]);
  fill(false);
  actor.configure({ name: "bob", settings, restart: true }, () => null);
  expect(seen).toEqual([["large", ["agent_updated"]]]);
  expect(actor.agent().name).toBe("bob");
});

test("a plain program's output costs no step a line: nothing is told when nobody listens, pieces when somebody does", async () => {
  const { actor, bus } = world(sealed(commandCodec));
  const started = { v: 1, kind: "command", state: { input: null, interrupting: false }, told: [] };
  actor.step("frame", (step) => step.codec(() => ({ state: started, facts: [], lines: [] })));
  const lines = Array.from({ length: 50_000 }, (_, n) => `line ${n}`);
  const begins = lines.map(() => 0);
  const before = performance.now();
  await actor.frames(lines, begins, 500_000, 0);
  expect(performance.now() - before).toBeLessThan(2000); // a step for each took tens of seconds for a few million
  expect([actor.progress().frames, actor.progress().offset]).toEqual([50_000, 500_000]);
  const heard: string[] = [];
  bus.onDelta(({ text }) => heard.push(text));
  await actor.frames(lines, begins, 1_000_000, 0);
  expect(heard.length).toBeLessThan(100);
  expect(heard.join("")).toBe(`${lines.join("\n")}\n`);
});
