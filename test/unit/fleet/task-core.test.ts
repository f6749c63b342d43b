/** What a node does next about a task, and that no order of events makes a task run twice. */
import { describe, expect, test } from "bun:test";
import type { LocalTask, RemoteTask, TaskMove } from "../../../src/fleet/task-core.ts";
import { nextMove } from "../../../src/fleet/task-core.ts";
import type { Random } from "../../support/random.ts";
import { seeded } from "../../support/random.ts";

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
  ["ended and given to another", running("done"), remote({ claim: 4 }), "drop"],
])("%s", (_, local, there, move) => {
  expect(nextMove(local, there, me)).toBe(move);
});

/** One task, two nodes, and a database that may answer without having done, or do without having answered. */
interface World {
  task: RemoteTask;
  readonly nodes: NodeModel[];
  /** Agents of this task that were ever begun, by node and claim. */
  readonly begun: string[];
}
interface NodeModel {
  readonly no: number;
  session: string;
  starts: number;
  local: LocalTask | null;
  /** What it read last, and may act on late: a suspended node acts on what is long over. */
  seen: RemoteTask | null;
  seenSession: string;
}

/** The statements of `task.ts`, on one row. Gives whether it changed. */
function statement(world: World, node: NodeModel, session: string, move: TaskMove, claim: number): boolean {
  const { task } = world;
  const mine = task.claim === claim && task.claimedBy === node.no;
  const set = (change: Partial<RemoteTask>): true => {
    world.task = { ...task, ...change };
    return true;
  };
  switch (move) {
    case "ask_start":
      return mine && task.session === session && task.state === "claimed" && set({ state: "starting" });
    case "take_over":
      return (
        mine && (task.state === "claimed" || task.state === "starting") && node.session === session && set({ session })
      );
    case "mark_started":
      return mine && task.state === "starting" && set({ state: "started" });
    case "report_end":
      return mine && (task.state === "starting" || task.state === "started") && set({ state: "done" });
    case "give_back":
      return (
        mine && task.state === "claimed" && set({ state: "queued", claim: claim + 1, claimedBy: null, session: null })
      );
    default:
      return false;
  }
}

/** One move of one node, on what it saw; the answer of the database may be lost. */
function act(world: World, node: NodeModel, random: Random): void {
  const { seen, seenSession } = node;
  if (seen === null || seenSession !== node.session) return;
  const self = { no: node.no, session: node.session };
  const move = nextMove(node.local, seen, self);
  switch (move) {
    case "hold":
      // The store keeps the first: INSERT OR IGNORE.
      node.local ??= { step: "held", claim: seen.claim };
      return;
    case "run":
      if (node.local?.step !== "held" || node.local.claim !== seen.claim) return;
      node.local = { step: "running", claim: node.local.claim, ended: null };
      world.begun.push(`${node.no}/${node.local.claim}`);
      return;
    case "drop":
    case "superseded":
      node.local = null;
      return;
    case "abort":
      if (node.local?.step === "running") node.local = { ...node.local, ended: "cancelled" as const };
      return;
    case "wait":
      return;
    default: {
      const claim = node.local?.claim ?? seen.claim;
      statement(world, node, node.session, move, claim);
      if (random.chance(0.2)) node.seen = null; // its outcome is unknown: it has to be read again
      return;
    }
  }
}

function interleaving(seed: number): { begun: readonly string[]; world: World } {
  const random = seeded(seed);
  const world: World = {
    task: { state: "queued", claim: 0, claimedBy: null, session: null, cancel: false },
    nodes: [1, 2].map((no) => ({ no, session: `${no}.0`, starts: 0, local: null, seen: null, seenSession: "" })),
    begun: [],
  };
  const step = (wild: boolean): void => {
    const node = random.pick(world.nodes);
    const { task } = world;
    const roll = random();
    if (roll < 0.2 && task.state === "queued") {
      world.task = { ...task, state: "claimed", claim: task.claim + 1, claimedBy: node.no, session: node.session };
    } else if (roll < 0.55) {
      node.seen = world.task;
      node.seenSession = node.session;
    } else if (roll < 0.9) act(world, node, random);
    else if (roll < 0.93 && wild) {
      // Killed and started again: what was seen is gone, what was stored is not.
      node.starts += 1;
      node.session = `${node.no}.${node.starts}`;
      node.seen = null;
    } else if (roll < 0.96 && wild && task.state === "claimed") {
      // It was not heard of for too long, whatever it is doing.
      world.task = { ...task, state: "queued", claim: task.claim + 1, claimedBy: null, session: null };
    } else if (roll < 0.97 && node.local?.step === "running" && node.local.ended === null)
      node.local = { ...node.local, ended: "done" };
  };
  for (let i = 0; i < 60; i++) step(true);
  // Everybody lives and the database answers: it comes to its end.
  for (let i = 0; i < 400 && !(world.task.state === "done" && world.nodes.every(({ local }) => local === null)); i++)
    step(false);
  return { begun: world.begun, world };
}

describe("whatever is suspended, killed, timed out or answered without being heard", () => {
  test("a task begins at most one agent, and one when its nodes come back", () => {
    const seeds = Number(process.env["AH_TEST_FUZZ_CASES"] ?? 100_000);
    let ends = 0;
    for (let seed = 1; seed <= seeds; seed++) {
      const { begun, world } = interleaving(seed);
      if (begun.length > 1) throw new Error(`seed ${seed}: begun ${begun.join(" and ")}`);
      if (world.task.state === "done") ends += 1;
      if (world.task.state === "done" && begun.length !== 1) throw new Error(`seed ${seed}: done and never begun`);
    }
    expect(ends / seeds).toBeGreaterThan(0.99);
  });
});
