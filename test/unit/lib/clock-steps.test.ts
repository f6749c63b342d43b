/** The clock that is set, and the time that runs: two things, and only one of them may be waited on. */
import { expect, test } from "bun:test";
import { fakeClock, systemClock } from "../../../src/lib/clock.ts";
import { watchClockSteps } from "../../../src/lib/clock-steps.ts";

test("a clock that is set moves no timer and no running time", () => {
  const clock = fakeClock();
  const before = clock.monotonic();
  let fired = false;
  clock.setTimer(1000, () => (fired = true));
  clock.jump(172_800_000);
  expect([fired, clock.monotonic() - before]).toEqual([false, 0]);
  clock.jump(-400_000_000);
  clock.advance(1000);
  expect([fired, clock.monotonic() - before]).toEqual([true, 1000]);
});

test("each step is told once, with its direction, and slow drift is none", () => {
  const clock = fakeClock();
  const step = watchClockSteps(clock);
  clock.advance(50_000);
  expect(step()).toBe(0);
  clock.jump(-7_200_000);
  clock.advance(10_000);
  expect([step(), step()]).toEqual([-7_200_000, 0]);
  clock.jump(1500);
  expect(step()).toBe(0);
  clock.jump(1500);
  expect(step()).toBe(3000);
});

test("the real running time does not go back, and passes as a timer does", async () => {
  const before = systemClock.monotonic();
  await new Promise<void>((resolve) => void systemClock.setTimer(20, resolve));
  expect(systemClock.monotonic() - before).toBeGreaterThanOrEqual(19);
});
