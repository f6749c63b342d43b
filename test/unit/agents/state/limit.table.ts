/** What becomes of a turn whose account cannot work on, sentence by sentence. Wide as the other tables. */
import type { AccountLimit } from "../../../../src/words/limits.ts";
import { goOn, goOnUnsent, limited, waitsInside } from "./limit-facts.ts";
import type { Table } from "./world.ts";
import {
  DONE,
  START_MS,
  WORKING,
  abort,
  abortKeeping,
  accepted,
  attach,
  drop,
  ended,
  exit,
  input,
  later,
  ready,
  release,
  remove,
  resume,
  retrying,
  said,
  started,
  stop,
  torn,
} from "./world.ts";

const WALL_MS = 5_000_000_000;
const NOW = START_MS + WALL_MS;
const HOUR = 3_600_000;
const PARKED = [...WORKING, limited()];
const GOING = [...PARKED, goOn(2), accepted(2)];
const laid = ["input 1 ended", "notice agent_limited in a-1", "limits_changed", "processing → limited"];

const known: AccountLimit = {
  account: "claude-code:work",
  scope: "five_hour",
  class: "limit",
  message: "used up",
  since: NOW,
  resetsAt: NOW + HOUR,
  resumesAt: NOW + HOUR + 30_000,
  guessed: false,
  attempts: 0,
  agent: "b",
};
const opus: AccountLimit = { ...known, scope: "seven_day_opus" };

// prettier-ignore
export const limitTables: readonly Table[] = [
  {
    about: "a limit",
    rows: [
      { says: "the turn stays open and waits, its input is settled, one notice is due", given: WORKING, when: [limited()], does: ["limit five_hour (limit)", ...laid], then: { status: "limited", turn: "a-1", limited: "parked five_hour", inputs: { 1: "ended" }, cause: "frame: waits for its account: used up" } },
      { says: "it goes on as the same turn with an input of its own, and no process is begun for one that is there", given: PARKED, when: [goOn(2)], does: ["input 2 queued", "input 2 written", "prompt 2", "limited → processing"], then: { status: "processing", turn: "a-1", limited: "going five_hour" } },
      { says: "the first answer ends the limit, and is told once", given: GOING, when: [said, said], does: ["notice agent_resumed in a-1", "limit five_hour over", "limits_changed"], then: { limited: null, status: "processing" } },
      { says: "an end without a word is an answer, too", given: GOING, when: [ended()], does: ["notice agent_resumed in a-1", "limit five_hour over", "limits_changed", "a-1 completed", "input 2 ended", "processing → idle", "notice agent_completed a-1"], then: { status: "idle", last: "completed" } },
      { says: "the same limit again lays it down again", given: GOING, when: [limited()], does: ["limit five_hour (limit)", "input 2 ended", "notice agent_limited in a-1", "limits_changed", "processing → limited"], then: { limited: "parked five_hour" } },
      { says: "a turn that began by itself goes on like any other", given: [...DONE, started], when: [limited(), goOn(2)], then: { status: "processing", turn: "a-2", inputs: { 1: "ended", 2: "written" } } },
      { says: "its waiting is none of the turn's time", under: { limits: { turnTimeoutMs: 2000, parkIdleMs: 0 } }, given: PARKED, when: [later(HOUR), goOn(2), later(1000)], then: { status: "processing" } },
      { says: "… and no silence", given: PARKED, when: [later(HOUR)], then: { status: "limited" } },
      { says: "what comes in meanwhile waits its turn", given: PARKED, when: [input(2)], does: [], then: { status: "limited", queue: [2] } },
      { says: "it can be taken back", given: [...PARKED, input(2)], when: [drop(2)], does: ["input 2 cancelled"], then: { queue: [], turn: "a-1" } },
      { says: "release and resume do not make it go on", given: PARKED, when: [release, resume], does: [], then: { status: "limited" } },
      { says: "frames of the program that was left change nothing", given: PARKED, when: [ended(), ended("failed"), started, said], does: [], then: { status: "limited", turn: "a-1" } },
      { says: "a second word that it may go on is taken back", given: [...PARKED, goOn(2)], when: [goOn(3)], does: ["input 3 cancelled"], then: { inputs: { 1: "ended", 2: "written", 3: "cancelled" } } },
      { says: "… also when the turn is over", given: DONE, when: [goOn(2)], does: ["input 2 cancelled"], then: { status: "idle" } },
      { says: "after twelve attempts it fails by it", given: [...PARKED, ...Array.from({ length: 12 }, (_, i) => [goOn(i + 2), accepted(i + 2), limited()]).flat().slice(0, -1)], when: [limited()], then: { status: "error", last: "failed USAGE_LIMIT" } },
      { says: "after limits.limitMaxWaitMs it fails by it", under: { limits: { limitMaxWaitMs: HOUR } }, given: PARKED, when: [later(HOUR)], then: { status: "error", last: "failed USAGE_LIMIT" } },
      { says: "… all waits of the turn together", under: { limits: { limitMaxWaitMs: HOUR, parkIdleMs: 0 } }, given: [...PARKED, later(HOUR - 1000), goOn(2), accepted(2), limited()], when: [later(1000)], then: { status: "error", last: "failed USAGE_LIMIT" } },
      { says: "onLimit fail: it fails at once, and the queue is held", under: { onLimit: "fail" }, given: [...WORKING, input(2)], when: [limited()], then: { status: "error", last: "failed USAGE_LIMIT", held: true } },
    ],
  },
  {
    about: "a limit and the process",
    rows: [
      { says: "an exit changes the process, never the turn", given: PARKED, when: [exit(1)], does: [], then: { status: "limited", process: "parked", turn: "a-1" } },
      { says: "… a death over a reboot as well", under: { reconciling: true }, given: PARKED, when: [exit(null)], does: [], then: { status: "limited", process: "parked", turn: "a-1" } },
      { says: "… and a torn line", given: PARKED, when: [torn, exit(0)], does: ["end"], then: { status: "limited", turn: "a-1" } },
      { says: "the process is ended when the wait is longer than limits.parkIdleMs", given: PARKED, when: [later(600_000), exit(0)], does: ["inspect_tree", "end gently"], then: { status: "limited", process: "parked", turn: "a-1" } },
      { says: "… whatever waits behind it", given: [...PARKED, input(2)], when: [later(600_000), exit(0)], does: ["inspect_tree", "end gently"], then: { queue: [2] } },
      { says: "then going on starts one, and counts as an act of a person", given: [...PARKED, exit(1)], when: [goOn(2), ready], does: ["input 2 queued", "spawn 2", "limited → starting", "input 2 written", "prompt 2", "starting → processing"], then: { turn: "a-1", run: 2 } },
      { says: "going on while it is being parked waits for the exit", given: [...PARKED, later(600_000), goOn(2)], when: [exit(0)], does: ["spawn 2"], then: { status: "starting", turn: "a-1" } },
      { says: "a resume brings the process, and leaves the turn alone", given: [...PARKED, exit(1)], when: [resume, ready], does: ["spawn 2"], then: { status: "limited", process: "running" } },
      { says: "… and when it cannot start, the turn waits on", given: [...PARKED, exit(1), resume], when: [exit(1)], does: [], then: { status: "limited", process: "parked", turn: "a-1" } },
      { says: "a program that dies after it went on: the turn is lost like any other", given: GOING, when: [exit(1)], then: { status: "exited", last: "lost TURN_LOST" } },
    ],
  },
  {
    about: "what is asked for while it waits",
    rows: [
      { says: "abort ends it as interrupted, without asking the program", given: PARKED, when: [abort], does: ["limits_changed", "a-1 interrupted", "limited → idle", "notice agent_aborted a-1"], then: { status: "idle", last: "interrupted" } },
      { says: "abort may keep the queue, which then waits for the limit itself", given: [...PARKED, input(2), abortKeeping], when: [release], then: { status: "limited", turn: "a-2", limited: "parked five_hour" } },
      { says: "stop ends it and the process", given: PARKED, when: [stop, exit(143)], then: { status: "idle", process: "stopped", last: "interrupted" } },
      { says: "delete ends it", given: PARKED, when: [remove, exit(0)], does: ["end", "a-1 interrupted", "limits_changed", "purge", "limited → idle", "notice agent_aborted a-1"], then: {} },
      { says: "a person who takes the conversation over ends it", given: PARKED, when: [attach], then: { last: "interrupted" } },
      { says: "mode interrupt ends it, and waits for the limit itself", given: PARKED, when: [input(2, "interrupt")], then: { status: "limited", turn: "a-2", last: "interrupted", inputs: { 1: "ended", 2: "queued" } } },
      { says: "a limit that comes after an abort loses against it", given: [...WORKING, abort], when: [limited()], does: ["a-1 interrupted", "input 1 ended", "processing → idle", "notice agent_aborted a-1"], then: { status: "idle", last: "interrupted" } },
      { says: "… and against a stop", given: [...WORKING, stop], when: [limited()], then: { last: "interrupted" } },
      { says: "… and against the turn's own time limit", under: { limits: { turnTimeoutMs: 1000 } }, given: [...WORKING, later(1000)], when: [limited()], then: { last: "failed TURN_TIMEOUT" } },
    ],
  },
  {
    about: "a program that waits by itself",
    rows: [
      { says: "it is taken out of it, and its end is none", given: WORKING, when: [waitsInside(), ended("interrupted")], does: ["interrupt", "processing → limited", "limit account (limit)", "input 1 ended", "notice agent_limited in a-1", "limits_changed"], then: { status: "limited", limited: "parked account" } },
      { says: "it is asked once", given: [...WORKING, waitsInside()], when: [waitsInside(), retrying], does: ["retrying"], then: { limited: "leaving account" } },
      { says: "an abort meanwhile wins, and asks no second time", given: [...WORKING, waitsInside()], when: [abort, ended("interrupted")], does: ["limits_changed", "a-1 interrupted", "input 1 ended", "limited → idle", "notice agent_aborted a-1"], then: { status: "idle", last: "interrupted" } },
      { says: "an answer that came first counts", given: [...WORKING, waitsInside()], when: [ended()], then: { status: "idle", last: "completed", limited: null } },
      { says: "one that does not let go is ended, and the turn waits all the same", given: [...WORKING, waitsInside()], when: [later(10_000), exit(143)], does: ["end", "limit account (limit)", "input 1 ended", "notice agent_limited in a-1", "limits_changed"], then: { status: "limited", process: "parked", limited: "parked account" } },
      { says: "one that dies over it, too", given: [...WORKING, waitsInside()], when: [exit(1)], then: { status: "limited", process: "parked", limited: "parked account" } },
      { says: "what only money mends does not wait", given: [...WORKING, waitsInside("billing")], when: [ended("interrupted")], then: { status: "error", last: "failed BILLING" } },
      { says: "after an abort it is left as it is", given: [...WORKING, abort], when: [waitsInside()], does: [], then: { status: "processing", limited: null } },
    ],
  },
  {
    about: "what a person has to mend",
    rows: [
      { says: "billing: the turn fails, the queue is held", given: [...WORKING, input(2)], when: [limited("billing", "billing")], does: ["limit billing (billing)", "a-1 failed BILLING", "input 1 ended", "processing → error", "notice agent_error a-1 BILLING"], then: { status: "error", last: "failed BILLING", held: true, queue: [2] } },
      { says: "auth: the same, under its own name", given: WORKING, when: [limited("auth", "auth")], then: { status: "error", last: "failed AUTH_REQUIRED" } },
      { says: "it is tried again with the next input", given: [...WORKING, limited("auth", "auth")], when: [input(2)], then: { status: "processing", turn: "a-2" } },
      { says: "an answer means that it was mended", given: [...WORKING, limited("auth", "auth"), input(2), accepted(2)], when: [said], does: ["limit auth over"], then: { status: "processing" } },
    ],
  },
  {
    about: "a limit that others of the account have met",
    rows: [
      { says: "no turn is begun: it opens and waits, its input unsent", under: { accountLimits: [known] }, given: [resume, ready], when: [input(1)], does: ["a-1 begins (input)", "input 1 queued", "notice agent_limited in a-1", "limits_changed", "idle → limited"], then: { status: "limited", inputs: { 1: "queued" } } },
      { says: "no process is begun for it", under: { accountLimits: [known] }, given: [], when: [input(1)], then: { status: "limited", process: "none" } },
      { says: "then its own input is what goes out", under: { accountLimits: [known] }, given: [input(1)], when: [{ under: { accountLimits: [] } }, goOnUnsent, ready], does: ["spawn 1", "limited → starting", "input 1 written", "prompt 1", "starting → processing"], then: { turn: "a-1", inputs: { 1: "written" } } },
      { says: "the input can still be taken back", under: { accountLimits: [known] }, given: [input(1)], when: [drop(1)], then: { status: "idle", last: "interrupted", inputs: { 1: "cancelled" } } },
      { says: "a stop puts it back", under: { accountLimits: [known] }, given: [input(1)], when: [stop], then: { queue: [1], held: true, inputs: { 1: "queued" } } },
      { says: "after too long it fails, and the input waits for the next act", under: { accountLimits: [known], limits: { limitMaxWaitMs: HOUR } }, given: [input(1)], when: [later(HOUR)], then: { status: "error", held: true, queue: [1] } },
      { says: "one that holds for another model is none", under: { accountLimits: [opus], model: "claude-sonnet-5" }, given: [resume, ready], when: [input(1)], then: { status: "processing" } },
      { says: "… nor for the model that the program chooses", under: { accountLimits: [opus] }, given: [resume, ready], when: [input(1)], then: { status: "processing" } },
      { says: "one that holds for its model does", under: { accountLimits: [opus], model: "claude-opus-5" }, given: [resume, ready], when: [input(1)], then: { status: "limited" } },
      { says: "what has to be paid keeps nobody from trying", under: { accountLimits: [{ ...known, class: "billing", resumesAt: null }] }, given: [resume, ready], when: [input(1)], then: { status: "processing" } },
      { says: "onLimit fail: it tries", under: { accountLimits: [known], onLimit: "fail" }, given: [resume, ready], when: [input(1)], then: { status: "processing" } },
    ],
  },
];
