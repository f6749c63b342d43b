/** An app with a route of every kind, called without a socket. */
import { json } from "../../../src/http/answer.ts";
import { createAuth } from "../../../src/http/auth.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { flagText, integerText, listText } from "../../../src/http/query.ts";
import { type Route, createApp, route } from "../../../src/http/router.ts";
import { integer, object, oneOf, optional, string } from "../../../src/lib/check.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { HarnessError } from "../../../src/lib/errors.ts";
import { createLogger } from "../../../src/lib/log.ts";

export const routes: Route[] = [
  route({ method: "GET", path: "/health", summary: "health", auth: false, handler: () => json({ ok: true }) }),
  route({ method: "POST", path: "/plain", summary: "no body", handler: () => json({ done: true }) }),
  route({
    method: "GET",
    path: "/items",
    summary: "list",
    query: object({
      limit: optional(integerText({ min: 1, max: 100 })),
      force: optional(flagText()),
      until: optional(listText(oneOf("idle", "error"))),
      name: optional(string()),
    }),
    handler: ({ query }) => json(query),
  }),
  route({
    method: "POST",
    path: "/items",
    summary: "make",
    body: object({ text: string({ min: 1 }), n: optional(integer()) }),
    handler: ({ body, bodyBytes }) => json({ text: body.text, n: body.n, bytes: bodyBytes.length }, { status: 201 }),
  }),
  route({ method: "GET", path: "/items/last", summary: "last", handler: () => json({ last: true }) }),
  route({ method: "GET", path: "/items/:id", summary: "one", handler: ({ params }) => json({ id: params.id }) }),
  route({
    method: "PATCH",
    path: "/items/:id",
    summary: "change",
    body: object({ text: string() }),
    handler: ({ params, body }) => json({ id: params.id, ...body }),
  }),
  route({ method: "GET", path: "/items/:id/parts/:part", summary: "part", handler: ({ params }) => json(params) }),
  route({
    method: "POST",
    path: "/items/:id/stop",
    summary: "stop",
    body: optional(object({ keep: optional(string()) })),
    handler: ({ body }) => json({ keep: body?.keep ?? null }),
  }),
  route({
    method: "POST",
    path: "/raw",
    summary: "raw",
    body: "raw",
    handler: ({ body }) => json({ bytes: body.length }),
  }),
  route({
    method: "GET",
    path: "/busy",
    summary: "fails",
    handler: () => {
      throw new HarnessError("AGENT_BUSY", "the agent is busy", { headers: { "Retry-After": "1" } });
    },
  }),
  route({
    method: "GET",
    path: "/bug",
    summary: "breaks",
    handler: () => {
      throw new Error("secret detail");
    },
  }),
  route({
    method: "GET",
    path: "/short/:of",
    summary: "lacks something",
    handler: ({ params }) => {
      throw Object.assign(new Error(`${params.of}: no more of it`), { code: params.of });
    },
  }),
  route({
    method: "GET",
    path: "/stream",
    summary: "streams",
    handler: ({ signal }) =>
      new Response(new ReadableStream({ start: (c) => signal.addEventListener("abort", () => c.close()) }), {
        headers: { "Content-Type": "text/event-stream" },
      }),
  }),
];

export function makeApp(token: string | null = null, bodyBytes = 1000, more: readonly Route[] = []) {
  const clock = fakeClock();
  const written: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => void written.push(line), clock });
  const guard = createGuard({ allowedHosts: ["box.example"], ownNames: ["MyBox"] });
  return {
    app: createApp({
      routes: [...routes, ...more],
      auth: createAuth({ token, clock }),
      guard,
      log,
      limits: { bodyBytes },
    }),
    clock,
    written,
  };
}

const { app } = makeApp();
export const base = "http://127.0.0.1:7070";
export const call = async (method: string, path: string, init: RequestInit = {}, target = app) => {
  const response = await target.fetch(new Request(base + path, { method, ...init }));
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
};
export const post = (
  path: string,
  body: RequestInit["body"],
  type: string | null = "application/json",
  method = "POST",
) => call(method, path, { body, headers: type === null ? {} : { "Content-Type": type } });
