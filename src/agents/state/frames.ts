/** What the program itself said, as its codec read it. */
import { unreachable } from "../../lib/unreachable.ts";
import type { ProviderFact } from "../../providers/contract.ts";
import { finishTurn, heardWhileClosing } from "./closing.ts";
import { onTurnEnded } from "./ending.ts";
import { checkSpent, onUsage } from "./spending.ts";
import { answered, takeOut } from "./limit.ts";
import { advance, dispatch, endProcess, openTurn, reached } from "./turns.ts";
import type { Work } from "./work.ts";
import { given } from "../../lib/given.ts";

export function onProviderFact(work: Work, fact: ProviderFact): void {
  const { s, out, env } = work;
  // All that a process said is read before its end is told: what comes later can only mislead.
  const alive = s.process === "running" || s.process === "parking";
  if (!alive && fact.type !== "session" && fact.type !== "usage" && fact.type !== "note") return;
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
    case "input_unknown":
      return onUnknown(work, fact);
    case "turn_started":
      work.detail = "turn started";
      if (heardWhileClosing(work, true) || s.turn !== null) return;
      openTurn(work, "agent");
      return checkSpent(work);
    case "turn_ended":
      return onTurnEnded(work, fact);
    case "limited":
      return takeOut(work, fact);
    case "allowance":
      if (env.account !== "") out.push({ do: "allowance", account: env.account, windows: fact.windows });
      return;
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
      s.retrying = {
        attempt: fact.attempt,
        reason: fact.reason,
        status: fact.status,
        ...given({ nextAt: fact.nextAt }),
      };
      out.push({ do: "event", type: "retrying", data: s.retrying });
      return;
    case "retry_over":
      s.retrying = null;
      return;
    case "background":
      if (s.background === fact.tasks) return;
      s.background = fact.tasks;
      s.quietSince = env.ranMs;
      out.push({ do: "event", type: "background", data: { tasks: fact.tasks } });
      return;
    case "usage":
      return onUsage(work, fact);
    case "note":
      out.push({ do: "event", type: "note", data: { level: fact.level, code: fact.code, message: fact.message } });
      return;
    case "foreign_output":
      s.foreign ??= fact.line;
      return;
    case "part":
      if (s.retrying !== null) s.retrying = null;
      if (fact.part.type === "tool_use") s.tool = { id: fact.part.id, name: fact.part.name };
      if (fact.part.type === "tool_result" && s.tool?.id === fact.part.id) s.tool = null;
      if (fact.role === "assistant" && fact.subagent === undefined && s.turn !== null) answered(work);
      return;
    case "login":
    case "message_done":
    case "delta":
    case "unknown_frame":
      return; // no status lies in these: the step stores, shows or counts them
    default:
      return unreachable(fact);
  }
}

function onReady(work: Work): void {
  const { s } = work;
  if (s.ready) return; // the answer to a handshake repeated after an adoption
  work.detail = "ready";
  s.ready = true;
  s.again = null;
  if (s.intent === null) s.wanted = false; // else it is the next process that is wanted
  s.lastFrameAt = s.progressAt = work.env.ranMs;
  // its turn began before it was ready
  if (s.turn !== null && s.turn.interrupt !== null) work.out.push({ do: "interrupt" });
  dispatch(work);
  advance(work);
}

function onAccepted(work: Work, key: string): void {
  const { s, out } = work;
  const queued = s.queue.find((each) => each.key === key && each.run !== null);
  if (queued !== undefined) {
    // its turn was lost already, and its history has it: never again
    s.queue = s.queue.filter((each) => each !== queued);
    out.push({ do: "input_state", id: queued.id, state: "ended" });
    return;
  }
  const flight = s.flight;
  if (flight === null || flight.key !== key || flight.accepted || flight.run === null) return;
  s.flight = { ...flight, accepted: true };
  out.push({ do: "input_state", id: flight.input, state: "accepted" });
  if (reached(s)) return;
  // Its history has the input, so the process that died had begun to work on it: that turn is lost, never run twice.
  work.detail = "the process that worked on this input died";
  finishTurn(work, "lost", { code: "TURN_LOST", message: "the process ended while it worked on this input" });
}

/** The program's history proves that the input never reached it: it counts as not written. */
function onAbsent(work: Work, key: string): void {
  const { s, env } = work;
  if (env.redelivery !== "history") return;
  s.queue = s.queue.map((each) => (each.key === key ? { ...each, run: null } : each));
  const flight = s.flight;
  if (flight === null || flight.key !== key || flight.accepted) return;
  if (reached(s) && s.intent !== null) return; // it is this process that is being ended, and the end decides
  s.flight = { ...flight, run: null };
  advance(work);
}

/** It may have run and may not: only a user may send it again. */
function onUnknown(work: Work, { key, message }: Extract<ProviderFact, { type: "input_unknown" }>): void {
  const { s, out } = work;
  const queued = s.queue.find((each) => each.key === key && each.run !== null);
  if (queued !== undefined) {
    s.queue = s.queue.filter((each) => each !== queued);
    out.push({ do: "input_state", id: queued.id, state: "unknown" });
  } else if (s.flight?.key === key && s.flight.run !== null && !reached(s)) {
    work.detail = "whether the input had run cannot be known";
    finishTurn(work, "lost", { code: "TURN_LOST", message });
  }
}

function onPermission(work: Work, fact: Extract<ProviderFact, { type: "permission" }>): void {
  const { s, out, env } = work;
  if (s.open.some((each) => each.ref === fact.id)) return;
  s.permissions += 1;
  const id = `p${s.permissions}`;
  work.detail = `${fact.kind === "tool" ? "permission" : fact.kind}: ${fact.tool}`;
  // What is asked while a turn is being closed is asked for what comes after it.
  const turn = s.turn === null || s.turn.closing !== null ? null : s.turn.id;
  const asked = { id, ref: fact.id, kind: fact.kind, turn, askedAt: env.ranMs };
  out.push({ do: "open_permission", id, fact, turn });
  // Only tools fall under the mode. A question and a plan are for a person, whatever the mode says.
  if (fact.kind === "tool" && env.permissions !== "ask") {
    const deny = env.permissions === "deny";
    s.open = [...s.open, { ...asked, answered: true }];
    out.push(
      {
        do: "settle_permission",
        id,
        state: deny ? "denied" : "allowed",
        by: "policy",
        answer: deny
          ? { decision: "deny", message: 'denied: this agent runs with permissions "deny"' }
          : { decision: "allow" },
      },
      { do: "answer", permission: id },
    );
    return;
  }
  s.open = [...s.open, { ...asked, answered: false }];
  out.push({ do: "notice", event: "agent_waiting_input", turns: [], permission: id });
}
