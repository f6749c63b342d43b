/** What a node does next about a task, and that no order of events makes a task run twice. */
import { describe, expect, test } from "bun:test";
import type { LocalTask, RemoteTask, TaskMove } from "../../../src/fleet/task-core.ts";
import { nextMove } from "../../../src/fleet/task-core.ts";
import type { Rules } from "./pool-model.ts";
import { RULES, flawOf } from "./pool-model.ts";

const me = { no: 1, session: "now" };
const remote = (change: Partial<RemoteTask> = {}): RemoteTask => ({
  ...{ state: "claimed", claim: 3, claimedBy: 1, session: "now", cancel: false },
  ...change,
});
const held: LocalTask = { step: "held", claim: 3 };
const running = (ended: "done" | null = null): LocalTask => ({ step: "running", claim: 3, ended });

test.each<[string, LocalTask | null, RemoteTask | null, TaskMove]>([
  ["taken a moment ago", null, remote(), "hold"],
  ["taken by an earlier daemon that held nothing", null, remote({ session: "before" }), "give_back"],
  ["started by an earlier store of this box", null, remote({ state: "starting" }), "wait"],
  ["another's", null, remote({ claimedBy: 2 }), "wait"],
  ["held", held, remote(), "ask_start"],
  ["held by an earlier daemon", held, remote({ session: "before" }), "take_over"],
  ["held, and the database let it start", held, remote({ state: "starting" }), "run"],
  ["held and let start by an earlier daemon", held, remote({ state: "starting", session: "before" }), "take_over"],
  ["held, and handed on", held, remote({ claim: 4, claimedBy: 2, session: "theirs" }), "drop"],
  ["held, and queued again", held, remote({ state: "queued", claim: 4, claimedBy: null, session: null }), "drop"],
  ["held, and cancelled", held, remote({ state: "cancelled" }), "drop"],
  ["held, and forgotten", held, null, "drop"],
  ["running, not said yet", running(), remote({ state: "starting" }), "mark_started"],
  ["running", running(), remote({ state: "started" }), "wait"],
  ["running, wanted no more", running(), remote({ state: "started", cancel: true }), "abort"],
  ["running, and given to another by a person", running(), remote({ claim: 4, claimedBy: 2 }), "superseded"],
  ["running, and forgotten", running(), null, "wait"],
  ["ended", running("done"), remote({ state: "started" }), "report_end"],
  ["ended and said", running("done"), remote({ state: "done" }), "drop"],
  ["ended and given to another", running("done"), remote({ claim: 4 }), "superseded"],
  ["ended and forgotten", running("done"), null, "drop"],
  ["running, and only queued in an older copy", running(), remote({ state: "queued", claim: 2 }), "reassert"],
  ["running, and another's in an older copy", running(), remote({ claim: 2, claimedBy: 2 }), "reassert"],
  ["running, and claimed by another under its number", running(), remote({ claimedBy: 2 }), "reassert"],
  ["running, and not let start in an older copy", running(), remote(), "reassert"],
  ["ended, and only queued in an older copy", running("done"), remote({ state: "queued", claim: 2 }), "reassert"],
])("%s", (_, local, there, move) => {
  expect(nextMove(local, there, me, true)).toBe(move);
});

test.each<[LocalTask | null, RemoteTask]>([
  [null, remote()],
  [null, remote({ session: "before" })],
  [held, remote()],
  [held, remote({ session: "before" })],
  [held, remote({ state: "starting" })],
])("nothing is begun, held or handed on while the database may be an older copy", (local, there) => {
  expect(nextMove(local, there, me, false)).toBe("wait");
});

describe("whatever is suspended, killed, timed out, brought back from a backup or answered without being heard", () => {
  test("a task begins at most one agent, and one when its nodes come back", () => {
    expect(flawOf(Number(process.env["AH_TEST_FUZZ_CASES"] ?? 100_000))).toBeNull();
  });

  const isDroppedHold = (move: TaskMove, local: LocalTask | null): boolean => move === "drop" && local?.step === "held";
  /** A rule that says something else in one case. */
  const but =
    (instead: (move: TaskMove, local: LocalTask | null, remote: RemoteTask | null) => TaskMove): typeof nextMove =>
    (local, there, self, trusted) =>
      instead(nextMove(local, there, self, trusted), local, there);

  // Claim and node guard one row together: where one of them is not looked at, the other still holds.
  test.each<[string, RegExp, Partial<Rules>]>([
    ["a node runs what it has only claimed", /begun/, { decide: but((move) => (move === "ask_start" ? "run" : move)) }],
    [
      "a node runs what is no longer its own",
      /begun/,
      { decide: but((move, local) => (isDroppedHold(move, local) ? "run" : move)) },
    ],
    [
      "a node that has no record of a task that is starting runs it",
      /begun/,
      { decide: but((move, local, there) => (local === null && there?.state === "starting" ? "run" : move)) },
    ],
    [
      "a node gives back what it has begun",
      /begun/,
      { decide: but((move) => (move === "mark_started" ? "give_back" : move)) },
    ],
    ["what is starting is handed on by time", /begun/, { handsOn: ({ state }) => /claimed|starting/.test(state) }],
    ["what was started is handed on by time", /begun/, { handsOn: ({ state }) => /claimed|started/.test(state) }],
    ["a row is changed for whoever asks", /begun/, { claimIsCompared: false, nodeIsCompared: false }],
    ["every claim has the same number, and any node may use it", /begun/, { raised: () => 1, nodeIsCompared: false }],
    ["a row is changed for a claim that is over", /came to an end/, { claimIsCompared: false }],
    ["a task is handed out before every node has vouched", /begun/, { waitsForAll: false }],
    ["a node vouches without saying what it began", /begun/, { remembers: false }],
    ["a node acts on what it read before it vouched", /begun/, { readsAnew: false }],
    ["an end is not told", /came to an end/, { decide: but((move) => (move === "report_end" ? "wait" : move)) }],
    [
      "what an earlier daemon held is held for ever",
      /came to an end/,
      { decide: but((move) => (move === "take_over" ? "wait" : move)) },
    ],
    [
      "what an earlier daemon claimed is not given back",
      /came to an end/,
      { decide: but((move) => (move === "give_back" ? "wait" : move)) },
    ],
    [
      "a hold that is over is not dropped",
      /came to an end/,
      { decide: but((move, local) => (isDroppedHold(move, local) ? "wait" : move)) },
    ],
  ])("and it is noticed when %s", (_, what, broken) => {
    expect(flawOf(20_000, { ...RULES, ...broken })?.what ?? "nothing").toMatch(what);
  });
});
