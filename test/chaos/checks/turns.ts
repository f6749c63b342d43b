/** Turns and statuses: each log tells a possible story, each turn ends as its program ended it, nothing stays busy. */
import { flawsIn } from "../../support/story.ts";
import type { Check } from "../evidence.ts";
import { runsOf, tagOf } from "../journals.ts";
import { isDamaged, isInterrupted, isShaken } from "./excuses.ts";
import { isOurs, turnRun, turnsOf, wordsOfOurs } from "./runs.ts";

export const storiesArePossible: Check = ({ agents, shown }) =>
  agents.flatMap(({ id, provider }) => {
    const events = shown.events[id] ?? [];
    const [started, ended] = [events.filter(({ type }) => String(type) === "turn_started"), turnsOf(events)];
    const open = started
      .map(({ data }) => String(data?.["turn"]?.["id"]))
      .filter((id) => !ended.some((t) => t.id === id));
    return [...flawsIn(events), ...open.map((turn) => `turn ${turn} never ends`)].map(
      (flaw) => `${id} (${provider}): ${flaw}`,
    );
  });

export const outcomesAreTrue: Check = (evidence) =>
  evidence.agents.flatMap(({ id, provider }) => {
    const runs = runsOf(evidence, id);
    return (evidence.shown.inputs[id] ?? []).flatMap((input) => {
      if (isOurs(input)) return [];
      const tag = tagOf(String(input["text"]));
      const turn = turnRun(evidence, id, input);
      const own = runs.filter((each) => each.tag === tag);
      const run = own.at(-1);
      if (turn === undefined || run === undefined) return [];
      const real = run.end?.outcome ?? "lost";
      if (turn.outcome === real) return [];
      // Ended by its program in the moment in which it was interrupted: either is true.
      if (turn.outcome === "interrupted" && isInterrupted(evidence, id, run)) return [];
      // Taken out of a wait for its account, and gone on as the same turn.
      if (run.end?.outcome === "interrupted" && wordsOfOurs(evidence, id, turn.id).length > 0) return [];
      if (turn.outcome !== "completed" && isDamaged(evidence, id, tag, own)) return [];
      // Its last words went through a helper that died with them; a plain program's exit code is known to its wrapper
      // alone.
      const relayed = provider === "opencode" || provider === "some-command";
      if (relayed && turn.outcome === "lost" && isShaken(evidence, id, run)) return [];
      // A plain program's death is its exit code.
      if (run.end === null && provider === "some-command" && turn.outcome === "failed") return [];
      return [`${tag} (${provider}): its program ended it as ${real}, the API says ${turn.outcome}`];
    });
  });

const BUSY = ["starting", "processing", "waiting_input", "limited"];

export const nobodyStaysBusy: Check = ({ agents, shown }) =>
  agents.flatMap(({ id, provider }) => {
    const view = shown.agents.find((each) => String(each["id"]) === id);
    if (view === undefined) return [`${id}: is not listed`];
    const status = String(view["status"]);
    const flaws = BUSY.includes(status) ? [`${id} (${provider}): still ${status} when all was quiet`] : [];
    const changes = (shown.events[id] ?? []).filter(({ type }) => String(type) === "agent_status");
    const told = changes.at(-1)?.data?.["to"];
    if (told !== undefined && String(told) !== status)
      flaws.push(`${id}: shown as ${status}, last told as ${String(told)}`);
    return flaws;
  });
