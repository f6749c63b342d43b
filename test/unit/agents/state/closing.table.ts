/** What lies between the end that a program told and the one that counts: saving, the result, the check. */
import type { Table, Under } from "./world.ts";
import {
  STARTING, WORKING, abort, abortKeeping, accepted, ask, attach, configured, decide, detach, ended, exit, failed, good, input, later, lostStep, never, notPassed, passed, ready, release, remove, resume,
  started, stop,
} from "./world.ts";

const SNAPSHOT = { step: "snapshot", limitMs: 30_000, attempts: 0 } as const;
const CHECK = { step: "check", limitMs: 600_000, attempts: 2 } as const;
const saved: Partial<Under> = { closing: [SNAPSHOT] };
const checked: Partial<Under> = { closing: [CHECK] };
const looked: Partial<Under> = { closing: [{ ...CHECK, attempts: 0 }] };
const both: Partial<Under> = { closing: [SNAPSHOT, CHECK] };
const command: Partial<Under> = { ...checked, oneshot: true, redelivery: "none", tornLine: "newline" };

const CHECKING = [...WORKING, ended()];
/** Its turn is over, and what it left is still being saved. */
const BEHIND = [...WORKING, ended(), later(2000)];
/** Fed back once; the agent works on it. */
const FED = [...CHECKING, notPassed(), accepted(101)];

export const closingTables: readonly Table[] = [
  {
    about: "a turn is closed",
    rows: [
      {
        says: "the turn stays open while it is checked: processing, with the cause, and its input is settled",
        under: checked, given: WORKING, when: [ended()], does: ["input 1 ended", "turn_closing", "a-1 check"],
        then: { status: "processing", turn: "a-1", cause: "frame: verifying", last: null },
      },
      { says: "passed: it ends completed, and only then somebody is told", under: checked, given: CHECKING, when: [passed()], does: ["a-1 completed", "processing → idle", "notice agent_completed a-1"], then: { status: "idle", last: "completed", cause: "check: turn completed" } },
      { says: "it is saved first, then checked", under: both, given: WORKING, when: [ended(), good("snapshot"), passed()], does: ["input 1 ended", "turn_closing", "a-1 snapshot", "turn_closing", "a-1 check", "a-1 completed", "processing → idle", "notice agent_completed a-1"], then: { status: "idle" } },
      { says: "a failed turn is saved and not checked", under: both, given: WORKING, when: [failed("x"), good("snapshot")], does: ["input 1 ended", "turn_closing", "a-1 snapshot", "a-1 failed x", "processing → error", "notice agent_error a-1 x"], then: { status: "error" } },
      { says: "so is a lost one, and it is exited then", under: both, given: WORKING, when: [exit(1), good("snapshot")], does: ["input 1 ended", "turn_closing", "a-1 snapshot", "a-1 lost TURN_LOST", "processing → exited", "notice agent_exited a-1 TURN_LOST"], then: { status: "exited", process: "gone" } },
      { says: "a turn that never reached the program is neither saved nor checked", under: both, given: STARTING, when: [abort], does: ["a-1 interrupted", "input 1 cancelled", "starting → idle", "notice agent_aborted a-1"], then: { status: "idle" } },
      { says: "an interrupted turn that nobody asked for still holds the queue", under: both, given: [...WORKING, input(2)], when: [ended("interrupted"), good("snapshot")], then: { held: true, queue: [2], last: "interrupted" } },
      { says: "the program's time is over: closing does not count for the turn's time limit", under: { ...checked, limits: { turnTimeoutMs: 60_000 } }, given: CHECKING, when: [later(500_000)], does: [], then: { status: "processing", cause: "frame: verifying" } },
      { says: "… nor is it silence", under: { ...checked, limits: { stallWarnMs: 1000 } }, given: CHECKING, when: [later(5000)], does: [], then: { status: "processing" } },
      { says: "the process may die meanwhile: the turn ends as it would have", under: checked, given: CHECKING, when: [exit(137), passed()], does: ["note", "a-1 completed", "processing → idle", "notice agent_completed a-1"], then: { status: "idle", process: "gone", last: "completed" } },
      { says: "… and the next input gets a new process", under: checked, given: [...CHECKING, exit(137), input(2)], when: [passed()], does: ["a-1 completed", "a-2 begins (input)", "input 2 queued", "spawn 2", "processing → starting"], then: { turn: "a-2" } },
      { says: "a plain command is gone when its turn is over", under: command, given: [input(1), accepted(1), started, ended(), exit(0)], when: [passed("a-1")], does: ["a-1 completed", "processing → idle", "notice agent_completed a-1"], then: { status: "idle", process: "none" } },
      { says: "new settings wait until it is over", under: checked, given: [...CHECKING, configured], when: [input(2), passed()], does: ["a-1 completed", "a-2 begins (input)", "input 2 queued", "end gently", "processing → starting"], then: { turn: "a-2" } },
      { says: "an answer of an earlier turn changes nothing", under: checked, given: [...CHECKING, passed(), input(2), accepted(2), ended()], when: [passed("a-1"), notPassed("a-1")], does: [], then: { turn: "a-2", status: "processing" } },
      { says: "twice the same end is one", under: checked, given: CHECKING, when: [ended(), ended("failed"), failed("x")], does: [], then: { status: "processing", turn: "a-1" } },
      { says: "what the program begins meanwhile is a turn of its own afterwards", under: checked, given: [...CHECKING, started], when: [passed()], does: ["a-1 completed", "a-2 begins (agent)"], then: { turn: "a-2", last: "completed" } },
      { says: "… and none, if that is over before", under: checked, given: [...CHECKING, started, ended()], when: [passed()], then: { status: "idle", turn: null } },
      { says: "… and what it asks then is asked for that one", under: checked, given: [...CHECKING, started, ask("r1")], when: [passed()], then: { status: "waiting_input", turn: "a-2", pending: ["p1"] } },
      { says: "… and it can be answered meanwhile", under: checked, given: [...CHECKING, started, ask("r1")], when: [decide("p1")], does: ["p1 allowed by user", "answer p1", "waiting_input → processing"], then: { turn: "a-1" } },
      { says: "what was still asked in the turn is withdrawn when the program ends it", under: checked, given: [...WORKING, ask("r1")], when: [ended()], does: ["p1 withdrawn by turn_end", "input 1 ended", "turn_closing", "a-1 check", "waiting_input → processing"], then: { pending: [] } },
    ],
  },
  {
    about: "a check that fails",
    rows: [
      {
        says: "the turn fails, and what was wrong is the next one, without a notice and without a moment of rest",
        under: checked, given: CHECKING, when: [notPassed()],
        does: ["feed red", "a-1 failed VERIFY_FAILED", "a-2 begins (input)", "input 101 queued", "input 101 written", "prompt 101"],
        then: { status: "processing", turn: "a-2", held: false, last: "failed VERIFY_FAILED" },
      },
      { says: "passed at last: one notice that names all the turns", under: checked, given: FED, when: [ended(), passed("a-2")], does: ["input 101 ended", "turn_closing", "a-2 check", "a-2 completed", "processing → idle", "notice agent_completed a-1 a-2"], then: { status: "idle" } },
      {
        says: "fed back as often as its terms say, and then held",
        under: checked, given: [...FED, ended(), notPassed("a-2"), accepted(102), input(2), ended()], when: [notPassed("a-3")],
        does: ["a-3 failed VERIFY_FAILED", "processing → error", "notice agent_error a-1 a-2 a-3 VERIFY_FAILED"],
        then: { status: "error", queue: [2], held: true },
      },
      { says: "attempts 0: only looked at", under: looked, given: CHECKING, when: [notPassed()], does: ["a-1 failed VERIFY_FAILED", "processing → error", "notice agent_error a-1 VERIFY_FAILED"], then: { status: "error" } },
      { says: "an input meanwhile waits, and comes after what is fed back", under: checked, given: [...CHECKING, input(2)], when: [notPassed()], then: { turn: "a-2", queue: [2], inputs: { 2: "queued", 101: "written" } } },
      { says: "… and goes on right after a check that passes", under: checked, given: [...CHECKING, input(2)], when: [passed()], does: ["a-1 completed", "a-2 begins (input)", "input 2 queued", "input 2 written", "prompt 2"], then: { queue: [] } },
      { says: "somebody else's input begins a new count", under: checked, given: [...FED, input(2), ended(), passed("a-2"), accepted(2), ended()], when: [notPassed("a-3")], does: ["feed red", "a-3 failed VERIFY_FAILED", "a-4 begins (input)", "input 102 queued", "input 102 written", "prompt 102"], then: { turn: "a-4" } },
      { says: "a turn of its own does not", under: { closing: [{ ...CHECK, attempts: 1 }] }, given: [...FED, ended(), started, passed("a-2"), ended()], when: [notPassed("a-3")], does: ["a-3 failed VERIFY_FAILED", "processing → error", "notice agent_error a-1 a-2 a-3 VERIFY_FAILED"], then: { status: "error" } },
      { says: "its process is gone: feeding back counts as somebody's act and starts another", under: checked, given: [...CHECKING, exit(1)], when: [notPassed()], does: ["feed red", "a-1 failed VERIFY_FAILED", "a-2 begins (input)", "input 101 queued", "spawn 2", "processing → starting"], then: { status: "starting", run: 2 } },
      { says: "… and that process never came to be: it is sent with the next", under: checked, given: [...CHECKING, exit(1), notPassed()], when: [never, ready], then: { run: 3, inputs: { 101: "written" } } },
      { says: "what was fed back and lost before anybody confirmed it is sent again", under: checked, given: [...CHECKING, notPassed()], when: [exit(1), ready], does: ["spawn 2", "processing → starting", "input 101 written", "prompt 101", "starting → processing"], then: { turn: "a-2" } },
    ],
  },
  {
    about: "a check that is ended",
    rows: [
      { says: "abort: the turn is interrupted, and nothing is fed back", under: checked, given: CHECKING, when: [abort, notPassed()], does: ["close_cancel", "a-1 interrupted", "processing → idle", "notice agent_aborted a-1"], then: { status: "idle", last: "interrupted" } },
      { says: "abort cancels what waits", under: checked, given: [...CHECKING, input(2)], when: [abort], then: { status: "idle", inputs: { 2: "cancelled" } } },
      { says: "… or holds it", under: checked, given: [...CHECKING, input(2)], when: [abortKeeping], then: { held: true, queue: [2], status: "idle" } },
      { says: "stop", under: checked, given: CHECKING, when: [stop], does: ["close_cancel", "a-1 interrupted", "end gently", "processing → idle", "notice agent_aborted a-1"], then: { status: "idle", last: "interrupted" } },
      { says: "delete: forgotten at once where no process lives", under: command, given: [input(1), accepted(1), started, ended(), exit(0)], when: [remove], does: ["close_cancel", "a-1 interrupted", "purge", "processing → idle", "notice agent_aborted a-1"], then: {} },
      { says: "… and after its process where one does", under: checked, given: CHECKING, when: [remove], does: ["close_cancel", "a-1 interrupted", "end", "processing → idle", "notice agent_aborted a-1"], then: {} },
      { says: "mode interrupt: the new input goes first, at once", under: checked, given: [...CHECKING, input(2)], when: [input(3, "interrupt")], does: ["close_cancel", "a-1 interrupted", "a-2 begins (input)", "input 3 queued", "input 3 written", "prompt 3"], then: { turn: "a-2", queue: [2] } },
      { says: "a person takes the conversation", under: checked, given: CHECKING, when: [attach, exit(0)], then: { status: "idle", process: "attached", last: "interrupted" } },
      { says: "release and resume change nothing of it", under: checked, given: CHECKING, when: [release, resume], does: [], then: { status: "processing", turn: "a-1" } },
      { says: "what the program does by itself meanwhile is interrupted, too", under: checked, given: [...CHECKING, started], when: [abort], does: ["close_cancel", "a-1 interrupted", "a-2 begins (agent)", "interrupt"], then: { turn: "a-2" } },
      { says: "ended by somebody while its program worked, and completed all the same: not checked, so not completed", under: checked, given: [...WORKING, abort], when: [ended()], does: ["a-1 interrupted", "input 1 ended", "processing → idle", "notice agent_aborted a-1"], then: { last: "interrupted" } },
      { says: "… or out of time", under: { ...checked, limits: { turnTimeoutMs: 60_000 } }, given: [...WORKING, later(60_000)], when: [ended()], then: { last: "failed TURN_TIMEOUT" } },
      { says: "saving goes on when somebody ends the turn, and the check is left out", under: both, given: CHECKING, when: [abort, good("snapshot")], does: ["a-1 interrupted", "processing → idle", "notice agent_aborted a-1"], then: { status: "idle" } },
      { says: "saving alone: what was completed stays so", under: saved, given: CHECKING, when: [abort, good("snapshot")], does: ["a-1 completed", "processing → idle", "notice agent_completed a-1"], then: {} },
      { says: "stopped while it is saved: idle and stopped when that is done", under: both, given: [...WORKING, failed("x")], when: [stop, exit(143), good("snapshot")], then: { status: "idle", process: "stopped", last: "failed x" } },
      { says: "taken over and given back while it is saved", under: both, given: CHECKING, when: [attach, exit(0), input(2), detach, good("snapshot")], then: { turn: "a-2", status: "starting", last: "interrupted" } },
    ],
  },
  {
    about: "saving that takes long",
    rows: [
      { says: "the turn's end waits two seconds for it", under: saved, given: WORKING, when: [ended(), later(1999)], does: ["input 1 ended", "turn_closing", "a-1 snapshot"], then: { status: "processing", turn: "a-1" } },
      { says: "… and is told then, while it is saved on", under: saved, given: [...WORKING, ended()], when: [later(2000)], does: ["a-1 completed", "processing → idle", "notice agent_completed a-1"], then: { status: "idle", turn: null, last: "completed" } },
      { says: "where a check comes after it, the end waits for both", under: both, given: [...WORKING, ended()], when: [later(20_000)], does: [], then: { status: "processing", turn: "a-1" } },
      { says: "saved at last: nothing more is to be done", under: saved, given: BEHIND, when: [good("snapshot"), good("snapshot")], does: [], then: { status: "idle" } },
      { says: "an input is taken on at once, and written when all is saved", under: saved, given: BEHIND, when: [input(2)], does: ["a-2 begins (input)", "input 2 queued", "idle → processing"], then: { status: "processing", turn: "a-2", cause: "api: saving what the turn before it left" } },
      { says: "… by whom it is saved then", under: saved, given: [...BEHIND, input(2)], when: [good("snapshot")], does: ["input 2 written", "prompt 2"], then: { status: "processing", cause: "check: saved" } },
      { says: "… or when its time is over, and nobody says how it ended", under: saved, given: [...BEHIND, input(2)], when: [later(28_000), later(15_000)], does: ["close_expired", "close_cancel", "input 2 written", "prompt 2"], then: { status: "processing" } },
      { says: "what waited in the queue waits on", under: saved, given: [...WORKING, input(2), ended()], when: [later(2000)], does: ["a-1 completed", "a-2 begins (input)", "input 2 queued"], then: { status: "processing", turn: "a-2", queue: [] } },
      { says: "an input that waits for it can be taken back", under: saved, given: [...BEHIND, input(2)], when: [abort], does: ["a-2 interrupted", "input 2 cancelled", "processing → idle", "notice agent_aborted a-2"], then: { status: "idle" } },
      { says: "its process ends meanwhile: the next is started when all is saved", under: saved, given: [...BEHIND, input(2), exit(1)], when: [good("snapshot")], does: ["spawn 2", "processing → starting"], then: { status: "starting" } },
      { says: "a plain command is not started before, either", under: { ...command, ...saved }, given: [input(1), accepted(1), started, ended(), exit(0), later(2000), input(2)], when: [good("snapshot")], does: ["spawn 2", "input 2 written"], then: { status: "processing", turn: "a-2" } },
      { says: "a turn of the program's own is saved instead", under: saved, given: [...BEHIND, started], when: [ended()], does: ["close_cancel", "turn_closing", "a-2 snapshot"], then: { status: "processing", turn: "a-2" } },
      { says: "deleted: nobody wants it any more", under: saved, given: BEHIND, when: [remove], does: ["close_cancel", "end"], then: {} },
    ],
  },
  {
    about: "a check that is lost, or takes too long",
    rows: [
      { says: "lost once: it is run again", under: checked, given: CHECKING, when: [lostStep()], does: ["turn_closing", "a-1 check"], then: { status: "processing", turn: "a-1" } },
      { says: "… and may pass then", under: checked, given: [...CHECKING, lostStep()], when: [passed()], then: { last: "completed" } },
      { says: "lost twice: failed, VERIFY_LOST, nothing is fed back", under: checked, given: [...CHECKING, lostStep()], when: [lostStep()], does: ["a-1 failed VERIFY_LOST", "processing → error", "notice agent_error a-1 VERIFY_LOST"], then: { status: "error" } },
      { says: "a turn that cannot be saved is not failed for it", under: both, given: CHECKING, when: [lostStep("snapshot"), lostStep("snapshot")], does: ["turn_closing", "a-1 snapshot", "turn_closing", "a-1 check"], then: { status: "processing" } },
      { says: "out of time: it is told to end, and says how", under: checked, given: CHECKING, when: [later(600_000), notPassed()], does: ["close_expired", "feed red", "a-1 failed VERIFY_FAILED", "a-2 begins (input)", "input 101 queued", "input 101 written", "prompt 101"], then: {} },
      { says: "… and is done without when it does not", under: checked, given: CHECKING, when: [later(615_000)], does: ["close_expired", "close_cancel", "a-1 failed VERIFY_LOST", "processing → error", "notice agent_error a-1 VERIFY_LOST"], then: {} },
      { says: "saving has its time, too, and the check comes after it", under: both, given: CHECKING, when: [later(45_000)], does: ["close_expired", "close_cancel", "turn_closing", "a-1 check"], then: { status: "processing" } },
      { says: "its time counts from its own beginning", under: both, given: [...CHECKING, later(20_000), good("snapshot")], when: [later(599_999)], does: [], then: {} },
    ],
  },
];
