/** What the daemon posts to a webhook: seven keys in a fixed order, then what is known besides. */
import { array, boolean, nullable, object, oneOf, optional, record, unknown } from "../../lib/check.ts";
import { TURN_OUTCOMES } from "../../words/agent.ts";
import { NOTICE_EVENTS, TEST_EVENT } from "../../words/notices.ts";
import { failure, status, verified } from "./agent.ts";
import { about, count, named, text, time, yes } from "./shape.ts";

export const notice = named(
  "Notice",
  "The body of a webhook",
  object({
    event: oneOf(...NOTICE_EVENTS, TEST_EVENT),
    project: text,
    agentId: text,
    provider: text,
    status,
    lastMessage: about("The last answer of the turns that it reports", nullable(text)),
    timestamp: time,
    error: optional(failure),
    turnId: optional(text),
    turns: optional(array(object({ id: text, outcome: oneOf(...TURN_OUTCOMES), startedAt: time, endedAt: time }))),
    name: optional(text),
    node: optional(about("The box that it works on, in a fleet", text)),
    asOf: optional(about("When that box was heard of last, of one that is lost", time)),
    permission: optional(object({ id: text, kind: text, tool: text, title: text, options: array(text) })),
    verify: optional(verified),
    result: optional(about("Of the last turn, where it has one that fits its schema; not when it is large", unknown())),
    changes: optional(
      about(
        "What the agent's work comes to since it began, where it is kept; null: not known yet",
        nullable(
          object({
            ...{ files: count, insertions: count, deletions: count },
            branch: nullable(text),
            commits: about("On that branch since its base", nullable(count)),
          }),
        ),
      ),
    ),
    pending: optional(about("What the turn left is still being saved: `changes` answers it in a moment", yes)),
    account: optional(
      about(
        "What the whole account is at, in notices that are sent once for all of its agents",
        object({
          name: text,
          scope: text,
          resetsAt: nullable(time),
          resumesAt: nullable(time),
          guessed: boolean(),
          agents: about("How many agents of it have work to do", count),
        }),
      ),
    ),
    metadata: optional(record(text)),
    truncated: optional(about("`lastMessage` was cut", yes)),
  }),
);
