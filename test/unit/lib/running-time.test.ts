/**
 * Time that counts. Looked for waits that hang on the wall clock, or count time in which nobody could work, in
 * agents/state (turn, start, stall, permission, park, interrupt), actor.ts (the timer), live.ts (exit file, farewell),
 * process/end.ts (SIGTERM to SIGKILL, the wrapper's exit) and reconcile.ts (a process that is being recorded). All were
 * wrong: state/ and actor.ts counted by the wall clock, the other three waited until a time of it.
 */
import { expect, test } from "bun:test";
import { ranSince } from "../../../src/agents/state/time.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { createRunningTime } from "../../../src/lib/running-time.ts";

test("the wall clock may be set to anything", () => {
  const clock = fakeClock();
  const running = createRunningTime(clock);
  const before = running.now();
  clock.jump(2 * 86_400_000);
  clock.jump(-5 * 86_400_000);
  expect(running.now()).toBe(before);
  clock.advance(1500);
  expect(running.now() - before).toBe(1500);
});

test("by as much as we came late, nothing passed; a little late is only busy", () => {
  const clock = fakeClock();
  const running = createRunningTime(clock);
  const start = running.now();
  running.beat(5000);
  clock.advance(5900);
  expect(running.now() - start).toBe(5900);
  running.beat(5000);
  clock.advance(17_000); // due after 5 s, so away for 12
  expect(running.now() - start).toBe(10_900);
  expect(running.now() - start).toBe(10_900); // and counted once
  running.beat(5000);
  clock.advance(5000);
  expect(running.now() - start).toBe(15_900);
});

test.each([
  ["what passed between two daemons of one boot counts", { bootId: "a", uptimeMs: 9000 }, 1_005_000],
  ["a reboot adds nothing", { bootId: "b", uptimeMs: 9000 }, 1_000_000],
  ["an uptime that cannot be read takes nothing away", { bootId: "a", uptimeMs: 0 }, 1_000_000],
])("after a restart: %s", (_, machine, ran) => {
  expect(ranSince({ ms: 1_000_000, bootId: "a", uptimeMs: 4000 }, machine)).toBe(ran);
});
