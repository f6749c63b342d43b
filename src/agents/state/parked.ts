/**
 * A turn that waits for its account: how it is laid down, and what then must leave it alone. It runs in no process, so
 * no exit, kill or reboot ends it; its input is settled, for it stands in the program's history and must not be said
 * twice.
 */
import type { AgentState } from "../../words/agent.ts";
import type { AccountLimit } from "../../words/limits.ts";
import { holdsFor } from "./limit-time.ts";
import { withdraw } from "./withdraw.ts";
import type { Work } from "./work.ts";

/** Waits, or is just being taken out of a program that waits. */
export function waits({ limited }: Pick<AgentState, "limited">): boolean {
  return limited !== null && limited.stage !== "going";
}

export function isParked({ limited }: Pick<AgentState, "limited">): boolean {
  return limited?.stage === "parked";
}

/** The limit that a new turn would meet, as far as others of the account have met it. */
export function limitAhead({ env, accountLimits }: Work): AccountLimit | null {
  if (env.onLimit === "fail") return null;
  const ahead = accountLimits.filter((each) => holdsFor(each, env.model));
  return ahead.reduce<AccountLimit | null>(
    (latest, each) => (latest === null || (each.resumesAt ?? 0) > (latest.resumesAt ?? 0) ? each : latest),
    null,
  );
}

/** The open turn waits from here on. An input that was not written yet stays its own, any other is settled. */
export function layDown(work: Work, limit: AccountLimit): void {
  const { s, out, env } = work;
  const turn = s.turn;
  if (turn === null) return;
  const { account, scope, message, resetsAt, guessed } = limit;
  withdraw(work, "turn_end", (each) => each.turn === turn.id);
  if (s.flight !== null && s.flight.run !== null) {
    out.push({ do: "input_state", id: s.flight.input, state: "ended" });
    s.flight = null;
  }
  s.turn = {
    ...turn,
    interrupt: null,
    parked: [...turn.parked.slice(-MOST_PARKINGS), { from: env.nowMs, to: null }],
    limitedFrom: turn.limitedFrom ?? env.ranMs,
  };
  s.limited = {
    stage: "parked",
    stageAt: env.ranMs,
    class: "limit",
    account,
    scope,
    message,
    resetsAt,
    resumesAt: limit.resumesAt ?? env.nowMs,
    guessed,
    since: s.limited?.since ?? env.nowMs,
    attempts: s.limited?.attempts ?? 0,
  };
  // A process that is gone is no news any more: the next one is begun when the turn goes on.
  if (s.process === "gone") s.process = "none";
  s.retrying = null;
  s.tool = null;
  s.quietSince = env.ranMs;
  work.detail = `waits for its account: ${message}`;
  out.push({ do: "notice", event: "agent_limited", turns: [], turn: turn.id, limit }, { do: "limits_changed" });
}

/** Of one turn; the oldest are forgotten. */
const MOST_PARKINGS = 99;
