/**
 * What an agent program says, on its way into the store. Most messages are begun and done by frames that arrive
 * together: such a one is held until it is done and written once, whole. Always inside the transaction of the step.
 */
import type { ProviderFact } from "../providers/contract.ts";
import type { NewPart } from "../store/messages.ts";
import { appendPart, insertWhole } from "../store/messages.ts";
import type { AgentState } from "../words/agent.ts";
import type { AgentEntry } from "./journal.ts";
import { announceMessage, announceMessages } from "./ledger.ts";
import { given } from "../lib/given.ts";

export interface MessageWriter {
  part(state: AgentState, fact: Extract<ProviderFact, { type: "part" }>): void;
  done(state: AgentState, key: string): void;
  /** Writes what is held, unfinished as it is: before anything else that reads or writes messages. */
  settle(): void;
}

export function openMessageWriter(entry: AgentEntry): MessageWriter {
  const { store, agent, now } = entry;
  /** Parts of one message in their order; never empty. */
  let held: NewPart[] = [];
  const isHeld = (run: number, key: string): boolean => held[0]?.key === key && held[0].run === run;

  const settle = (): void => {
    for (const part of held) appendPart(store, part);
    held = [];
  };

  return {
    settle,
    part({ turn, lastTurn, run }, { key, role, part, subagent, truncated, late }) {
      if (!isHeld(run, key)) settle();
      held.push({
        agent,
        turn: (late === true ? lastTurn?.id : (turn?.id ?? lastTurn?.id)) ?? null,
        run,
        key,
        role,
        part,
        at: now,
        ...given({ subagent, truncated }),
      });
    },
    done({ run }, key) {
      const whole = isHeld(run, key) ? insertWhole(store, held) : null;
      if (whole === null) {
        settle(); // an earlier step has begun the message, or another one is held
        return announceMessages(entry, { run, key });
      }
      held = [];
      announceMessage(entry, whole);
    },
  };
}
