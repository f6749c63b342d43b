/** What is told of the last hours: agent by agent, and of the box. */
import { array, boolean, nullable, object, oneOf, optional } from "../../lib/check.ts";
import { STATUSES, TURN_OUTCOMES } from "../../words/agent.ts";
import { SETTLERS } from "../../words/said.ts";
import { failure } from "./agent.ts";
import { about, amount, count, named, text, time } from "./shape.ts";

const each = <W extends string, T>(words: readonly W[], schema: T): Record<string, T> =>
  Object.fromEntries(words.map((word) => [word, schema]));

const usage = object({
  turns: count,
  inputTokens: count,
  outputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  costUsd: amount,
  unpricedTokens: count,
  estimated: boolean(),
});

const agentNight = object({
  id: text,
  project: nullable(text),
  name: nullable(text),
  status: about("null: it is forgotten, and only what it used is still known", nullable(oneOf(...STATUSES))),
  turns: about("Those that ended, by outcome", object(each(TURN_OUTCOMES, count))),
  error: about("Of its last turn", nullable(failure)),
  checks: about("What `verify` said of its turns", object({ passed: count, failed: count })),
  changes: about(
    "Since its first snapshot, where one was made in this time",
    nullable(object({ files: count, insertions: count, deletions: count })),
  ),
  waits: about(
    "For a person: `by` says who or what settled how many",
    object({ asked: count, open: count, ms: count, by: object(each(SETTLERS, optional(count))) }),
  ),
  limited: about("At its account's limit", object({ times: count, ms: count, now: boolean() })),
  deadDeliveries: count,
  usage,
});

export const nightReport = named(
  "Report",
  "What happened since a time: agents that did or waited for something, those that need a person first",
  object({
    since: time,
    until: time,
    agents: array(agentNight),
    usage: about("Of all of them", usage),
    restarts: about(
      "Of the daemon: agents whose process lived through it, had ended meanwhile, or was not yet looked at when it was ready",
      array(object({ at: time, lived: array(text), ended: array(text), unknown: array(text) })),
    ),
    dead: about(
      "Deliveries that were given up",
      array(
        object({
          id: text,
          project: nullable(text),
          agent: nullable(text),
          name: nullable(text),
          event: text,
          at: time,
          error: nullable(text),
        }),
      ),
    ),
  }),
);
