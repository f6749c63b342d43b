/** What people ask for. A user's act (input, resume, release) also allows one automatic start. */
import { unreachable } from "../../lib/unreachable.ts";
import type { Fact } from "../model.ts";
import { cutClosing } from "./closing.ts";
import { dropSaving } from "./saving.ts";
import { endWaiting } from "./limit.ts";
import { isParked } from "./parked.ts";
import { advance, cancelQueue, closeTurn, dispatch, endProcess, interrupt, reached } from "./turns.ts";
import type { Work } from "./work.ts";
import { given } from "../../lib/given.ts";

type UserFact = Extract<
  Fact,
  {
    type:
      | "input"
      | "drop_input"
      | "release"
      | "abort"
      | "stop"
      | "resume"
      | "delete"
      | "attach"
      | "detach"
      | "configured"
      | "decide";
  }
>;

const ATTACHED = "attached by a person";

export function onUserFact(work: Work, fact: UserFact): void {
  const { s, out } = work;
  switch (fact.type) {
    case "input": {
      const item = { id: fact.id, key: fact.key, run: null };
      s.queue = fact.mode === "interrupt" ? [item, ...s.queue] : [...s.queue, item];
      s.held = false;
      s.starts = 1;
      startNow(work);
      work.detail = s.process === "attached" ? ATTACHED : "input";
      if (fact.mode === "interrupt" && !cutClosing(work, "input") && !endWaiting(work)) interrupt(work, "input");
      return dispatch(work);
    }
    case "drop_input": {
      if (s.flight?.input === fact.id && s.flight.run === null) {
        work.detail = "input deleted before it was delivered";
        closeTurn(work, "interrupted");
        return dispatch(work);
      }
      if (!s.queue.some((each) => each.id === fact.id && each.run === null)) return; // delivered, or over
      s.queue = s.queue.filter((each) => each.id !== fact.id);
      out.push({ do: "input_state", id: fact.id, state: "cancelled" });
      return;
    }
    case "release":
      s.held = false;
      s.starts = 1;
      startNow(work);
      return dispatch(work);
    case "abort":
      if (!fact.keepQueued) cancelQueue(work);
      s.held = s.queue.length > 0;
      s.overspent = null;
      if (!cutClosing(work, "abort") && !endWaiting(work)) interrupt(work, "abort");
      return;
    case "stop":
      return stop(work);
    case "attach":
      return attach(work);
    case "detach":
      return detach(work);
    case "resume":
      s.held = false;
      s.starts = 1;
      startNow(work);
      work.detail = "resume";
      dispatch(work);
      if (mayWant(work)) s.wanted = true;
      return advance(work);
    case "delete":
      cancelQueue(work);
      if (s.turn !== null && s.turn.closing !== null) closeTurn(work, "interrupted");
      dropSaving(work);
      s.wanted = false;
      if (s.process === "running" || s.process === "parking") endProcess(work, "delete", false);
      else out.push({ do: "purge" });
      return;
    case "configured":
      // The next turn gets a process with the new settings; one that is being started already has the old ones.
      if (s.process === "running") s.stale = true;
      return;
    case "decide":
      if (!s.open.some((each) => each.id === fact.id && !each.answered)) return; // an answer counts once
      s.open = s.open.map((each) => (each.id === fact.id ? { ...each, answered: true } : each));
      work.detail = fact.decision === "deny" ? "permission denied" : "permission allowed";
      out.push(
        {
          do: "settle_permission",
          id: fact.id,
          state: fact.decision === "deny" ? "denied" : "allowed",
          by: "user",
          answer: {
            decision: fact.decision,
            ...given({ message: fact.message, answers: fact.answers }),
          },
        },
        { do: "answer", permission: fact.id },
      );
      return;
    default:
      return unreachable(fact);
  }
}

/** A process that is on its way out does not count; while a person has the conversation, none is started. */
function mayWant({ s, env }: Work): boolean {
  if (env.oneshot || s.intent === "delete" || s.intent === "attach" || s.process === "attached") return false;
  return s.process !== "running" || s.intent !== null;
}

function stop(work: Work): void {
  const { s } = work;
  if (s.intent === "delete") return;
  work.detail = "stopped on request";
  s.wanted = false;
  cutClosing(work, "stop");
  // What a process had that is gone by now is not at work either.
  const away = s.process === "attached" && s.flight !== null;
  if (s.turn !== null && (away || !reached(s))) closeTurn(work, "interrupted", undefined, "requeue");
  else endWaiting(work);
  s.held = true;
  s.overspent = null;
  s.rest = "idle";
  // What a person has on the screen is not ours to end.
  if (s.process === "attached" || s.intent === "attach") return;
  if (s.process === "running") return endProcess(work, "stop", true);
  if (s.process === "parking") s.intent = "stop";
  else s.process = "stopped";
}

/** What our process has begun ends with it; what waits goes on waiting, until the conversation is given back. */
function attach(work: Work): void {
  const { s, env } = work;
  // A plain command has no screen, and its process is its turn.
  if (env.oneshot || s.intent === "delete" || s.process === "attached") return;
  if (isParked(s) && s.flight !== null) closeTurn(work, "interrupted", undefined, "requeue");
  else endWaiting(work);
  work.detail = ATTACHED;
  s.wanted = false;
  cutClosing(work, "stop");
  s.rest = "idle";
  s.cause = { source: env.source, detail: ATTACHED, at: env.nowMs };
  if (s.process === "running") endProcess(work, "attach", true);
  else if (s.process === "parking") s.intent = "attach";
  else s.process = "attached";
  dispatch(work);
}

function detach(work: Work): void {
  const { s, env } = work;
  if (s.process === "attached") s.process = "stopped";
  else if (s.intent !== "attach") return;
  else s.intent = "stop"; // given back before our process was gone
  work.detail = "given back";
  s.cause = { source: env.source, detail: "given back", at: env.nowMs };
  s.starts = 1;
  startNow(work);
  dispatch(work);
  advance(work);
}

/** A start that waits to be tried again: whoever acts wants it now, and gets all its tries. */
function startNow(work: Work): void {
  const { s, env } = work;
  if (s.again === null) return;
  s.again = { tries: 0, at: env.ranMs };
  advance(work);
}
