/**
 * A fake `opencode serve`: its HTTP calls and its event stream, scripted by the prompt (see script.ts). Traps of the
 * real one: 204 comes before busy, an idle session is absent from the status map, unknown addresses get a web page with
 * 200, a prompt sent twice is stored twice, refusing one request refuses all of its session, and see opencode-wire.ts.
 */
import { fileURLToPath } from "node:url";
import { shownFile } from "./pictures.ts";
import type { Engine } from "./script.ts";
import { createEngine } from "./script.ts";
import type { Json, StoredSession } from "./opencode-store.ts";
import { newId, openStore } from "./opencode-store.ts";
import type { Pending, SessionWire, WireHost } from "./opencode-wire.ts";
import { createWire } from "./opencode-wire.ts";

const PAGE = "<!doctype html><title>OpenCode</title>";
const store = openStore(process.env);
const password = process.env["OPENCODE_SERVER_PASSWORD"];
const streams = new Set<ReadableStreamDefaultController<Uint8Array>>();
const encoder = new TextEncoder();
const allowed = new Set<string>(grantsOf(process.env["OPENCODE_PERMISSION"]));
const engines = new Map<string, { readonly engine: Engine; readonly wire: SessionWire }>();

const host: WireHost = {
  store,
  statuses: new Map(),
  pending: new Map(),
  emit: (type, properties) => send({ id: newId("evt"), type, properties }),
  cutStreams() {
    for (const stream of streams) stream.close();
    streams.clear();
  },
};

function send(event: Json): void {
  const bytes = encoder.encode(`data: ${JSON.stringify(event)}\n\n`);
  for (const stream of streams) stream.enqueue(bytes);
}

function engineOf(session: StoredSession) {
  const known = engines.get(session.id);
  if (known !== undefined) return known;
  const wire = createWire(host, session, allowed);
  const made = { wire, engine: createEngine(wire) };
  engines.set(session.id, made);
  return made;
}

function settle(pending: Pending, reply: string, message: string | undefined): void {
  host.pending.delete(pending.request.id);
  host.emit(`${pending.kind}.replied`, { sessionID: pending.request.sessionID, requestID: pending.request.id, reply });
  if (reply === "always")
    for (const pattern of (pending.request["always"] as string[] | undefined) ?? []) allowed.add(pattern);
  pending.settle({ allow: reply !== "reject", ...(message === undefined ? {} : { message }) });
}

async function respond(request: Request): Promise<Response> {
  const url = new URL(request.url);
  if (password !== undefined && request.headers.get("authorization") !== `Basic ${btoa(`opencode:${password}`)}`) {
    return new Response("Unauthorized", { status: 401 });
  }
  const body = request.method === "POST" ? ((await request.json().catch(() => ({}))) as Json) : {};
  const [, top = "", id = "", what = "", more = ""] = url.pathname.split("/");
  const on = `${request.method} /${[top, id === "" || isWord(id) ? id : ":id", what].filter((each) => each !== "").join("/")}`;

  switch (on) {
    case "GET /global/health":
      return Response.json({ healthy: true, version: "1.18.33" });
    case "GET /event":
      return stream();
    case "POST /session": {
      const session = store.create(String(body["title"] ?? ""));
      store.save();
      host.emit("session.created", { sessionID: session.id, info: { id: session.id, title: session.title } });
      return Response.json({ id: session.id, title: session.title });
    }
    case "GET /session/status":
      return Response.json(Object.fromEntries(host.statuses));
    case "GET /permission":
    case "GET /question":
      return Response.json([...host.pending.values()].filter((each) => each.kind === top).map((each) => each.request));
    case "POST /permission/:id/reply":
    case "POST /question/:id/reply":
    case "POST /question/:id/reject":
      return reply(id, what === "reject" ? { reply: "reject" } : body);
  }
  const session = top === "session" ? store.session(id) : undefined;
  if (top !== "session" || id === "") return new Response(PAGE, { headers: { "content-type": "text/html" } });
  if (session === undefined) return notFound(`Session not found: ${id}`);
  switch (on) {
    case "GET /session/:id":
      return Response.json({
        id: session.id,
        title: session.title,
        ...totalsOf(session),
      });
    case "GET /session/:id/children":
      return Response.json(store.children(id).map((each) => ({ id: each.id, parentID: id, ...totalsOf(each) })));
    case "GET /session/:id/message": {
      if (more !== "") {
        const message = session.messages.find((each) => each.info.id === more);
        return message === undefined ? notFound(`Message not found: ${more}`) : Response.json(message);
      }
      const limit = Number(url.searchParams.get("limit") ?? 0);
      const ordered = session.messages.toSorted((a, b) => (a.info.id < b.info.id ? -1 : 1));
      return Response.json(limit === 0 ? ordered : ordered.slice(-limit));
    }
    case "POST /session/:id/prompt_async":
      prompt(session, body);
      return new Response(null, { status: 204 });
    case "POST /session/:id/abort":
      abort(session);
      return Response.json(true);
    default:
      return new Response(PAGE, { headers: { "content-type": "text/html" } });
  }
}

function prompt(session: StoredSession, body: Json): void {
  const { wire, engine } = engineOf(session);
  const id = typeof body["messageID"] === "string" ? body["messageID"] : newId("msg");
  const text = ((body["parts"] as Json[] | undefined) ?? [])
    .map((part) => (part["type"] === "file" ? shownFile(fileURLToPath(String(part["url"]))) : String(part["text"])))
    .join("");
  setTimeout(() => {
    const known = session.messages.some((each) => each.info.id === id);
    // Where its turn begins at once it is stored by that: the journal has to know of it before the session does.
    if (known || engine.busy) wire.userMessage(id, text);
    if (!known) return void engine.prompt(text, id);
    wire.status({ type: "busy" });
    if (!engine.busy) wire.status({ type: "idle" });
  }, 30);
}

function abort(session: StoredSession): void {
  const { wire, engine } = engineOf(session);
  if (!engine.interrupt()) wire.status({ type: "idle" });
}

function reply(id: string, body: Json): Response {
  const pending = host.pending.get(id);
  if (pending === undefined) return notFound(`request not found: ${id}`);
  if (Array.isArray(body["answers"]))
    settle(pending, "answered", (body["answers"] as string[][]).map((each) => each.join(", ")).join("; "));
  else {
    settle(pending, String(body["reply"]), typeof body["message"] === "string" ? body["message"] : undefined);
    if (body["reply"] === "reject") {
      for (const other of [...host.pending.values()]) {
        if (other.kind === "permission" && other.request.sessionID === pending.request.sessionID)
          settle(other, "reject", undefined);
      }
    }
  }
  return Response.json(true);
}

function stream(): Response {
  let mine: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      mine = controller;
      controller.enqueue(
        encoder.encode(`data: ${JSON.stringify({ id: newId("evt"), type: "server.connected", properties: {} })}\n\n`),
      );
      streams.add(controller);
    },
    cancel: () => void (mine !== undefined && streams.delete(mine)),
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

function notFound(message: string): Response {
  return Response.json({ name: "NotFoundError", data: { message } }, { status: 404 });
}

function isWord(id: string): boolean {
  return !/^(ses|per|que)_/.test(id);
}

/** Rules that a bridge gave the server for what was allowed for good. */
function grantsOf(rules: string | undefined): string[] {
  if (rules === undefined) return [];
  const { bash } = JSON.parse(rules) as { bash?: string | Record<string, string> };
  return typeof bash === "object"
    ? Object.entries(bash)
        .filter(([pattern, action]) => action === "allow" && pattern !== "*")
        .map(([pattern]) => pattern)
    : [];
}

if (process.argv[2] === "--version") console.log("1.18.33");
else {
  if (password === undefined) console.error("Warning: OPENCODE_SERVER_PASSWORD is not set; server is unsecured.");
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: 64 * 1024 * 1024,
    fetch: respond,
  });
  setInterval(() => send({ id: newId("evt"), type: "server.heartbeat", properties: {} }), 10_000);
  console.log(`opencode server listening on http://127.0.0.1:${server.port}`);
}

/** As they are stored with the session: of every answer that was finished. */
function totalsOf({ messages }: StoredSession): Record<string, unknown> {
  const steps = messages.flatMap(({ parts }) => parts).filter((part) => part["type"] === "step-finish").length;
  const tokens = { input: 10 * steps, output: 5 * steps, reasoning: 0, cache: { read: 0, write: 0 } };
  return { cost: 0.001 * steps, tokens };
}
