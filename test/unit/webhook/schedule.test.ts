/**
 * What becomes of a delivery after an answer. Kinds looked for here: an answer of something in between taken for the
 * receiver's (404 405 415 of a proxy: found in `classify`, 413 and 400 are the request's own); a deadline that hangs on
 * a clock (found in the 24 hours and in the hour of 404: both are counted now, no time of day is an argument any more).
 */
import { describe, expect, test } from "bun:test";
import { classify, saidBy, type AttemptOutcome } from "../../../src/webhook/client.ts";
import { afterAttempt, type NextStep } from "../../../src/webhook/schedule.ts";

const middle = () => 0.5;
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** Plays the schedule to its end with what `answer` gives for each attempt; gives the delays between them. */
function play(answer: (attempt: number) => AttemptOutcome): { delays: number[]; last: NextStep } {
  const delays: number[] = [];
  let [refusals, absentMs, waitedMs] = [0, 0, 0];
  for (let attempt = 1; attempt < 100; attempt++) {
    const outcome = answer(attempt);
    if (outcome.type === "retry_once") refusals += 1;
    const last = afterAttempt({ outcome, attempt, refusals, waitedMs, absentMs, random: middle });
    if (last.state !== "pending") return { delays, last };
    delays.push(last.delayMs);
    waitedMs += last.delayMs;
    absentMs = last.absentMs;
  }
  throw new Error("the schedule does not end");
}
const always = (status: number | null, retryAfterMs?: number) => (): AttemptOutcome =>
  status === null ? { type: "retry", reason: "connection refused" } : classify(status, retryAfterMs);
const sum = (delays: readonly number[]): number => delays.reduce((total, delay) => total + delay, 0);

describe("webhook schedule", () => {
  const full = [1000, 5000, 30_000, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR];

  for (const status of [301, 401, 403, 408, 409, 429, 500, 502, 503, 504, null]) {
    test(`${status ?? "no answer"} runs through the whole schedule and ends 24 hours after the first attempt`, () => {
      const { delays, last } = play(always(status));
      expect(delays.slice(0, 7)).toEqual(full);
      expect(delays.slice(7, 18)).toEqual(Array(11).fill(2 * HOUR));
      expect(sum(delays)).toBe(24 * HOUR);
      expect(last.state).toBe("dead");
    });
  }

  for (const status of [404, 405, 415]) {
    test(`${status} follows the schedule for an hour, for so answers a proxy without its backend`, () => {
      const { delays, last } = play(always(status));
      expect(delays.slice(0, 6)).toEqual(full.slice(0, 6));
      expect(sum(delays)).toBe(HOUR);
      expect(last).toEqual({ state: "dead", reason: `the receiver answered ${status} (for an hour)` });
    });

    test(`a redeploy that answers ${status} twice and works then gets the notice`, () => {
      const { delays, last } = play((attempt) => classify(attempt <= 2 ? status : 202));
      expect(delays).toEqual([1000, 5000]);
      expect(last).toEqual({ state: "delivered" });
    });

    test(`${status} after hours of an outage gets its hour, too`, () => {
      const { delays } = play((attempt) => classify(attempt <= 10 ? 502 : status));
      expect(sum(delays.slice(10))).toBe(HOUR);
    });
  }

  for (const status of [400, 413, 422]) {
    test(`${status} gets one retry and is dead then`, () => {
      const { delays, last } = play(always(status));
      expect(delays).toEqual([1000]);
      expect(last).toEqual({ state: "dead", reason: `the receiver refused it with ${status} (refused twice)` });
    });
  }

  test("410 is dead at once", () => {
    expect(play(always(410))).toMatchObject({ delays: [], last: { state: "dead" } });
  });

  for (const status of [200, 201, 202, 204, 299]) {
    test(`${status} is delivered`, () => {
      expect(play(always(status))).toEqual({ delays: [], last: { state: "delivered" } });
    });
  }

  test("Retry-After lengthens a delay, never shortens one, and cannot pass the 24 hours", () => {
    expect(play(always(429, 45_000)).delays.slice(0, 4)).toEqual([45_000, 45_000, 45_000, 120_000]);
    expect(play(always(503, 100 * HOUR)).delays).toEqual([24 * HOUR]);
  });

  test("a refusal between outages counts over the whole life of the delivery", () => {
    const step = (refusals: number) =>
      afterAttempt({ outcome: classify(400), attempt: 5, refusals, waitedMs: 0, absentMs: 0, random: middle }).state;
    expect([step(1), step(2)]).toEqual(["pending", "dead"]);
  });

  test("jitter moves a delay by at most a tenth", () => {
    for (const r of [0, 0.25, 0.999]) {
      const history = { attempt: 2, refusals: 0, waitedMs: 0, absentMs: 0, random: () => r };
      const step = afterAttempt({ outcome: classify(500), ...history });
      expect(Math.abs((step.state === "pending" ? step.delayMs : NaN) - 5000)).toBeLessThanOrEqual(500);
    }
  });
});

describe("what a receiver says of its answer", () => {
  test.each([
    ['{"error":"FORBIDDEN_HOST","message":"the Host \\"box\\" is not accepted"}', 'the Host "box" is not accepted'],
    ['{"error":"nope"}', "nope"],
    ['{"message":"two\\nlines \\u001b[31m"}', "two lines [31m"],
    ["<html>403 Forbidden</html>", null],
    ['{"message":{"deep":1}}', null],
    ['{"message":"  "}', null],
    ["", null],
  ])("%s", (body, said) => expect(saidBy(body)).toBe(said));
  test("at length is cut", () => expect(saidBy(JSON.stringify({ message: "x".repeat(5000) }))).toHaveLength(300));
});
