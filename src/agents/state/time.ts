/** Our own clock as a witness: deadlines make causes and events visible; none of them ever says yes. */
import { unreachable } from "../../lib/unreachable.ts";
import type { Fact, Limits, Surroundings } from "../model.ts";
import { INTERRUPT_GRACE_MS } from "../model.ts";
import { given } from "../../lib/given.ts";
import { isBusy } from "../../words/agent.ts";
import type { AgentState, Elapsed } from "../../words/agent.ts";
import { workDeadlines } from "./budget.ts";
import { CLOSING_GRACE_MS, closingDue, onClosingDue } from "./closing.ts";
import { onSavingDue, savingDue } from "./saving.ts";
import { gaveUp } from "./limit.ts";
import { isParked } from "./parked.ts";
import { advance, dispatch, endProcess, interrupt, wantsProcess, wroteInstead } from "./turns.ts";
import { checkSpent } from "./spending.ts";
import type { Work } from "./work.ts";

export function onTick(work: Work, fact: Extract<Fact, { type: "tick" | "park" | "start_waits" }>): void {
  const { s, out, env } = work;
  if (fact.type === "start_waits") return startWaits(work, fact.message);
  if (fact.type === "park") {
    if (!mayPark(s)) return;
    if (!fact.clean) {
      s.quietSince = env.ranMs; // something still works in its tree: look again later
      return;
    }
    work.detail = "parking";
    return endProcess(work, "park", true);
  }
  for (const due of deadlines(s, env)) {
    if (due.at > env.ranMs) continue;
    switch (due.what) {
      case "start":
        s.startError = {
          code: "START_TIMEOUT",
          message: `the program was not ready after ${env.startDeadlineMs} ms${wroteInstead(s)}`,
        };
        endProcess(work, "refused", false);
        break;
      case "again":
        advance(work);
        break;
      case "saving":
        onSavingDue(work);
        break;
      case "closing":
        onClosingDue(work);
        break;
      case "turn":
        out.push({ do: "event", type: "turn_timeout", data: { turn: s.turn?.id, limitMs: env.limits.turnTimeoutMs } });
        work.detail = "turn timed out";
        interrupt(work, "timeout");
        break;
      case "budget":
        checkSpent(work);
        break;
      case "interrupt":
        endProcess(work, "timeout", false);
        break;
      case "leave":
        endProcess(work, "park", false);
        break;
      case "limit":
        gaveUp(work);
        dispatch(work);
        break;
      case "stall":
        stall(work);
        break;
      case "permission":
        s.open = s.open.map((each) => (each.id === due.permission ? { ...each, answered: true } : each));
        work.detail = "permission timed out";
        out.push(
          {
            do: "settle_permission",
            id: due.permission,
            state: "denied",
            by: "timeout",
            answer: {
              decision: "deny",
              message: `denied: nobody answered within ${env.limits.permissionTimeoutMs} ms`,
            },
          },
          { do: "answer", permission: due.permission },
        );
        break;
      case "park":
        out.push({ do: "inspect_tree" });
        break;
      default:
        return unreachable(due);
    }
  }
}

/**
 * Nothing was begun, so nothing has failed, and its time has not begun either. What is told each time anew is no
 * progress.
 */
function startWaits({ s, out, env }: Work, message: string): void {
  if (s.process !== "running") return;
  s.startInLine = true;
  if (s.cause.detail.endsWith(message)) return;
  s.cause = { source: env.source, detail: message, at: env.nowMs };
  out.push({ do: "event", type: "note", data: { level: "warn", code: "start_waits", message } });
}

/** What is known of a model call that is tried again and again. */
function retried({ reason, status, nextAt }: NonNullable<AgentState["retrying"]>): string {
  const next = nextAt === undefined ? "" : `, next try ${new Date(nextAt).toISOString().slice(0, 16)}Z`;
  return `${status === null ? "" : `${status} `}${reason}${next}`;
}

/** No process works on it yet. A plain command counts as ready from its start, which may have to wait, too. */
const isStarting = ({ status, startInLine }: AgentState): boolean => status === "starting" || startInLine;

/** A tool may be silent for longer than a model. 0 = never told. */
function stallLimit(s: AgentState, limits: Limits): number {
  return s.tool === null || isStarting(s) ? limits.stallWarnMs : limits.toolStallWarnMs;
}

/** What we end by ourselves may hang in that, too; who asked for an end is answered otherwise. */
const STALLS_IN: readonly AgentState["intent"][] = [null, "refused", "restart", "timeout"];

/** When it has to be told that nothing moves; null: something does, or it waits for somebody who knows. */
function stallDue(s: AgentState, limits: Limits): number | null {
  const afterMs = stallLimit(s, limits);
  if (afterMs === 0 || s.stalled || s.process !== "running" || !STALLS_IN.includes(s.intent)) return null;
  const works = s.status === "processing" && s.turn !== null && s.turn.closing === null;
  return works || s.status === "starting" ? s.progressAt + afterMs : null;
}

/** Shown at once and each time; told outside once a turn, or once a start that waits. Nothing is ended by it. */
function stall({ s, out, env }: Work): void {
  const { turn, tool, retrying } = s;
  const limitMs = stallLimit(s, env.limits);
  const why = isStarting(s)
    ? `not started for ${limitMs} ms: ${s.cause.detail}`
    : retrying !== null
      ? `no progress for ${limitMs} ms: attempt ${retrying.attempt} of the model call, ${retried(retrying)}`
      : tool !== null
        ? `no frame for ${limitMs} ms: the tool ${tool.name} runs`
        : `no frame for ${limitMs} ms`;
  s.stalled = true;
  s.cause = { source: "timer", detail: why, at: env.nowMs };
  const silentMs = env.ranMs - s.progressAt;
  out.push({ do: "event", type: "agent_stalled", data: { turn: turn?.id, silentMs, tool: tool?.name ?? null } });
  if (turn === null ? !s.startInLine : turn.stallTold) return;
  if (turn !== null) s.turn = { ...turn, stallTold: true };
  const error = { code: "NO_PROGRESS", message: why };
  out.push({ do: "notice", event: "agent_stalled", turns: [], ...given({ turn: turn?.id }), error });
}

type Deadline =
  | {
      readonly what:
        | "start"
        | "again"
        | "closing"
        | "saving"
        | "turn"
        | "budget"
        | "interrupt"
        | "leave"
        | "limit"
        | "stall"
        | "park";
      readonly at: number;
    }
  | { readonly what: "permission"; readonly at: number; readonly permission: string };

function mayPark(s: AgentState): boolean {
  return (
    s.process === "running" &&
    s.ready &&
    s.intent === null &&
    s.background === 0 &&
    // A turn that waits for its account needs no process, whatever waits behind it.
    (isParked(s) || (!isBusy(s.status) && s.turn === null && s.queue.length === 0))
  );
}

/** No process is there, and none of a person's. */
const AWAY: readonly AgentState["process"][] = ["none", "stopped", "parked", "gone"];

export function deadlines(
  s: AgentState,
  env: Pick<Surroundings, "limits" | "startDeadlineMs" | "oneshot" | "budget">,
): Deadline[] {
  const { limits } = env;
  const due: Deadline[] = [];
  if (s.again !== null && AWAY.includes(s.process) && wantsProcess(s)) due.push({ what: "again", at: s.again.at });
  const closing = closingDue(s);
  if (closing !== null) due.push({ what: "closing", at: closing });
  const saving = savingDue(s, CLOSING_GRACE_MS);
  if (saving !== null) due.push({ what: "saving", at: saving });
  if (limits.limitMaxWaitMs > 0 && isParked(s) && s.turn !== null && s.turn.limitedFrom !== null)
    due.push({ what: "limit", at: s.turn.limitedFrom + limits.limitMaxWaitMs });
  const stalls = stallDue(s, limits);
  if (stalls !== null) due.push({ what: "stall", at: stalls });
  if (s.process === "running" && s.intent === null) {
    if (s.limited?.stage === "leaving") due.push({ what: "leave", at: s.limited.stageAt + INTERRUPT_GRACE_MS });
    if (!s.ready && !s.startInLine) due.push({ what: "start", at: s.spawnedAt + env.startDeadlineMs });
    const turn = s.turn;
    if (turn !== null && turn.closing === null && s.ready) {
      if (limits.turnTimeoutMs > 0 && turn.interrupt?.reason !== "timeout" && turn.countingSince !== null) {
        due.push({ what: "turn", at: turn.countingSince + limits.turnTimeoutMs - turn.activeMs });
      }
      for (const at of workDeadlines(s, env)) due.push({ what: "budget", at });
      if (turn.interrupt?.reason === "timeout" || turn.interrupt?.reason === "budget")
        due.push({ what: "interrupt", at: turn.interrupt.at + INTERRUPT_GRACE_MS });
    }
    if (limits.permissionTimeoutMs > 0) {
      for (const each of s.open)
        if (!each.answered)
          due.push({ what: "permission", permission: each.id, at: each.askedAt + limits.permissionTimeoutMs });
    }
    if (limits.parkIdleMs > 0 && !env.oneshot && mayPark(s))
      due.push({ what: "park", at: s.quietSince + limits.parkIdleMs });
  }
  return due;
}

/** The next moment of the running time at which a `tick` would do something; null = none. */
export function nextDeadline(
  s: AgentState,
  env: Pick<Surroundings, "limits" | "startDeadlineMs" | "oneshot" | "budget">,
): number | null {
  const due = deadlines(s, env);
  return due.length === 0 ? null : Math.min(...due.map((each) => each.at));
}

/** Where the running time of an agent goes on: what passed between two daemons of one boot counts, no reboot does. */
export function ranSince(stored: Elapsed, machine: Omit<Elapsed, "ms">): number {
  const between = stored.bootId === machine.bootId ? machine.uptimeMs - stored.uptimeMs : 0;
  return stored.ms + Math.max(0, between);
}
