/**
 * Claude Code's figures. Exact totals, sub-agents and cost included, come only with `result`; what each answer of the
 * model used comes before, on every one of its lines again, so it counts once a message. Owns no ends and no outcomes.
 */
import { own } from "../../lib/own.ts";
import type { Usage } from "../../words/said.ts";
import { patch, say } from "../draft.ts";
import { type Fields, fields, isFields, maybeIdOf, maybeNumber, number } from "../read.ts";
import type { Answers, Draft } from "./state.ts";
import { noAnswers } from "./state.ts";
import { given } from "../../lib/given.ts";

const MAIN = "";

/** A line of a message, or its first frame: what it read is exact, what it wrote is not known yet. */
export function answerSaid(work: Draft, message: Fields, subagent: string = MAIN): void {
  const id = maybeIdOf(message, "id");
  const usage = fields(message, "usage");
  if (id === undefined || Object.keys(usage).length === 0) return;
  const { lanes, sum } = work.state.answers;
  const before = own(lanes, subagent);
  const same = before?.id === id;
  const output = number(usage, "output_tokens");
  const lane = {
    id,
    input: number(usage, "input_tokens"),
    // Each line repeats the 1 of the beginning, also when the stream has told more by now.
    output: same ? Math.max(before.output, output) : output,
    cacheRead: number(usage, "cache_read_input_tokens"),
    cacheWrite: number(usage, "cache_creation_input_tokens"),
  };
  tell(work, {
    lanes: { ...lanes, [subagent]: lane },
    sum: before === undefined || same ? sum : plus(sum, before),
  });
}

/** `message_delta`: how much it wrote, exactly. Sub-agents have none. */
export function answerEnds(work: Draft, event: Fields): void {
  const output = maybeNumber(fields(event, "usage"), "output_tokens");
  const { lanes, sum } = work.state.answers;
  const lane = own(lanes, MAIN);
  if (output !== undefined && lane !== undefined) tell(work, { lanes: { ...lanes, [MAIN]: { ...lane, output } }, sum });
}

/** `result`: `usage` is its turn's; `modelUsage` and the cost are the conversation's totals, sub-agents included. */
export function totalsSaid(work: Draft, line: Fields): void {
  const byModel = isFields(line["modelUsage"]) ? Object.values(line["modelUsage"]).filter(isFields) : [];
  const sum = (name: string) => byModel.reduce((total, model) => total + (maybeNumber(model, name) ?? 0), 0);
  const costUsd = maybeNumber(line, "total_cost_usd");
  const usage = {
    ...(byModel.length === 0
      ? {}
      : {
          inputTokens: sum("inputTokens"),
          outputTokens: sum("outputTokens"),
          cacheReadTokens: sum("cacheReadInputTokens"),
          cacheWriteTokens: sum("cacheCreationInputTokens"),
        }),
    ...given({ costUsd }),
  };
  if (Object.keys(usage).length === 0) return;
  // Without the tokens in it, the answers are all that is known of them.
  if (byModel.length > 0) patch(work, { answers: noAnswers });
  const open = openOf(work.state.answers);
  say(work, { type: "usage", usage, ...(Object.keys(open).length === 0 ? {} : { open }) });
}

function tell(work: Draft, answers: Answers): void {
  const before = openOf(work.state.answers);
  patch(work, { answers });
  const open = openOf(answers);
  if (JSON.stringify(open) !== JSON.stringify(before)) say(work, { type: "usage", usage: {}, open });
}

type Figures = Answers["sum"];

function plus(a: Figures, b: Figures): Figures {
  return {
    input: a.input + b.input,
    output: a.output + b.output,
    cacheRead: a.cacheRead + b.cacheRead,
    cacheWrite: a.cacheWrite + b.cacheWrite,
  };
}

function openOf({ lanes, sum }: Answers): Usage {
  const { input, output, cacheRead, cacheWrite } = Object.values(lanes).reduce<Figures>(plus, sum);
  if (input + output + cacheRead + cacheWrite === 0) return {};
  return { inputTokens: input, outputTokens: output, cacheReadTokens: cacheRead, cacheWriteTokens: cacheWrite };
}
