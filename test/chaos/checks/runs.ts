/**
 * Inputs: each that was taken stands in the list once, was run once by its program, and none is silently gone. A second
 * start is legal only where the first one's process died before it had ended the turn (the program knows our id, or was
 * asked and did not know the input).
 */
import type { Json } from "../../support/api.ts";
import type { Check, Evidence } from "../evidence.ts";
import { isDamaged, isInterrupted, isShaken, spanOf } from "./excuses.ts";
import { endsOf, runsOf, tagOf, type Run } from "../journals.ts";

const FINAL = ["ended", "unknown", "cancelled"];

/** Those that can be told or asked; of the others an input is begun at most once. */
const EXACTLY_ONCE = ["claude-code", "codex", "opencode", "pi"];

export const inputsAreListed: Check = ({ sent, shown }) => {
  const flaws: string[] = [];
  for (const { agent, tag, status, n } of sent) {
    const found = (shown.inputs[agent] ?? []).filter((input) => tagOf(String(input["text"])) === tag);
    if (status === 202 && found.length !== 1) flaws.push(`${tag}: taken with 202, listed ${found.length} times`);
    if (status !== 202 && status !== null && found.length > 0) flaws.push(`${tag}: refused with ${status}, but listed`);
    if (found.length > 1) flaws.push(`${tag}: listed ${found.length} times`);
    if (status === 202 && n !== null && found.some((input) => Number(input["n"]) !== n))
      flaws.push(`${tag}: answered as input ${n}, listed as another`);
  }
  const known = new Set(sent.map(({ agent, tag }) => `${agent} ${tag}`));
  for (const [agent, inputs] of Object.entries(shown.inputs))
    for (const input of inputs)
      if (!isOurs(input) && !known.has(`${agent} ${tagOf(String(input["text"]))}`))
        flaws.push(`${agent}: input ${String(input["n"])} was sent by nobody`);
  return flaws;
};

export const inputsRunOnce: Check = (evidence) => {
  const flaws: string[] = [];
  for (const { id, provider } of evidence.agents) {
    const byTag = new Map<string, Run[]>();
    for (const run of runsOf(evidence, id)) {
      if (run.origin !== "input" || run.tag === "") continue;
      byTag.set(run.tag, [...(byTag.get(run.tag) ?? []), run]);
    }
    for (const [tag, runs] of byTag) {
      // The proof of what was written may be gone with the files: then it may be written once more.
      if (isDamaged(evidence, id, tag, runs)) continue;
      if (runs.length > 1 && !EXACTLY_ONCE.includes(provider))
        flaws.push(`${tag} (${provider}): begun ${runs.length} times, may be begun once`);
      if (endsOf(runs).length > 1) flaws.push(`${tag}: its program ended it ${endsOf(runs).length} times`);
      // Only the last start may have lived to an end.
      for (const run of runs.slice(0, -1))
        if (run.end !== null) flaws.push(`${tag}: run again although process ${run.pid} had ended it`);
      if (new Set(runs.map((run) => run.pid)).size < runs.length)
        flaws.push(`${tag}: run ${runs.length} times by ${new Set(runs.map((run) => run.pid)).size} processes`);
    }
  }
  return flaws;
};

export const inputsAreSettled: Check = (evidence) => {
  const flaws: string[] = [];
  for (const { id, provider } of evidence.agents) {
    const runs = runsOf(evidence, id);
    for (const input of evidence.shown.inputs[id] ?? []) {
      if (isOurs(input)) continue;
      const tag = tagOf(String(input["text"]));
      const state = String(input["state"]);
      const own = runs.filter((run) => run.tag === tag);
      if (!FINAL.includes(state)) flaws.push(`${tag}: still ${state} when all was quiet`);
      const damaged = isDamaged(evidence, id, tag, own);
      // Whoever ends a turn that nobody has confirmed yet will not wait for the next program to be asked about it.
      const span = spanOf(evidence, id, tag, own);
      const asked = isInterrupted(evidence, id, span);
      if (state === "unknown" && EXACTLY_ONCE.includes(provider) && !damaged && !asked)
        flaws.push(`${tag} (${provider}): unknown, although its program can be told or asked`);
      if (state === "cancelled" && own.length > 0) flaws.push(`${tag}: cancelled, but its program ran it`);
      const turn = turnOf(evidence, id, String(input["turnId"]));
      // A program that was to be ended may have been so before its first word; a plain one is its turn.
      const early =
        (turn?.outcome === "interrupted" && asked) ||
        (turn?.outcome !== "completed" && provider === "some-command" && isShaken(evidence, id, span));
      if (state === "ended" && own.length === 0 && !damaged && !early)
        flaws.push(`${tag} (${provider}): ended ${turn?.outcome ?? "without a turn"}, but no program ran it`);
      const often = damaged ? endsOf(own).length > 0 : endsOf(own).length === 1;
      if (state === "ended" && turn?.outcome === "completed" && !often)
        flaws.push(`${tag}: completed, but its program ended it ${endsOf(own).length} times`);
    }
    const listed = new Set((evidence.shown.inputs[id] ?? []).map((input) => tagOf(String(input["text"]))));
    for (const run of runs)
      if (run.origin === "input" && !listed.has(run.tag)) flaws.push(`${run.tag}: was run, but no input says so`);
  }
  return flaws;
};

/**
 * The daemon itself asked for the rest of a turn that waited for its account: a program whose clock was set gives a
 * time of days ahead for its next try, and such a turn is taken out of it.
 */
export const isOurs = (input: Json): boolean => String(input["origin"]) === "limit";

/** What the daemon said to a turn that went on so; none: it did not. */
export const wordsOfOurs = ({ shown }: Evidence, agent: string, turn: string): readonly string[] =>
  (shown.inputs[agent] ?? [])
    .filter((input) => isOurs(input) && String(input["turnId"]) === turn)
    .map((input) => String(input["text"]));

export interface TurnShown {
  readonly id: string;
  readonly outcome: string;
  /** Of its error; "" where it has none. */
  readonly code: string;
}

/** As the event log ends it. */
export function turnOf({ shown }: Evidence, agent: string, turn: string): TurnShown | undefined {
  return turnsOf(shown.events[agent] ?? []).find(({ id }) => id === turn);
}

export function turnsOf(events: Evidence["shown"]["events"][string]): readonly TurnShown[] {
  return events
    .filter(({ type }) => String(type) === "turn_ended")
    .map(({ data }) => ({
      id: String(data?.["turn"]?.["id"]),
      outcome: String(data?.["turn"]?.["outcome"]),
      code: String(data?.["turn"]?.["error"]?.["code"] ?? ""),
    }));
}

/** In which its program had an input: the last of its turns, but for one whose program never came to be. */
export function turnRun({ shown }: Evidence, agent: string, input: Json): TurnShown | undefined {
  const events = shown.events[agent] ?? [];
  const all = events.flatMap(({ type, data }) => (String(type) === "input" ? [data?.["input"]] : []));
  const ids = all.filter((each) => Number(each?.["n"]) === Number(input["n"])).map((each) => String(each?.["turnId"]));
  const turns = turnsOf(events).filter(({ id }) => id === String(input["turnId"]) || ids.includes(id));
  return turns.findLast(({ code }) => code !== "START_FAILED") ?? turns.at(-1);
}
