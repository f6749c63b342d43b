/** Writes what the reducer decided into the store. Always inside the transaction of the step that decided it. */
import { unreachable } from "../lib/unreachable.ts";
import { getInput, saveInputState } from "../store/inputs.ts";
import { deleteLimit, saveAllowances, saveLimit } from "../store/limits.ts";
import { saveUserMessage, takeUnannounced } from "../store/messages.ts";
import { insertPermission, settlePermission } from "../store/permissions.ts";
import { endTurn, insertTurn } from "../store/turns.ts";
import { addTurn, addUsage, saveDayTold } from "../store/usage.ts";
import type { ToldMessage, ToldTurn } from "../words/events.ts";
import type { Message } from "../words/said.ts";
import type { AgentState } from "../words/agent.ts";
import type { AgentEntry } from "./journal.ts";
import { event, tell } from "./journal.ts";
import type { StoreEffect } from "./model.ts";
import { given } from "../lib/given.ts";

/** A message larger than this is named in its event, not repeated there. */
const MESSAGE_IN_EVENT_BYTES = 64 * 1024;

export function record(entry: AgentEntry, state: AgentState, effect: StoreEffect): void {
  const { store, agent, now } = entry;
  switch (effect.do) {
    case "open_turn":
      insertTurn(store, agent, state.turns, effect.turn);
      return event(entry, "turn_started", { turn: { id: effect.turn.id, origin: effect.turn.origin } });
    case "close_turn":
      announceMessages(entry);
      endTurn(store, effect.turn);
      addTurn(store, entry, effect.turn.usage?.estimated === true, now);
      return event(entry, "turn_ended", { turn: shownTurn(effect.turn) });
    case "spend":
      return addUsage(store, entry, effect.usage, effect.unpricedTokens, now);
    case "day_told":
      return saveDayTold(store, entry.project, effect.day, effect.word);
    case "input_state": {
      saveInputState(store, effect.id, effect.state, now, {
        ...given({ turn: effect.turn, run: effect.run }),
      });
      const input = getInput(store, effect.id);
      if (input === null) return;
      event(entry, "input", { input: { n: input.n, state: effect.state, turnId: input.turn } });
      // That a turn goes on is no person's word.
      if (effect.turn !== undefined && input.origin !== "limit") {
        saveUserMessage(store, { agent, turn: effect.turn, key: `input-${input.n}`, text: input.text, at: now });
        announceMessages(entry);
      }
      return;
    }
    case "open_permission": {
      insertPermission(store, { agent, id: effect.id, run: state.run, turn: effect.turn, now }, effect.fact);
      announceMessages(entry); // what the agent said before it asked helps to decide
      const { kind, tool, title, options } = effect.fact;
      return event(entry, "permission_requested", { permission: { id: effect.id, kind, tool, title, options } });
    }
    case "settle_permission":
      settlePermission(store, agent, effect.id, effect.state, effect.by, effect.answer ?? null, now);
      return event(entry, "permission_settled", { permission: { id: effect.id, state: effect.state, by: effect.by } });
    case "limit_found":
      return saveLimit(store, effect.limit);
    case "limit_over":
      return deleteLimit(store, effect.account, effect.scope);
    case "allowance":
      return saveAllowances(store, effect.account, effect.windows, now);
    case "event":
      return tell(entry, effect);
    default:
      return unreachable(effect);
  }
}

/** Those that are stored and were not told yet: one by its key, or all. */
export function announceMessages(entry: AgentEntry, which?: { run: number; key: string }): void {
  for (const message of takeUnannounced(entry.store, entry.agent, which)) announceMessage(entry, message);
}

export function announceMessage(entry: AgentEntry, message: Message): void {
  event(entry, "message", { message: shownInEvent(message) });
}

function shownInEvent(message: Message): ToldMessage {
  // A text of many megabytes is not written out to be measured.
  const long = message.text.length > MESSAGE_IN_EVENT_BYTES;
  if (!long && message.text.length + JSON.stringify(message.parts).length <= MESSAGE_IN_EVENT_BYTES) return message;
  const { id, key, turnId, role, createdAt } = message;
  return { id, key, turnId, role, createdAt, omitted: true };
}

function shownTurn(turn: NonNullable<AgentState["lastTurn"]>): ToldTurn {
  const { parked, ...rest } = turn;
  return {
    ...rest,
    startedAt: iso(turn.startedAt),
    endedAt: iso(turn.endedAt),
    ...(parked === undefined
      ? {}
      : { parked: parked.map(({ from, to }) => ({ from: iso(from), to: to === null ? null : iso(to) })) }),
  };
}

const iso = (at: number): string => new Date(at).toISOString();
