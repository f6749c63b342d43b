/**
 * What becomes of a turn whose account cannot work on, and how it goes on. A limit passes: the turn is laid down and
 * goes on as the same turn. What a person has to pay or to log in for does not: that turn fails, and the queue is held.
 */
import type { AgentState } from "../../words/agent.ts";
import type { Fact } from "../model.ts";
import type { AccountLimit, LimitClass, LimitFound } from "../../words/limits.ts";
import { finishTurn } from "./closing.ts";
import { MOST_ATTEMPTS, known } from "./limit-time.ts";
import { isParked, layDown, waits } from "./parked.ts";
import { advance, closeTurn, reached } from "./turns.ts";
import type { Work } from "./work.ts";

/** How such a failure is called. */
const CODES: Readonly<Record<LimitClass, string>> = { limit: "USAGE_LIMIT", billing: "BILLING", auth: "AUTH_REQUIRED" };
const UNPAID: readonly string[] = [CODES.billing, CODES.auth];

/** Its last turn has failed for what a person has to mend. */
export function isUnpaid({ status, lastTurn }: Pick<AgentState, "status" | "lastTurn">): boolean {
  return status === "error" && UNPAID.includes(lastTurn?.error?.code ?? "");
}

/** The open turn met it, and its program has let go of it. */
export function meetLimit(work: Work, found: LimitFound): void {
  const { s, env } = work;
  const turn = s.turn;
  if (turn === null) return;
  const before = work.accountLimits.find((each) => each.scope === found.scope && each.class === found.class);
  const finding = { account: env.account, agent: env.agentId, found, nowMs: env.nowMs, pace: env.pace };
  if (found.class !== "limit") {
    // Whose turn began when that was known already has not heard of it: it is told anew.
    const heard = before !== undefined && turn.startedAt <= before.since ? before : undefined;
    const limit = { ...known(heard, { ...finding, tried: false }), resetsAt: null, resumesAt: null, guessed: false };
    keep(work, limit);
    work.limit = limit;
    return fail(work, found);
  }
  const attempts = s.limited?.attempts ?? 0;
  const limit = known(before, { ...finding, tried: s.limited !== null && attempts > 0 });
  keep(work, limit);
  if (env.onLimit === "fail") return fail(work, found);
  if (attempts >= MOST_ATTEMPTS)
    return fail(work, { ...found, message: `after ${attempts} attempts: ${found.message}` });
  layDown(work, limit);
}

function keep(work: Work, limit: AccountLimit): void {
  work.accountLimits = [...work.accountLimits.filter(({ scope }) => scope !== limit.scope), limit];
  work.out.push({ do: "limit_found", limit });
}

function fail(work: Work, { class: kind, message }: LimitFound): void {
  const error = { code: CODES[kind], message };
  work.detail = message;
  // What the program never had is not lost with the turn.
  if (work.s.flight !== null && work.s.flight.run === null) closeTurn(work, "failed", error, "requeue");
  else finishTurn(work, "failed", error);
}

/** It waits by itself, for hours: such a wait is ours, and survives its process. */
export function takeOut(work: Work, { class: kind, scope, resetsAt, message }: LimitFound): void {
  const { s, out, env } = work;
  if (s.turn === null || s.turn.interrupt !== null || s.turn.closing !== null || !reached(s) || waits(s)) return;
  s.limited = {
    stage: "leaving",
    stageAt: env.ranMs,
    class: kind,
    account: env.account,
    scope,
    message,
    resetsAt,
    resumesAt: resetsAt ?? env.nowMs,
    guessed: resetsAt === null,
    since: s.limited?.since ?? env.nowMs,
    attempts: s.limited?.attempts ?? 0,
  };
  s.retrying = null;
  work.detail = `waits for its account: ${message}`;
  if (s.ready && s.process === "running" && s.intent === null) out.push({ do: "interrupt" });
}

/** Its process is gone, and the turn stays: it waits. False where it waited for nothing. */
export function outlivesExit(work: Work): boolean {
  const { s } = work;
  if (s.limited === null || !waits(s) || s.turn === null || s.turn.interrupt !== null) return false;
  if (s.limited.stage === "leaving") meetLimit(work, s.limited);
  return true;
}

/** The time has come. The program goes on from its history; what it never had is given to it now. */
export function goOn(work: Work, { input }: Extract<Fact, { type: "go_on" }>): void {
  const { s, out, env } = work;
  const { turn, limited } = s;
  if (turn === null || limited === null || !isParked(s) || (s.flight === null && input === null)) {
    if (input !== null) out.push({ do: "input_state", id: input.id, state: "cancelled" });
    return;
  }
  s.limited = { ...limited, stage: "going", stageAt: env.ranMs, attempts: limited.attempts + 1 };
  const last = turn.parked.at(-1);
  s.turn = {
    ...turn,
    parked: last === undefined ? turn.parked : [...turn.parked.slice(0, -1), { ...last, to: env.nowMs }],
  };
  if (s.flight === null && input !== null) {
    s.flight = { input: input.id, key: input.key, run: null, accepted: false };
    out.push({ do: "input_state", id: input.id, state: "queued", turn: turn.id });
  } else if (input !== null) out.push({ do: "input_state", id: input.id, state: "cancelled" });
  s.starts = 1;
  s.again = null;
  s.lastFrameAt = s.progressAt = env.ranMs;
  work.detail = "goes on after its account's limit";
  advance(work);
}

/** Somebody ends a turn that waits: nothing runs that would have to be asked. False where none does. */
export function endWaiting(work: Work): boolean {
  if (!isParked(work.s) || work.s.flight !== null) return false;
  work.detail = "ended while it waited for its account";
  finishTurn(work, "interrupted");
  return true;
}

export function limitMoved(
  { s }: Work,
  { resetsAt, resumesAt, guessed }: Extract<Fact, { type: "limit_moved" }>,
): void {
  if (s.limited !== null && isParked(s)) s.limited = { ...s.limited, resetsAt, resumesAt, guessed };
}

/** The model said something: whatever kept this account from working is over. */
export function answered(work: Work): void {
  const { s, out } = work;
  const { limited } = s;
  const mine = limited?.stage === "going" ? limited.scope : null;
  if (mine !== null) s.limited = null;
  for (const limit of work.accountLimits) {
    if (limit.class === "limit" && limit.scope !== mine) continue;
    if (limit.class === "limit" && s.turn !== null)
      out.push({ do: "notice", event: "agent_resumed", turns: [], turn: s.turn.id, limit });
    out.push({ do: "limit_over", account: limit.account, scope: limit.scope });
    work.accountLimits = work.accountLimits.filter((each) => each !== limit);
  }
  if (mine !== null) out.push({ do: "limits_changed" });
}

/** It waited for longer than anybody wants it to. */
export function gaveUp(work: Work): void {
  const { s, env } = work;
  if (s.limited === null) return;
  const { message } = s.limited;
  fail(work, {
    ...s.limited,
    message: `it waited longer than limits.limitMaxWaitMs (${env.limits.limitMaxWaitMs} ms): ${message}`,
  });
}
