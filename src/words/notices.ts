/** What a webhook can tell. `webhook.events` picks from it. */

export const NOTICES = {
  agent_completed: "the last turn completed, the agent is idle",
  agent_error: "the last turn failed",
  agent_aborted: "the last turn was interrupted",
  agent_exited: "the program ended unasked, or could not start",
  agent_waiting_input: "it waits for an answer",
  agent_stalled:
    "a turn, or a start that waits, made no progress for `limits.stallWarnMs` (`limits.toolStallWarnMs` while a tool runs); told once a turn, nothing is ended",
  agent_limited:
    "the account's allowance is used up: its agents wait and go on by themselves at the time it names; told once for all of them",
  agent_resumed: "the first of the agents that waited for the account got an answer again",
  agent_budget:
    "a budget is nearly spent (80 %), is spent and holds what waits, or is in dollars and no price is told; each once for each limit",
  agent_unreachable:
    "the box that it works on has not been heard of while it was at work (*A fleet*); told once, by one of the boxes that live",
} as const;

export type NoticeEvent = keyof typeof NOTICES;

export const NOTICE_EVENTS = Object.keys(NOTICES) as readonly NoticeEvent[] as readonly [NoticeEvent, ...NoticeEvent[]];

/** Sent only when a person tries the way (`POST /webhook/test`, `webhook-receiver test`). */
export const TEST_EVENT = "test";

/** What a receiver knows. It must live with others: a sender may be newer than itself. */
export type KnownEvent = NoticeEvent | typeof TEST_EVENT;
