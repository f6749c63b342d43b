/**
 * One task, two nodes and a database that may answer without having done, do without having answered, or be brought
 * back from a backup: a model of the pool, in which only what a node decides is the program's own. `RULES` are the
 * rules by which nothing runs twice; a test breaks them one by one, and looks whether that is noticed.
 */
import type { LocalTask, RemoteTask, TaskMove } from "../../../src/fleet/task-core.ts";
import { isForgotten, nextMove } from "../../../src/fleet/task-core.ts";
import type { Random } from "../../support/random.ts";
import { seeded } from "../../support/random.ts";

export interface Rules {
  readonly decide: typeof nextMove;
  /** What time alone takes from a node that is silent. */
  readonly handsOn: (task: RemoteTask) => boolean;
  /** The claim of a task that is queued again. */
  readonly raised: (claim: number) => number;
  /** What a store has held stays when it is told to hold again. */
  readonly firstHoldStays: boolean;
  /** A row is changed only for who has its claim. */
  readonly claimIsCompared: boolean;
  readonly nodeIsCompared: boolean;
  /** A task is let start only in the session that has it. */
  readonly sessionIsCompared: boolean;
  /** It is let start only from `claimed`. */
  readonly stateIsCompared: boolean;
  /** After a restore nothing is handed out until every node has vouched. */
  readonly waitsForAll: boolean;
  /** Who vouches says first what it began. */
  readonly remembers: boolean;
  /** What was read before a node vouched is not acted on after it. */
  readonly readsAnew: boolean;
}

export const RULES: Rules = {
  decide: nextMove,
  handsOn: ({ state }) => state === "claimed",
  raised: (claim) => claim + 1,
  firstHoldStays: true,
  claimIsCompared: true,
  nodeIsCompared: true,
  sessionIsCompared: true,
  stateIsCompared: true,
  waitsForAll: true,
  remembers: true,
  readsAnew: true,
};

interface World {
  task: RemoteTask;
  /** The task as a backup has it. */
  backup: RemoteTask;
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
  seen: (RemoteTask & { readonly trusted: boolean }) | null;
  seenSession: string;
  vouched: boolean;
  /** What it ever began, in its store. */
  began: { readonly claim: number; ended: boolean } | null;
}

const trusted = (rules: Rules, { nodes }: World): boolean =>
  !rules.waitsForAll || nodes.every(({ vouched }) => vouched);

/** What a node began, over an older copy. */
function reassert(world: World, { no, session, began }: NodeModel): void {
  const { task } = world;
  if (began === null) return;
  const endIsMissing = began.ended && task.claim === began.claim && task.claimedBy === no && task.state !== "done";
  if (isForgotten(task, began.claim) || endIsMissing) {
    const state = began.ended ? "done" : "started";
    world.task = { ...task, state, claim: began.claim, claimedBy: no, session };
  }
}

/** The statements of `task.ts`, on one row. Gives whether it changed. */
function statement(rules: Rules, world: World, node: NodeModel, move: TaskMove, claim: number): boolean {
  const { task } = world;
  const { session } = node;
  const mine =
    (!rules.nodeIsCompared || task.claimedBy === node.no) && (!rules.claimIsCompared || task.claim === claim);
  const ours = !rules.sessionIsCompared || task.session === session;
  const fresh = !rules.stateIsCompared || task.state === "claimed";
  const set = (change: Partial<RemoteTask>): true => {
    world.task = { ...task, ...change };
    return true;
  };
  switch (move) {
    case "ask_start":
      return mine && ours && fresh && trusted(rules, world) && set({ state: "starting" });
    case "take_over":
      return mine && (task.state === "claimed" || task.state === "starting") && set({ session });
    case "mark_started":
      return mine && task.state === "starting" && set({ state: "started" });
    case "report_end":
      return mine && (task.state === "starting" || task.state === "started") && set({ state: "done" });
    case "give_back":
      return (
        mine &&
        (task.state === "claimed" || task.state === "starting") &&
        set({ state: "queued", claim: rules.raised(claim), claimedBy: null, session: null })
      );
    default:
      return false;
  }
}

/** One move of one node, on what it saw; the answer of the database may be lost. */
function act(rules: Rules, world: World, node: NodeModel, random: Random): void {
  const { seen, seenSession } = node;
  if (seen === null || seenSession !== node.session) return;
  const move = rules.decide(node.local, seen, { no: node.no, session: node.session }, seen.trusted);
  switch (move) {
    case "hold":
      if ((node.began?.claim ?? 0) >= seen.claim) return reassert(world, node);
      if (node.local === null || !rules.firstHoldStays) node.local = { step: "held", claim: seen.claim };
      return;
    case "run":
      if (node.local?.step === "running") return; // its agent is there
      if (random.chance(0.05)) {
        // Its agent cannot be made here.
        statement(rules, world, node, "give_back", node.local?.claim ?? seen.claim);
        node.seen = null;
        return;
      }
      node.local = { step: "running", claim: node.local?.claim ?? seen.claim, ended: null };
      node.began = { claim: node.local.claim, ended: false };
      world.begun.push(`${node.no}/${node.local.claim}`);
      return;
    case "drop":
    case "superseded":
      if (node.local?.step === "running" && node.began !== null) node.began.ended = true;
      node.local = null;
      return;
    case "reassert":
      return reassert(world, node);
    case "abort":
      if (node.local?.step === "running") node.local = { ...node.local, ended: "cancelled" as const };
      return;
    case "wait":
      return;
    default: {
      statement(rules, world, node, move, node.local?.claim ?? seen.claim);
      if (random.chance(0.2)) node.seen = null; // its outcome is unknown: it has to be read again
      return;
    }
  }
}

const QUEUED: RemoteTask = { state: "queued", claim: 0, claimedBy: null, session: null, cancel: false };

export function interleaving(
  seed: number,
  rules: Rules = RULES,
): { readonly begun: readonly string[]; readonly over: boolean } {
  const random = seeded(seed);
  // Every other time: what a restore hides must be seen as well.
  const restores = seed % 2 === 0;
  const world: World = {
    task: QUEUED,
    backup: QUEUED,
    nodes: [1, 2].map((no) => ({
      ...{ no, session: `${no}.0`, starts: 0, local: null, seen: null, seenSession: "", vouched: true, began: null },
    })),
    begun: [],
  };
  const step = (wild: boolean): void => {
    const node = random.pick(world.nodes);
    const { task } = world;
    const roll = random();
    if (!node.vouched && random.chance(0.5)) {
      if (rules.remembers) reassert(world, node);
      if (rules.readsAnew) node.seen = null;
      node.vouched = true;
    } else if (wild && restores && random.chance(0.05)) world.backup = task;
    else if (wild && restores && random.chance(0.05)) {
      world.task = world.backup;
      for (const each of world.nodes) each.vouched = false;
    } else if (roll < 0.2 && task.state === "queued" && trusted(rules, world)) {
      const claim = rules.raised(task.claim);
      world.task = { ...task, state: "claimed", claim, claimedBy: node.no, session: node.session };
    } else if (roll < 0.55) {
      node.seen = { ...world.task, trusted: trusted(rules, world) };
      node.seenSession = node.session;
    } else if (roll < 0.9) act(rules, world, node, random);
    else if (roll < 0.93 && wild) {
      // Killed and started again: what was seen is gone, what was stored is not.
      node.starts += 1;
      node.session = `${node.no}.${node.starts}`;
      node.seen = null;
    } else if (roll < 0.96 && wild && rules.handsOn(task) && trusted(rules, world)) {
      // It was not heard of for too long, whatever it is doing.
      world.task = { ...task, state: "queued", claim: rules.raised(task.claim), claimedBy: null, session: null };
    } else if (roll < 0.97 && node.local?.step === "running" && node.local.ended === null)
      node.local = { ...node.local, ended: "done" };
  };
  for (let i = 0; i < 60; i++) step(true);
  // Everybody lives and the database answers: it comes to its end.
  const isOver = (): boolean => world.task.state === "done" && world.nodes.every(({ local }) => local === null);
  for (let i = 0; i < 400 && !isOver(); i++) step(false);
  return { begun: world.begun, over: world.task.state === "done" };
}

/** What is wrong with so many interleavings, and at which seed it was seen first; null = nothing. */
export function flawOf(seeds: number, rules: Rules = RULES): { readonly seed: number; readonly what: string } | null {
  let ends = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const { begun, over } = interleaving(seed, rules);
    if (begun.length > 1) return { seed, what: `begun ${begun.join(" and ")}` };
    if (over && begun.length !== 1) return { seed, what: "done and never begun" };
    if (over) ends += 1;
  }
  return ends / seeds > 0.99 ? null : { seed: seeds, what: `only ${ends} of ${seeds} came to an end` };
}
