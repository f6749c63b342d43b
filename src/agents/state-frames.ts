/** What the program itself said, as its codec read it. */
import type { ProviderFact } from "../providers/provider.ts";
import type { Work } from "./state.ts";
import { advance, closeTurn, dispatch, endProcess, openTurn } from "./state-turns.ts";

export function onProviderFact(work: Work, fact: ProviderFact): void {
  const { s, out, env } = work;
  switch (fact.type) {
    case "ready":
      return onReady(work);
    case "start_failed":
      s.startError = { code: fact.code, message: fact.message };
      if (s.intent === null) endProcess(work, "refused", false);
      return;
    case "session":
      s.session = fact.id;
      return;
    case "input_accepted":
      return onAccepted(work, fact.key);
    case "input_absent":
      return onAbsent(work, fact.key);
    case "turn_started":
      work.detail = "turn started";
      if (s.turn === null) openTurn(work, "agent");
      return;
    case "turn_ended":
      return onTurnEnded(work, fact);
    case "permission":
      return onPermission(work, fact);
    case "permission_closed": {
      const found = s.open.find((each) => each.ref === fact.id);
      if (found === undefined) return;
      s.open = s.open.filter((each) => each !== found);
      work.detail = "permission withdrawn";
      if (!found.answered) out.push({ do: "settle_permission", id: found.id, state: "withdrawn", by: "agent" });
      return;
    }
    case "retrying":
      s.retrying = { attempt: fact.attempt, reason: fact.reason, status: fact.status };
      out.push({ do: "event", type: "retrying", data: s.retrying });
      return;
    case "retry_over":
      s.retrying = null;
      return;
    case "background":
      if (s.background === fact.tasks) return;
      s.background = fact.tasks;
      s.quietSince = env.nowMs;
      out.push({ do: "event", type: "background", data: { tasks: fact.tasks } });
      return;
    case "usage":
      s.usage = fact.usage;
      return;
    case "note":
      out.push({ do: "event", type: "note", data: { level: fact.level, code: fact.code, message: fact.message } });
      return;
    case "part":
      if (s.retrying !== null) s.retrying = null;
      return;
    case "message_done":
    case "delta":
    case "unknown_frame":
      return; // no status lies in these: the supervisor stores, shows or counts them
  }
}

function onReady(work: Work): void {
  const { s } = work;
  if (s.ready) return; // the answer to a handshake repeated after an adoption
  work.detail = "ready";
  s.ready = true;
  s.wanted = false;
  s.lastFrameAt = work.env.nowMs;
  if (s.rest === "exited") s.rest = "idle";
  if (s.turn === null) dispatch(work);
  else advance(work);
}

function onAccepted(work: Work, key: string): void {
  const { s, out } = work;
  const queued = s.queue.find((each) => each.key === key && each.run !== null);
  if (queued !== undefined) {
    s.queue = s.queue.filter((each) => each !== queued); // its turn was lost already, and its history has it: never again
    out.push({ do: "input_state", id: queued.id, state: "ended" });
    return;
  }
  const flight = s.flight;
  if (flight === null || flight.key !== key || flight.accepted) return;
  s.flight = { ...flight, accepted: true };
  out.push({ do: "input_state", id: flight.input, state: "accepted" });
  if (flight.run === s.run) return;
  // Its history has the input, so the process that died had begun to work on it: that turn is lost, never run twice.
  work.detail = "the process that worked on this input died";
  s.rest = "error";
  closeTurn(work, "lost", { code: "TURN_LOST", message: "the process ended while it worked on this input" });
  s.held = s.queue.length > 0;
}

/** The program's history proves that the input never reached it: it counts as not written. */
function onAbsent(work: Work, key: string): void {
  const { s } = work;
  s.queue = s.queue.map((each) => (each.key === key ? { ...each, run: null } : each));
  const flight = s.flight;
  if (flight === null || flight.key !== key || flight.accepted) return;
  s.flight = { ...flight, run: null };
  advance(work);
}

function onTurnEnded(work: Work, fact: Extract<ProviderFact, { type: "turn_ended" }>): void {
  const { s } = work;
  const turn = s.turn;
  if (turn === null) return; // twin frames
  const ending = s.intent === "stop" || s.intent === "delete" || s.intent === "attach";
  let { outcome, error } = fact;
  if (outcome !== "completed") {
    if (turn.interrupt?.reason === "timeout") {
      outcome = "failed";
      error = timeoutError(work);
    } else if (ending) {
      outcome = "interrupted";
      error = undefined;
    }
  }
  work.detail = `turn ${outcome}`;
  s.rest = outcome === "completed" || outcome === "interrupted" ? "idle" : "error";
  closeTurn(work, outcome, outcome === "lost" && error === undefined ? { code: "TURN_LOST", message: "the turn did not survive its process" } : error);
  if (ending) {
    s.held = s.queue.length > 0;
    return;
  }
  // A completed turn makes room for the next input in the same step. After any other end somebody has to look first,
  // unless it was interrupted by request: then the request has said what becomes of the queue.
  if (outcome !== "completed" && !(outcome === "interrupted" && turn.interrupt !== null)) s.held = s.queue.length > 0;
  dispatch(work);
}

export function timeoutError({ env }: Work): { code: string; message: string } {
  return { code: "TURN_TIMEOUT", message: `the turn took longer than limits.turnTimeoutMs (${env.limits.turnTimeoutMs} ms) and was interrupted` };
}

function onPermission(work: Work, fact: Extract<ProviderFact, { type: "permission" }>): void {
  const { s, out, env } = work;
  if (s.open.some((each) => each.ref === fact.id)) return;
  s.permissions += 1;
  const id = `p${s.permissions}`;
  work.detail = `${fact.kind === "tool" ? "permission" : fact.kind}: ${fact.tool}`;
  out.push({ do: "open_permission", id, fact, turn: s.turn?.id ?? null });
  // Only tools fall under the mode. A question and a plan are for a person, whatever the mode says.
  if (fact.kind === "tool" && env.permissions !== "ask") {
    const deny = env.permissions === "deny";
    s.open = [...s.open, { id, ref: fact.id, kind: fact.kind, askedAt: env.nowMs, answered: true }];
    out.push(
      {
        do: "settle_permission", id, state: deny ? "denied" : "allowed", by: "policy",
        answer: deny ? { decision: "deny", message: 'denied: this agent runs with permissions "deny"' } : { decision: "allow" },
      },
      { do: "answer", permission: id },
    );
    return;
  }
  s.open = [...s.open, { id, ref: fact.id, kind: fact.kind, askedAt: env.nowMs, answered: false }];
  out.push({ do: "notice", event: "agent_waiting_input", turns: [], permission: id });
}
