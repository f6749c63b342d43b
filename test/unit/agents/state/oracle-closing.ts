/**
 * What must hold of what is done between the end that a program told and the one that counts: the oracle's books of it,
 * kept from facts and effects alone.
 */
import type { Effect, Fact } from "../../../../src/agents/model.ts";
import { CLOSING_STEPS } from "../../../../src/words/agent.ts";
import type { AgentState, ClosingStep } from "../../../../src/words/agent.ts";
import type { Under } from "./world.ts";

type Must = (holds: boolean, what: string) => void;

export function createClosingBooks({ closing: terms, oneshot }: Under, must: Must) {
  /** The turn that is being closed, its step, and how often that was begun. */
  let open: { readonly turn: string; readonly step: ClosingStep; readonly times: number } | null = null;
  let underWay = false;
  /** The turn whose end did not wait for being saved: that goes on, and nothing is begun meanwhile. */
  let saving: string | null = null;
  /** Somebody ended it: nothing may be looked at any more, and nothing fed back. */
  let ended = false;
  const fed: Partial<Record<ClosingStep, number>> = {};

  return {
    isOpen: () => open !== null,
    isSaving: () => saving !== null,
    before(fact: Fact) {
      if (fact.type === "abort" || fact.type === "stop" || fact.type === "delete") ended = true;
      // What was not yet delivered goes on when the conversation is given back.
      if (fact.type === "attach" && open !== null && !oneshot) ended = true;
      if (fact.type === "input" && fact.mode === "interrupt") ended = true;
      if (fact.type === "step_done" && open !== null && fact.turn === open.turn && fact.step === open.step)
        underWay = false;
      if (fact.type === "step_done" && fact.turn === saving && fact.step === "snapshot") saving = null;
    },
    effect(each: Effect) {
      switch (each.do) {
        case "close_step": {
          must(saving === null, "saved twice at once");
          must(!underWay, "two steps of a turn's end at once");
          must(
            terms.some(({ step }) => step === each.step),
            `the step ${each.step} that nobody asked for`,
          );
          must(!ended || each.step === "snapshot", `${each.step} of a turn that somebody ended`);
          const again = open !== null && open.step === each.step;
          if (open !== null && !again)
            must(
              CLOSING_STEPS.indexOf(each.step) > CLOSING_STEPS.indexOf(open.step),
              `${each.step} after ${open.step}`,
            );
          const times = again && open !== null ? open.times + 1 : 1;
          must(times <= 2, `${each.step} is begun ${times} times`);
          open = { turn: each.turn, step: each.step, times };
          underWay = true;
          return;
        }
        case "close_cancel":
          must(underWay || saving !== null, "nothing is cancelled");
          underWay = false;
          saving = null;
          return;
        case "feed": {
          must(open !== null && !underWay, "fed back while something is under way");
          must(!ended, "fed back after somebody ended the turn");
          if (open === null) return;
          fed[open.step] = (fed[open.step] ?? 0) + 1;
          const allowed = terms.find(({ step }) => step === open?.step)?.attempts ?? 0;
          must((fed[open.step] ?? 0) <= allowed, `${open.step} is fed back ${fed[open.step]} times`);
          return;
        }
        case "spawn":
          must(saving === null, "a process while its folder is being saved");
          return;
        case "open_turn":
        case "prompt":
          must(each.do === "open_turn" || saving === null, "told something while its folder is being saved");
          must(open === null, `${each.do} while a turn is being closed`);
          if (each.do === "prompt") return;
          ended = false;
          if (each.turn.origin === "input" && !each.turn.fed) for (const step of CLOSING_STEPS) delete fed[step];
          return;
        case "close_turn":
          if (underWay && open?.step === "snapshot") {
            saving = open.turn;
            underWay = false;
          }
          open = null;
          return;
        default:
          return;
      }
    },
    after(state: AgentState) {
      must(saving === (state.saving?.turn ?? null), `saving ${state.saving?.turn}, by the books ${saving}`);
      const closing = state.turn?.closing ?? null;
      must((closing !== null) === (open !== null), `closing: ${closing?.steps.join()}, by the books ${open?.step}`);
      if (closing === null) must(!underWay, "a step of a turn that is over");
      else must(closing.steps.length > 0 === underWay, `steps ${closing.steps.join()}, under way: ${underWay}`);
      must(closing === null || state.flight === null, "an input in flight while a turn is being closed");
    },
  };
}
