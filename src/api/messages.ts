/** What was said, exactly; and the child's raw output for debugging. */
import { closeSync, existsSync, fstatSync, openSync, readSync } from "node:fs";
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { object, oneOf, optional } from "../lib/check.ts";
import { runPaths } from "../process/paths.ts";
import { lastAssistantMessage, listMessages } from "../store/messages.ts";
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
      summary: "Messages, oldest first: the newest page, or a page after or before an id; `more` = it goes on",
      query: object({
        limit: optional(schemas.count(1000)),
        after: id,
        before: id,
        role: optional(oneOf("user", "assistant", "tool", "system")),
      }),
      handler({ params, query }) {
        const actor = actorAt(deps, params);
        return json(listMessages(store, actor.id, { ...query, limit: query.limit ?? 100 }));
      },
    }),
    route({
      method: "GET",
      path: `${ONE}/messages/last`,
      summary: "The last thing the agent said, or null",
      handler: ({ params }) => json({ message: lastAssistantMessage(store, actorAt(deps, params).id) }),
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
        return new Response(lastBytes(file, query.tail ?? TAIL_BYTES), {
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

function lastBytes(path: string, max: number): Uint8Array<ArrayBuffer> {
  if (!existsSync(path)) return new Uint8Array();
  const fd = openSync(path, "r");
  try {
    const { size } = fstatSync(fd);
    const bytes = new Uint8Array(Math.min(size, max));
    const got = readSync(fd, bytes, 0, bytes.length, size - bytes.length);
    return bytes.subarray(0, got);
  } finally {
    closeSync(fd);
  }
}
