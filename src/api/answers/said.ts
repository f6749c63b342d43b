/** What is said: messages and questions. */
import { array, boolean, nullable, object, oneOf, optional, record, union, unknown } from "../../lib/check.ts";
import { DECISIONS, MESSAGE_ROLES, PERMISSION_KINDS, PERMISSION_STATES, SETTLERS } from "../../words/said.ts";
import { about, count, named, text, time } from "./shape.ts";

const bytes = optional(about("There when it was cut (`?clip`): the whole of it, in UTF-8", count));
const anything = optional(unknown());

export const part = named(
  "Part",
  "A block of a message",
  union(
    object({ type: oneOf("text"), text, bytes }),
    object({ type: oneOf("thinking"), text, bytes }),
    object({ type: oneOf("tool_use"), id: text, name: text, input: anything, bytes }),
    object({ type: oneOf("tool_result"), id: text, text, isError: boolean(), bytes }),
  ),
);

export const messageShape = {
  id: count,
  key: about("Unique in the agent; text that was streamed for it carries the same", text),
  turnId: nullable(text),
  role: oneOf(...MESSAGE_ROLES),
  createdAt: time,
};

export const message = named(
  "Message",
  "What was said, whole",
  object({
    ...messageShape,
    text,
    parts: array(part),
    subagent: optional(about("Who said it, when it was not the agent itself", text)),
    via: optional(about("It was not said through us: a person had the conversation on screen", oneOf("attach"))),
    truncated: optional(boolean()),
    bytes,
  }),
);

const permissionShape = {
  id: text,
  kind: oneOf(...PERMISSION_KINDS),
  tool: text,
  title: about("One line for a person: what would be done", text),
  detail: about("The whole request for a careful reader", anything),
  options: array(oneOf(...DECISIONS)),
  hash: about("Send it back as `expect`: another request than this one is then refused", text),
  state: oneOf(...PERMISSION_STATES),
  turnId: nullable(text),
  createdAt: time,
  settledAt: nullable(time),
  answer: optional(
    object({
      decision: oneOf(...DECISIONS),
      message: optional(text),
      answers: optional(record(union(text, array(text)))),
    }),
  ),
  settledBy: optional(oneOf(...SETTLERS)),
  subagent: optional(text),
};

export const permission = named("Permission", "A question the agent waits on, or waited on", object(permissionShape));

export const listedPermission = named(
  "ListedPermission",
  "The same, with whose it is",
  object({ project: text, agent: text, name: nullable(text), ...permissionShape }),
);
