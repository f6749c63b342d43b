/** The counters of the last hour: minutes that pass, minutes that nobody counted, clocks that jump. */
import { expect, test } from "bun:test";
import { createBus } from "../../../src/agents/bus.ts";
import { createPulse } from "../../../src/api/pulse.ts";
import type { EventRecord } from "../../../src/store/events.ts";

const MINUTE = 60_000;
const START = 1000 * MINUTE + 30_000;

function world() {
  const bus = createBus();
  let now = START;
  const pulse = createPulse(bus, START, () => now);
  return {
    at: (minutes: number) => void (now = START + minutes * MINUTE),
    happen(agent: string, count: number, type: EventRecord["type"] = "message") {
      const event = { id: 1, type, project: "p", agent, at: "", data: {} } as EventRecord;
      bus.committed({ agent, events: Array.from({ length: count }, () => event) });
    },
    counts: (minutes: number) => pulse.counts(now, minutes),
  };
}

test("events are counted by the minute, oldest first; minutes before the start are unknown", () => {
  const { at, happen, counts } = world();
  happen("a", 2);
  at(1);
  happen("a", 3);
  happen("b", 1);
  at(3);
  happen("a", 1);
  expect(counts(6)).toEqual({ a: [null, null, 2, 3, 0, 1], b: [null, null, 0, 1, 0, 0] });
  expect(counts(1)).toEqual({ a: [1], b: [0] });
});

test("after an hour a minute is counted anew, and who was silent for an hour is left out", () => {
  const { at, happen, counts } = world();
  happen("a", 7);
  happen("gone", 7);
  at(30);
  happen("a", 5);
  at(60);
  happen("a", 1);
  const hour = counts(60);
  expect(Object.keys(hour)).toEqual(["a"]);
  expect(hour["a"]?.map((count, i) => [i, count]).filter(([, count]) => count !== 0)).toEqual([
    [29, 5],
    [59, 1],
  ]);
  at(500);
  expect(counts(60)).toEqual({});
});

test("a deleted agent is forgotten, and a clock that was set back breaks nothing", () => {
  const { at, happen, counts } = world();
  at(10);
  happen("a", 1);
  happen("b", 1);
  happen("b", 1, "agent_deleted");
  at(5);
  happen("a", 1);
  at(10);
  expect(counts(2)).toEqual({ a: [0, 2] });
});
