/** What was said, exactly; and the child's raw output for debugging. */
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { object, oneOf, optional, string } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { runPaths } from "../process/paths.ts";
import { readTailBytes } from "../process/tail.ts";
import type { Message } from "../words/said.ts";
import { findMessage, lastAssistantMessage, listMessages } from "../store/messages.ts";
import { clipMessage } from "./clip.ts";
import { eventCursor } from "./cursor.ts";
import { MESSAGE_ROLES } from "../words/said.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import * as schemas from "./schemas.ts";

const ONE = "/api/v1/projects/:name/agents/:id";
const TAIL_BYTES = 64 * 1024;
const TAIL_MAX_BYTES = 16 * 1024 * 1024;

export function messageRoutes(deps: ApiDeps) {
  const { store } = deps;
  const id = optional(schemas.idText);
  return [
    route({
      method: "GET",
      path: `${ONE}/messages`,
      summary:
        "Messages, oldest first: the newest page, or a page after or before an id; `more` = it goes on; `contains` = only what has this text",
      query: object({
        limit: optional(schemas.count(1000)),
        after: id,
        before: id,
        role: optional(oneOf(...MESSAGE_ROLES)),
        contains: optional(string({ min: 1, max: 200 })),
        clip: optional(schemas.clip),
      }),
      handler({ params, query: { clip, limit = 100, ...query } }) {
        const actor = actorAt(deps, params);
        const { messages, more } = listMessages(store, actor.id, { ...query, limit });
        return json({ messages: messages.map(clipped(clip)), more }, { headers: eventCursor(store) });
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/messages/last`,
      summary: "The last thing the agent said, or null",
      query: object({ clip: optional(schemas.clip) }),
      handler({ params, query }) {
        const message = lastAssistantMessage(store, actorAt(deps, params).id);
        return json({ message: message === null ? null : clipped(query.clip)(message) });
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/messages/:mid`,
      summary: "One message, whole",
      handler({ params }) {
        const actor = actorAt(deps, params);
        const message = /^[1-9]\d{0,14}$/.test(params.mid) ? findMessage(store, actor.id, Number(params.mid)) : null;
        if (message !== null) return json({ message });
        throw new HarnessError(
          "MESSAGE_NOT_FOUND",
          `the agent has no message "${params.mid}": GET …/messages lists them`,
        );
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/output`,
      summary: "Raw bytes of the latest process, for debugging",
      query: object({ stream: optional(oneOf("stdout", "stderr")), tail: optional(schemas.count(TAIL_MAX_BYTES)) }),
      success: { type: "application/octet-stream" },
      handler({ params, query }) {
        const actor = actorAt(deps, params);
        const paths = runPaths(actor.agentDir, actor.state().run);
        const file = query.stream === "stderr" ? paths.err : paths.out;
        // Bytes of a program that nobody checked: never shown as a page.
        return new Response(new Uint8Array(readTailBytes(file, query.tail ?? TAIL_BYTES)), {
          headers: {
            "Content-Type": "application/octet-stream",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
          },
        });
      },
    }),
  ];
}

/** `?clip=N`, or everything. */
const clipped = (max: number | undefined) => (message: Message) =>
  max === undefined ? message : clipMessage(message, max);
