/** Our own clock as a witness: deadlines make causes and events visible; none of them ever says yes. */
import { unreachable } from "../../lib/unreachable.ts";
import type { Fact, Surroundings } from "../model.ts";
import { INTERRUPT_GRACE_MS } from "../model.ts";
import { isBusy } from "../../words/agent.ts";
import type { AgentState } from "../../words/agent.ts";
import { endProcess, interrupt, wroteInstead } from "./turns.ts";
import type { Work } from "./work.ts";

export function onTick(work: Work, fact: Extract<Fact, { type: "tick" | "park" }>): void {
  const { s, out, env } = work;
  if (fact.type === "park") {
    if (!mayPark(s)) return;
    if (!fact.clean) {
      s.quietSince = env.nowMs; // something still works in its tree: look again later
      return;
    }
    work.detail = "parking";
    return endProcess(work, "park", true);
  }
  for (const due of deadlines(s, env)) {
    if (due.at > env.nowMs) continue;
    switch (due.what) {
      case "start":
        s.startError = {
          code: "START_TIMEOUT",
          message: `the program was not ready after ${env.startDeadlineMs} ms${wroteInstead(s)}`,
        };
        endProcess(work, "refused", false);
        break;
      case "turn":
        out.push({ do: "event", type: "turn_timeout", data: { turn: s.turn?.id, limitMs: env.limits.turnTimeoutMs } });
        work.detail = "turn timed out";
        interrupt(work, "timeout");
        break;
      case "interrupt":
        endProcess(work, "timeout", false);
        break;
      case "stall":
        s.stalled = true;
        s.cause = { source: "timer", detail: `no frame for ${env.limits.stallWarnMs} ms`, at: env.nowMs };
        out.push({
          do: "event",
          type: "agent_stalled",
          data: { turn: s.turn?.id, silentMs: env.nowMs - s.lastFrameAt },
        });
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

type Deadline =
  | { readonly what: "start" | "turn" | "interrupt" | "stall" | "park"; readonly at: number }
  | { readonly what: "permission"; readonly at: number; readonly permission: string };

function mayPark(s: AgentState): boolean {
  return (
    s.process === "running" &&
    s.ready &&
    s.intent === null &&
    !isBusy(s.status) &&
    s.turn === null &&
    s.queue.length === 0 &&
    s.background === 0
  );
}

export function deadlines(
  s: AgentState,
  env: Pick<Surroundings, "limits" | "startDeadlineMs" | "oneshot">,
): Deadline[] {
  const { limits } = env;
  const due: Deadline[] = [];
  if (s.process === "running" && s.intent === null) {
    if (!s.ready) due.push({ what: "start", at: s.spawnedAt + env.startDeadlineMs });
    const turn = s.turn;
    if (turn !== null && s.ready) {
      if (limits.turnTimeoutMs > 0 && turn.interrupt?.reason !== "timeout" && turn.countingSince !== null) {
        due.push({ what: "turn", at: turn.countingSince + limits.turnTimeoutMs - turn.activeMs });
      }
      if (turn.interrupt?.reason === "timeout")
        due.push({ what: "interrupt", at: turn.interrupt.at + INTERRUPT_GRACE_MS });
      if (limits.stallWarnMs > 0 && !s.stalled && s.status === "processing")
        due.push({ what: "stall", at: s.lastFrameAt + limits.stallWarnMs });
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

/** Epoch ms of the next moment at which a `tick` would do something; null = none. */
export function nextDeadline(
  s: AgentState,
  env: Pick<Surroundings, "limits" | "startDeadlineMs" | "oneshot">,
): number | null {
  const due = deadlines(s, env);
  return due.length === 0 ? null : Math.min(...due.map((each) => each.at));
}
