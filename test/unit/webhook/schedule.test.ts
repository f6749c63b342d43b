import { describe, expect, test } from "bun:test";
import { classify } from "../../../src/webhook/client.ts";
import { afterAttempt, type NextStep } from "../../../src/webhook/schedule.ts";

const START = Date.UTC(2026, 0, 1);
const middle = () => 0.5;
const HOUR = 3_600_000;

/** Plays the schedule to its end; gives the delays between attempts. */
function play(status: number | null, retryAfterMs?: number): { delays: number[]; last: NextStep } {
  const outcome =
    status === null ? ({ type: "retry", reason: "connection refused" } as const) : classify(status, retryAfterMs);
  const delays: number[] = [];
  let nowMs = START;
  for (let attempt = 1; attempt < 100; attempt++) {
    const refusals = outcome.type === "retry_once" ? attempt : 0;
    const last = afterAttempt({ outcome, attempt, refusals, firstAtMs: START, nowMs, random: middle });
    if (last.state !== "pending") return { delays, last };
    delays.push(last.atMs - nowMs);
    nowMs = last.atMs;
  }
  throw new Error("the schedule does not end");
}

describe("webhook schedule", () => {
  const full = [1000, 5000, 30_000, 120_000, 600_000, 1_800_000, HOUR];

  for (const status of [301, 401, 403, 408, 409, 429, 500, 502, 503, 504, null]) {
    test(`${status ?? "no answer"} runs through the whole schedule and ends 24 hours after the first attempt`, () => {
      const { delays, last } = play(status);
      expect(delays.slice(0, 7)).toEqual(full);
      expect(delays.slice(7, 18)).toEqual(Array(11).fill(2 * HOUR));
      expect(delays.reduce((sum, delay) => sum + delay, 0)).toBe(24 * HOUR);
      expect(last.state).toBe("dead");
    });
  }

  for (const status of [400, 404, 405, 413, 415, 422]) {
    test(`${status} gets one retry and is dead then`, () => {
      const { delays, last } = play(status);
      expect(delays).toEqual([1000]);
      expect(last).toEqual({ state: "dead", reason: `the receiver refused it with ${status} (refused twice)` });
    });
  }

  test("410 is dead at once", () => {
    expect(play(410)).toMatchObject({ delays: [], last: { state: "dead" } });
  });

  for (const status of [200, 201, 202, 204, 299]) {
    test(`${status} is delivered`, () => {
      expect(play(status)).toEqual({ delays: [], last: { state: "delivered" } });
    });
  }

  test("Retry-After lengthens a delay, never shortens one, and cannot pass the 24 hours", () => {
    expect(play(429, 45_000).delays.slice(0, 4)).toEqual([45_000, 45_000, 45_000, 120_000]);
    expect(play(503, 100 * HOUR).delays).toEqual([24 * HOUR]);
  });

  test("a refusal between outages counts over the whole life of the delivery", () => {
    const outcome = classify(400);
    const step = (refusals: number) =>
      afterAttempt({ outcome, attempt: 5, refusals, firstAtMs: START, nowMs: START, random: middle }).state;
    expect([step(1), step(2)]).toEqual(["pending", "dead"]);
  });

  test("jitter moves a delay by at most a tenth", () => {
    for (const r of [0, 0.25, 0.999]) {
      const step = afterAttempt({
        outcome: classify(500),
        attempt: 2,
        refusals: 0,
        firstAtMs: START,
        nowMs: START,
        random: () => r,
      });
      const delay = step.state === "pending" ? step.atMs - START : NaN;
      expect(Math.abs(delay - 5000)).toBeLessThanOrEqual(500);
    }
  });
});
