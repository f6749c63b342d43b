/**
 * What must hold of the reducer whatever happens in whatever order. It keeps its own books from the facts and effects
 * alone and never asks the reducer's own functions, so that a mistake there cannot excuse itself.
 */
import type { Effect, Fact } from "../../../../src/agents/model.ts";
import { initialState } from "../../../../src/store/agent-state.ts";
import { isBusy } from "../../../../src/words/agent.ts";
import type { AgentState, InputState } from "../../../../src/words/agent.ts";
import type { NoticeEvent } from "../../../../src/words/notices.ts";
import { createClosingBooks } from "./oracle-closing.ts";
import { START_MS } from "./world.ts";
import type { Under, World } from "./world.ts";

const FINAL: readonly InputState[] = ["ended", "unknown", "cancelled"];
const MAY_START: readonly Fact["type"][] = ["input", "resume", "release", "detach", "fed", "go_on"];

/** What a program says that lacked something for the moment. */
const LACKS = /database is locked/;

export class Violation extends Error {}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Violation(what);
}

export function createOracle(under: Under) {
  const closing = createClosingBooks(under, must);
  let before: AgentState = initialState(START_MS);
  let open: string | null = null;
  const stalled = new Set<string>();
  const turns = new Map<string, "open" | "closed" | "told">();
  const inputs = new Map<number, InputState>();
  const prompts = new Map<number, number>();
  const absent = new Set<string>();
  const permissions = new Map<string, { settled: boolean; sent: number; told: number }>();
  let process: "none" | "spawned" | "ready" | "ending" = "none";
  let intent: AgentState["intent"] = null;
  const limits = new Set<string>();
  let budget = 1;
  let startFailed = false;
  let purged = false;
  let nothingRan = false;
  /** A person wants the conversation, and has it as soon as our process is gone. */
  let taken = false;
  /** It ended while a turn that was over for it was being closed: that turn ends as it would have. */
  let goneClosing = false;
  const attached = (): boolean => taken && process === "none";

  /** Free tries of a start that failed for want of something; one is due. */
  let tries = 0;
  let due = false;

  const beforeFact = (fact: Fact): void => {
    if (MAY_START.includes(fact.type)) {
      budget = 1;
      tries = 0;
    }
    if (fact.type === "attach" && intent !== "delete" && !under.oneshot) taken = true;
    if (fact.type === "detach") taken = false;
    closing.before(fact);
    if (fact.type === "input" || fact.type === "fed") inputs.set(fact.id, "queued");
    if (fact.type === "go_on" && fact.input !== null) inputs.set(fact.input.id, "queued");
    if (fact.type === "input_absent") absent.add(fact.key);
    if (fact.type === "ready" && process === "spawned") {
      process = "ready";
      tries = 0;
    }
    nothingRan = fact.type === "exit" && fact.never === true;
    if (fact.type === "exit" && process !== "none") {
      // Replaced or ended by ourselves, or never there: that start does not count.
      if (fact.never === true || intent === "restart" || intent === "timeout") budget = 1;
      if (before.run > 0 && !before.ready) startFailed = true;
      const failed = !before.ready && (intent === null || intent === "refused") && fact.never !== true;
      due = failed && tries < 3 && LACKS.test(before.startError?.message ?? fact.stderrTail);
      if (due) {
        tries += 1;
        budget = 1;
      }
      process = "none";
      goneClosing = closing.isOpen();
      // Its turn was over: what waits has lost nothing, and gets the process that it needs.
      if (goneClosing) budget = 1;
    }
  };

  const input = (id: number, to: InputState): void => {
    const from = inputs.get(id);
    must(from !== undefined, `input ${id} was never sent`);
    must(from === undefined || !FINAL.includes(from), `input ${id} was ${from} and is ${to}`);
    if (to === "written" && under.oneshot)
      must(from === "queued" || nothingRan, `input ${id} was ${from} and is spawned again`);
    if (to === "accepted") must(from === "written", `input ${id} is accepted, but was ${from}`);
    if (to === "cancelled")
      must(
        from === "queued" || (under.redelivery === "history" && absent.has(`k${id}`)) || under.oneshot,
        `input ${id} was ${from} and is cancelled`,
      );
    inputs.set(id, to);
  };

  const effect = (each: Effect, after: AgentState, fact: Fact): void => {
    closing.effect(each);
    switch (each.do) {
      case "spawn":
        due = goneClosing = false;
        must(process === "none", "two processes at once");
        must(!taken, "a process beside a person's screen");
        must(budget > 0 || under.oneshot, "a start that nobody asked for");
        budget -= 1;
        process = under.oneshot ? "ready" : "spawned";
        return;
      case "prompt": {
        must(process === "ready", `a prompt for a process that is ${process}`);
        must(inputs.get(each.input) === "written", `a prompt that is ${inputs.get(each.input)} in the books`);
        const times = (prompts.get(each.input) ?? 0) + 1;
        prompts.set(each.input, times);
        const key = `k${each.input}`;
        if (times > 1 && under.redelivery === "none") must(absent.has(key), `input ${each.input} was sent twice`);
        if (times > 1 && under.redelivery === "history")
          must(absent.delete(key), `input ${each.input} was sent again without a proof`);
        absent.delete(key);
        return;
      }
      case "end":
        must(process !== "none", "an end of nothing");
        process = "ending";
        return;
      case "open_turn":
        must(open === null, "two turns at once");
        must(!turns.has(each.turn.id), `turn ${each.turn.id} begins twice`);
        open = each.turn.id;
        turns.set(open, "open");
        return;
      case "close_turn":
        must(open === each.turn.id, `turn ${each.turn.id} ends, open is ${open}`);
        turns.set(each.turn.id, "closed");
        open = null;
        return;
      case "input_state":
        return input(each.id, each.state);
      case "open_permission":
        must(!permissions.has(each.id), `permission ${each.id} is asked twice`);
        permissions.set(each.id, { settled: false, sent: 0, told: 0 });
        return;
      case "settle_permission": {
        const known = permissions.get(each.id);
        must(known !== undefined && !known.settled, `permission ${each.id} is settled twice`);
        must(each.state !== "allowed" || each.by === "user" || under.permissions === "allow", "a yes that nobody said");
        if (known !== undefined) known.settled = true;
        return;
      }
      case "answer": {
        const known = permissions.get(each.permission);
        must(
          known !== undefined && known.settled && known.sent === 0,
          `permission ${each.permission} is answered unsettled or twice`,
        );
        if (known !== undefined) known.sent += 1;
        return;
      }
      case "purge":
        purged = true;
        return;
      case "notice":
        return notice(each, after, fact);
      case "limit_found":
        limits.add(each.limit.scope);
        return;
      case "limit_over":
        must(limits.delete(each.scope), `limit ${each.scope} is over and was not there`);
        return;
      case "interrupt":
      case "inspect_tree":
      case "limits_changed":
      case "allowance":
      case "event":
      case "close_step":
      case "close_expired":
      case "close_cancel":
      case "feed":
        return;
    }
  };

  const notice = (each: Extract<Effect, { do: "notice" }>, after: AgentState, fact: Fact): void => {
    if (each.event === "agent_waiting_input") {
      const known = permissions.get(each.permission ?? "");
      must(known !== undefined && known.told === 0, `permission ${each.permission} is told twice`);
      if (known !== undefined) known.told += 1;
      return;
    }
    if (each.event === "agent_limited" || each.event === "agent_resumed") {
      must(turns.get(each.turn ?? "") === "open", `turn ${each.turn} is told of and is ${turns.get(each.turn ?? "")}`);
      must(each.limit !== undefined && limits.has(each.limit.scope), `${each.event} of a limit that nobody met`);
      return;
    }
    if (each.event === "agent_stalled") {
      const what = after.turn?.id ?? `the start of run ${after.run}`;
      must(after.turn === null ? after.startInLine : turns.get(what) === "open", `${what} is not under way`);
      must(!stalled.has(what), `${what} is told as stalled twice`);
      stalled.add(what);
      return;
    }
    must(
      isBusy(before.status) && !isBusy(after.status),
      `a notice while ${before.status} → ${after.status} (${fact.type})`,
    );
    must(each.turns.length > 0 || startFailed, "a notice without an ended turn or a failed start");
    for (const turn of each.turns) {
      must(turns.get(turn) === "closed", `turn ${turn} is told while ${turns.get(turn)}`);
      turns.set(turn, "told");
    }
    startFailed = false;
    const outcome = after.lastTurn?.outcome;
    const due: NoticeEvent =
      after.status === "exited"
        ? "agent_exited"
        : outcome === "completed"
          ? "agent_completed"
          : outcome === "interrupted"
            ? "agent_aborted"
            : "agent_error";
    must(each.event === due, `${each.event} is told, due is ${due}`);
  };

  /** Queue order: what is in both keeps its order, what is new is last, or first behind the one that is worked on. */
  const order = (after: AgentState, fact: Fact): void => {
    const line = (s: AgentState) => [...(s.flight === null ? [] : [s.flight.input]), ...s.queue.map((each) => each.id)];
    const [was, is] = [line(before), line(after)];
    must(new Set(is).size === is.length, "an input stands in line twice");
    const [kept, keeps] = [was.filter((id) => is.includes(id)), is.filter((id) => was.includes(id))];
    must(kept.join() === keeps.join(), `the order was ${was.join()} and is ${is.join()}`);
    for (const id of is.filter((each) => !was.includes(each))) {
      if (fact.type === "go_on") {
        must(fact.input?.id === id && after.flight?.input === id, `input ${id} makes nothing go on`);
        continue;
      }
      must((fact.type === "input" || fact.type === "fed") && fact.id === id, `input ${id} came from nowhere`);
      const place = is.indexOf(id);
      const first = place === 0 || (place === 1 && after.flight !== null && after.flight.input === is[0]);
      must(
        fact.type === "fed" || (fact.type === "input" && fact.mode === "interrupt") ? first : place === is.length - 1,
        `input ${id} is at place ${place} of ${is.join()}`,
      );
    }
    for (const [id, state] of inputs)
      must(is.includes(id) !== FINAL.includes(state), `input ${id} is ${state}, in line: ${is.join()}`);
  };

  const consistent = (s: AgentState): void => {
    const live = s.process === "running" && s.ready;
    const waiting = s.open.some((each) => !each.answered);
    const there = s.process === "running" || s.process === "parking";
    must((s.turn?.id ?? null) === open, `the open turn is ${s.turn?.id}, by the books ${open}`);
    must(there === (process !== "none"), `process ${s.process}, by the books ${process}`);
    must(
      isBusy(s.status) === (s.turn !== null || s.wanted || (live && waiting)),
      `status ${s.status} with turn ${s.turn?.id}`,
    );
    must((s.status === "waiting_input") === (live && waiting), `status ${s.status}, waiting: ${waiting}`);
    const limited = s.limited !== null && s.limited.stage !== "going";
    must(
      (s.status === "limited") === (limited && !(live && waiting)),
      `status ${s.status}, limited: ${s.limited?.stage}`,
    );
    must(s.limited === null || s.turn !== null, "a limit without a turn that meets it");
    must(!limited || s.turn?.closing == null, "a turn that waits and is being closed");
    must(s.limited?.stage !== "leaving" || there, "no process is left that waits by itself");
    if (s.limited?.stage === "parked")
      must(s.flight === null || s.flight.run === null, "a parked turn whose input runs");
    if (s.status === "processing")
      must(
        closing.isSaving() || ((live || closing.isOpen()) && s.turn !== null),
        `processing with process ${s.process}`,
      );
    if (s.status === "starting") must((!live || s.intent !== null) && !closing.isOpen(), "starting, and ready");
    must((s.process === "attached") === attached(), `process ${s.process}, by the books attached: ${attached()}`);
    if (isBusy(s.status))
      must(
        there || attached() || due || closing.isOpen() || closing.isSaving() || limited,
        `${s.status} without a process`,
      );
    must((s.status === "exited") <= (s.process === "gone"), `exited with process ${s.process}`);
    if (s.process === "gone" && !isBusy(s.status) && !goneClosing)
      must(s.status === "exited" || s.status === "error", `process gone and ${s.status}`);
    if (s.status === "error")
      must(s.lastTurn?.outcome === "failed" || s.lastTurn?.outcome === "lost", `error after ${s.lastTurn?.outcome}`);
    if (under.oneshot) must(s.status !== "exited" && s.process !== "gone", "a plain command that is exited");
    must(s.process !== "parking" || s.intent !== null, "parking without an intent");
    must(there || (s.intent === null && !s.ready && s.open.length === 0), "something of a process that is gone");
    must(!s.held || s.queue.length > 0, "nothing is held");
    must(s.queue.length === 0 || s.held || s.turn !== null || s.intent === "delete", "an input waits for nothing");
    for (const { id, turn } of s.open)
      must(turn === null || turn === s.turn?.id, `permission ${id} of the ended turn ${turn}`);
    for (const [id, { settled }] of permissions)
      must(
        settled !== s.open.some((each) => each.id === id && !each.answered),
        `permission ${id}, settled: ${settled}`,
      );
    if (!isBusy(s.status)) for (const [id, state] of turns) must(state !== "closed", `nobody was told of turn ${id}`);
  };

  return {
    purged: () => purged,
    before: beforeFact,
    after(fact: Fact, effects: readonly Effect[], after: AgentState) {
      for (const each of effects) effect(each, after, fact);
      if (purged) return;
      order(after, fact);
      consistent(after);
      closing.after(after);
      if (!isBusy(after.status)) startFailed = false;
      intent = after.intent;
      before = after;
    },
  };
}

export type Oracle = ReturnType<typeof createOracle>;

/** From any state: a stop and its exit leave nothing open. */
export function canBeStopped(it: World): void {
  if (it.state().intent === "delete") return;
  it.do({ type: "detach" }, { type: "stop" }, { type: "exit", code: 143, stderrTail: "" });
  finishClosing(it);
  const { status, turn, process } = it.state();
  must(
    turn === null && status === "idle" && process === "stopped",
    `stopped, it is ${status}, ${process}, turn ${turn?.id}`,
  );
}

/** What saves a turn is done, whoever ends it. */
function finishClosing(it: World): void {
  for (let step = closingStep(it); step !== null; step = closingStep(it)) it.do(step);
}

function closingStep(it: World): Fact | null {
  const { turn, saving } = it.state();
  if (saving !== null) return { type: "step_done", turn: saving.turn, step: "snapshot", found: { is: "good" } };
  const step = turn?.closing?.steps[0];
  return turn === null || step === undefined ? null : { type: "step_done", turn: turn.id, step, found: { is: "good" } };
}

/** From any state: a program that dies and dies again comes to rest. */
export function cannotLoop(it: World): void {
  it.do({ type: "detach" });
  for (let deaths = 0; deaths < 4; deaths += 1) {
    if (it.state().again !== null) it.do({ later: 10_000 });
    it.do({ type: "exit", code: 1, stderrTail: "" }, { type: "ready" });
    finishClosing(it);
  }
  const { status, limited } = it.state();
  must(!isBusy(status) || limited?.stage === "parked", `after four deaths it is ${status}`);
}

/** From any state: a program that does its work brings every input to its end. */
export function drains(it: World): void {
  if (it.state().intent === "delete") return;
  it.do({ type: "detach" }, { type: "release" });
  for (let steps = 0; steps < 200; steps += 1) {
    const s = it.state();
    const { flight } = s;
    const asked = s.open.find((each) => !each.answered);
    const step = closingStep(it);
    const parked = s.limited?.stage === "parked";
    // A plain command's next input waits for the end of the process before.
    if (s.saving !== null && step !== null) it.do(step);
    else if (s.again !== null && s.process !== "running" && s.intent === null) it.do({ later: 10_000 });
    else if (s.intent !== null || (!parked && s.ready && flight?.run === null))
      it.do({ type: "exit", code: 0, stderrTail: "" });
    else if (s.process === "running" && !s.ready) it.do({ type: "ready" });
    else if (parked)
      it.do({ type: "go_on", input: flight === null ? { id: 1000 + steps, key: `k${1000 + steps}` } : null });
    else if (asked !== undefined) it.do({ type: "decide", id: asked.id, decision: "allow" });
    else if (flight !== null && flight.run !== s.run) it.do({ type: "input_absent", key: flight.key });
    else if (flight !== null && !flight.accepted) it.do({ type: "input_accepted", key: flight.key });
    else if (step !== null) it.do(step);
    else if (s.turn !== null) it.do({ type: "turn_ended", outcome: "completed" });
    else if (s.held) it.do({ type: "release" });
    else break;
  }
  const left = Object.entries(it.inputs).filter(([, state]) => !FINAL.includes(state));
  must(
    left.length === 0 && !isBusy(it.state().status),
    `it is ${it.state().status}, and these never end: ${JSON.stringify(left)}`,
  );
}
