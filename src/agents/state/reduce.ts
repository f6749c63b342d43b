/**
 * The one place that decides a status: `(state, fact) → {state, effects}`, pure.
 * `rest` is what the agent is when nothing goes on; everything else is derived from what does go on, so that no code
 * path can forget to set a status. The notice that busy ended is decided here too, in the same step and so in the same
 * transaction.
 */
import type { Fact, Outcome, Surroundings } from "../model.ts";
import { isBusy } from "../../words/agent.ts";
import type { AgentState, Cause, Status, TurnOutcome } from "../../words/agent.ts";
import type { ToldCause } from "../../words/events.ts";
import type { NoticeEvent } from "../../words/notices.ts";
import { onClosing } from "./closing.ts";
import { onExit } from "./exit.ts";
import { onProviderFact } from "./frames.ts";
import { goOn, limitMoved } from "./limit.ts";
import { waits } from "./parked.ts";
import { onRecheck } from "./spending.ts";
import { onTick } from "./time.ts";
import { onStartTurn, reached } from "./turns.ts";
import { onUserFact } from "./user.ts";
import type { Work } from "./work.ts";
import { given } from "../../lib/given.ts";

export function reduce(state: AgentState, fact: Fact, env: Surroundings): Outcome {
  const work: Work = {
    s: { ...state },
    out: [],
    env,
    detail: fact.type,
    accountLimits: env.accountLimits,
  };
  apply(work, fact);
  settle(work, state);
  return { state: work.s, effects: work.out };
}

function apply(work: Work, fact: Fact): void {
  switch (fact.type) {
    case "input":
    case "drop_input":
    case "release":
    case "abort":
    case "stop":
    case "resume":
    case "delete":
    case "attach":
    case "detach":
    case "configured":
    case "decide":
      return onUserFact(work, fact);
    case "start_in_line":
    case "start_begins":
      return onStartTurn(work, fact);
    case "go_on":
      return goOn(work, fact);
    case "limit_moved":
      return limitMoved(work, fact);
    case "recheck":
      return onRecheck(work);
    case "tick":
    case "park":
    case "start_waits":
      return onTick(work, fact);
    case "step_done":
    case "fed":
      return onClosing(work, fact);
    case "exit":
    case "torn":
    case "replace":
    case "broken":
      return onExit(work, fact);
    default:
      return onProviderFact(work, fact);
  }
}

/** What the agent is, from what goes on. */
export function statusOf(s: AgentState): Status {
  if (s.process === "running" && s.ready && s.open.some((each) => !each.answered)) return "waiting_input";
  if (waits(s)) return "limited";
  // Work is there, and a process only when that is done.
  if (s.saving !== null && (s.turn !== null || s.wanted)) return "processing";
  if (s.turn !== null) {
    if (s.turn.closing !== null) return "processing";
    const live = s.process === "running" && s.ready;
    return live && (reached(s) || s.intent === null) ? "processing" : "starting";
  }
  if (s.wanted) return "starting";
  return s.rest;
}

function settle(work: Work, before: AgentState): void {
  const { s, env } = work;
  if (s.queue.length === 0) s.held = false;
  if (!s.held && s.turn === null) s.overspent = null;
  const status = statusOf(s);
  countActiveTime(work, status);
  if (isBusy(before.status) && !isBusy(status)) s.quietSince = env.ranMs;
  if ((s.turn === null || waits(s)) && !s.wanted) s.again = null; // nobody waits for it any more
  if (status !== before.status) {
    s.cause = { source: env.source, detail: work.detail, at: env.nowMs };
    s.status = status;
    // The time of waiting for a person is no silence.
    if (status === "processing") s.lastFrameAt = s.progressAt = env.ranMs;
    work.out.push({
      do: "event",
      type: "agent_status",
      data: { from: before.status, to: status, cause: told(s.cause) },
    });
    if (s.stalled) s.stalled = false;
  }
  if (isBusy(before.status) && !isBusy(status)) notify(work, status);
}

const told = (cause: Cause): ToldCause => ({ ...cause, at: new Date(cause.at).toISOString() });

/**
 * Waiting for a person, who answers or who has the conversation on the screen, or for the account's allowance, does not
 * count as the turn's time, nor what is done when its program is ready with it.
 */
function countActiveTime({ s, env }: Work, status: Status): void {
  const turn = s.turn;
  if (turn === null) return;
  const waiting = status === "waiting_input" || status === "limited" || s.process === "attached";
  const counts = !waiting && turn.closing === null;
  if (counts && turn.countingSince === null) s.turn = { ...turn, countingSince: env.ranMs };
  if (!counts && turn.countingSince !== null) {
    s.turn = { ...turn, activeMs: turn.activeMs + env.ranMs - turn.countingSince, countingSince: null };
  }
}

function notify({ s, out, limit }: Work, status: Status): void {
  if (s.unnoticed.length === 0 && !s.startFailed) return;
  const error = status === "exited" ? (s.startError ?? s.lastTurn?.error) : s.lastTurn?.error;
  out.push({
    do: "notice",
    event: noticeFor(s, status),
    turns: s.unnoticed,
    ...given({ error, limit }),
  });
  s.unnoticed = [];
  s.startFailed = false;
}

/** What the end of busy is told as: by the status that is left, or else by how the last turn ended. */
const TOLD_BY_STATUS: Readonly<Record<Status, NoticeEvent | "by outcome">> = {
  starting: "by outcome",
  processing: "by outcome",
  waiting_input: "by outcome",
  limited: "by outcome",
  idle: "by outcome",
  error: "by outcome",
  exited: "agent_exited",
};
const TOLD_BY_OUTCOME: Readonly<Record<TurnOutcome, NoticeEvent>> = {
  completed: "agent_completed",
  interrupted: "agent_aborted",
  failed: "agent_error",
  lost: "agent_error",
};

function noticeFor(s: AgentState, status: Status): NoticeEvent {
  const told = TOLD_BY_STATUS[status];
  return told === "by outcome" ? TOLD_BY_OUTCOME[s.lastTurn?.outcome ?? "failed"] : told;
}
