/**
 * The route table and the one place where a request becomes an answer: guard, match, auth, query, body, handler, and
 * every thrown error turned into the API's error shape. Knows HTTP, not agents.
 */
import type { Infer, Issue, OptionalSchema, Schema } from "../lib/check.ts";
import { check, object } from "../lib/check.ts";
import { isShortage } from "../lib/descriptors.ts";
import { HarnessError, errorCode, errorText, invalidRequest } from "../lib/errors.ts";
import type { Logger } from "../lib/log.ts";
import { cutText } from "../lib/text.ts";
import { errorAnswer } from "./answer.ts";
import type { Auth } from "./auth.ts";
import { parseBody, readBody, requireJson } from "./body.ts";
import type { Guard } from "./guard.ts";
import { createMatcher } from "./match.ts";
import { parseQuery } from "./query.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

type ParamNames<P extends string> = P extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? Name | ParamNames<Tail>
    : Rest
  : never;
export type Params<P extends string> = { readonly [K in ParamNames<P>]: string };

/** What the server can do for one request; `Bun.Server` fits. */
export interface RequestServer {
  timeout(req: Request, seconds: number): void;
}

export interface Context<P, Q, B> {
  readonly req: Request;
  readonly url: URL;
  /** Decoded path parameters; what they may look like is the handler's to check. */
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  /** The body as it came, for hashes and signatures; empty when there was none. */
  readonly bodyBytes: Uint8Array;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
  /** This answer may take long or stay silent for long: no idle timeout. */
  keepOpen(): void;
}

/** "raw": the handler gets the bytes, whatever their type. An optional schema: the body may be missing. */
export type BodySpec = Schema<unknown> | "raw" | undefined;
export type BodyOf<B> = B extends "raw"
  ? Uint8Array
  : B extends OptionalSchema<infer T>
    ? T | undefined
    : B extends Schema<infer T>
      ? T
      : undefined;
type QueryOf<Q> = Q extends Schema<unknown> ? Infer<Q> : Readonly<Record<never, never>>;

export interface RouteSpec<P extends string, Q extends Schema<unknown> | undefined, B extends BodySpec> {
  readonly method: Method;
  /** `/api/v1/projects/:name` */
  readonly path: P;
  /** One line for the API description and the docs. */
  readonly summary: string;
  /** false = open to everybody who passes the guard. */
  readonly auth?: false;
  /** false = asked of this very box only, never handed on to another one of its fleet. */
  readonly relay?: false;
  /** An object schema of text values (`http/query.ts` has numbers, flags and lists). */
  readonly query?: Q;
  readonly body?: B;
  /** The largest body; by default what a form of some fields needs. */
  readonly bodyBytes?: number;
  /** For the API description: status and media type of the good answer. Default 200 application/json. */
  readonly success?: { readonly status?: number; readonly type?: string; readonly description?: string };
  handler(ctx: Context<Params<P>, QueryOf<Q>, BodyOf<B>>): Response | Promise<Response>;
}

/** A route whose types have done their work. */
export interface Route {
  readonly method: Method;
  readonly path: string;
  readonly summary: string;
  readonly auth?: false;
  readonly relay?: false;
  readonly query?: Schema<unknown>;
  readonly body?: Exclude<BodySpec, undefined>;
  readonly bodyBytes?: number;
  readonly success?: { readonly status?: number; readonly type?: string; readonly description?: string };
  // Method syntax: parameters of methods are compared bivariantly, which is what lets a table hold routes of all types.
  handler(ctx: Context<Readonly<Record<string, string>>, unknown, unknown>): Response | Promise<Response>;
}

export function route<
  const P extends string,
  Q extends Schema<unknown> | undefined = undefined,
  B extends BodySpec = undefined,
>(spec: RouteSpec<P, Q, B>): Route {
  const { query, body, ...rest } = spec;
  return {
    ...rest,
    ...(query ? { query } : {}),
    ...(body ? { body } : {}),
    handler: (ctx) => spec.handler(typed(ctx)),
  };
  // `answer` below fills the context by these very schemas; the compiler cannot follow that through the table.
  function typed(ctx: Context<unknown, unknown, unknown>): Context<Params<P>, QueryOf<Q>, BodyOf<B>> {
    return ctx as Context<Params<P>, QueryOf<Q>, BodyOf<B>>;
  }
}

export interface AppOptions {
  readonly routes: readonly Route[];
  readonly auth: Auth;
  readonly guard: Guard;
  readonly log: Logger;
  readonly limits?: { readonly bodyBytes?: number };
  /** Who lists the routes, for the 404: "GET /api/v1/openapi.json lists what there is". */
  readonly hint?: string;
}

export interface App {
  fetch(req: Request, server?: RequestServer): Promise<Response>;
  /** From now on 503 for new requests; open streams and long polls are told to end. */
  close(): void;
  /** Requests whose handler has not answered yet. */
  readonly inFlight: number;
}

/** A text of 8 MiB, or a file of 8 MiB in base64 with what goes round it. */
export const MAX_BODY_BYTES = 12 * 1024 * 1024;
const SMALL_BODY_BYTES = 64 * 1024;
/** A connection on which nothing happens for so long is ended. */
export const IDLE_SECONDS = 10;
/** Tries again while another program holds the store; between them the loop is free for others. */
const BUSY = { tries: 20, pauseMs: 100 } as const;
const EMPTY = object({});

/** Compiles the table; a table that contradicts itself throws here, not while serving. */
export function createApp({
  routes,
  auth,
  guard,
  log,
  limits,
  hint = "GET /api/v1/openapi.json lists what there is",
}: AppOptions): App {
  const match = createMatcher(routes);
  const maxBodyBytes = limits?.bodyBytes ?? MAX_BODY_BYTES;
  const closing = new AbortController();
  let inFlight = 0;

  const answer = async (req: Request, server: RequestServer | undefined): Promise<Response> => {
    guard.check(req);
    const { path, search } = splitUrl(req.url);
    const found = match(req.method, path);
    if (found.type !== "found" || found.route.auth !== false) auth.require(req);
    if (found.type === "malformed")
      throw invalidRequest([{ path: "", message: `the path ${cutText(path, 200)} is not valid percent-encoding` }]);
    if (found.type === "unknown") {
      throw new HarnessError("ROUTE_NOT_FOUND", `there is no ${cutText(path, 200)} here; ${hint}`);
    }
    if (found.type === "wrong_method") {
      const allow = found.allow.join(", ");
      throw new HarnessError(
        "METHOD_NOT_ALLOWED",
        `${req.method} is not possible on ${cutText(path, 200)}, expected ${allow}`,
        {
          headers: { Allow: allow },
        },
      );
    }
    const { route: matched, params } = found;
    const query = readQuery(matched, search);
    const { body, bodyBytes } = await readInput(matched, req, bodyLimit(matched, maxBodyBytes));
    let held = false;
    const hold = (): void => {
      held = true;
      server?.timeout(req, 0);
    };
    const context = {
      req,
      get url() {
        return new URL(req.url, "http://localhost");
      },
      params,
      query,
      body,
      bodyBytes,
      get signal() {
        return AbortSignal.any([req.signal, closing.signal]);
      },
      keepOpen: hold,
    };
    let streams = false;
    try {
      const answered = whenFree(() => matched.handler(context));
      if (answered instanceof Promise) hold(); // who was accepted is answered; its work has a deadline of its own
      const response = answered instanceof Promise ? await answered : answered;
      streams = isStream(response) && req.method !== "HEAD";
      // Its connection counts no idle time any more: it ends with the stream.
      if (streams) response.headers.set("Connection", "close");
      return response;
    } finally {
      // Also behind a refusal: the connection would be held for as long as its client likes, or is gone unheard.
      if (held && !streams) server?.timeout(req, IDLE_SECONDS);
    }
  };

  /** Nothing was done when the store was busy: a transaction that could not begin has had no effect. */
  const whenFree = (handle: () => Response | Promise<Response>): Response | Promise<Response> => {
    const again = async (error: unknown): Promise<Response> => {
      for (let tries = 1; ; tries++) {
        if (!(error instanceof HarnessError) || error.code !== "STORE_BUSY" || tries >= BUSY.tries) throw error;
        await Bun.sleep(BUSY.pauseMs);
        try {
          return await handle();
        } catch (next) {
          error = next;
        }
      }
    };
    try {
      const response = handle();
      return response instanceof Promise ? response.catch(again) : response;
    } catch (error) {
      return error instanceof HarnessError && error.code === "STORE_BUSY" ? again(error) : Promise.reject(error);
    }
  };

  return {
    async fetch(req, server) {
      inFlight++;
      try {
        if (closing.signal.aborted)
          throw new HarnessError("NOT_READY", "the server is stopping", {
            headers: { Connection: "close" },
          });
        const response = await answer(req, server);
        return req.method === "HEAD" ? withoutBody(response) : response;
      } catch (error) {
        return errorResponse(req, error, log);
      } finally {
        inFlight--;
      }
    },
    close: () => closing.abort(),
    get inFlight() {
      return inFlight;
    },
  };
}

/** By hand, because it runs for every request; an HTTP/1.0 request without Host has a URL of the path alone. */
function splitUrl(url: string): { readonly path: string; readonly search: string } {
  const start = url.startsWith("/") ? 0 : url.indexOf("/", url.indexOf("://") + 3);
  const end = url.indexOf("?", start);
  const hash = url.indexOf("#", start);
  const stop = hash === -1 ? url.length : hash;
  if (start === -1) return { path: "/", search: "" };
  return end === -1 || end > stop
    ? { path: url.slice(start, stop), search: "" }
    : { path: url.slice(start, end), search: url.slice(end + 1, stop) };
}

function readQuery(matched: Route, search: string): unknown {
  if (search === "" && !matched.query) return {};
  const issues: Issue[] = [];
  const checked = check(matched.query ?? EMPTY, parseQuery(search, issues));
  if (!checked.ok) issues.push(...checked.issues);
  if (issues.length > 0) throw invalidRequest(issues);
  return checked.ok ? checked.value : {};
}

function bodyLimit({ body, bodyBytes }: Route, max: number): number {
  return Math.min(max, bodyBytes ?? (body === "raw" ? max : SMALL_BODY_BYTES));
}

async function readInput(
  matched: Route,
  req: Request,
  maxBytes: number,
): Promise<{ body: unknown; bodyBytes: Uint8Array }> {
  if (matched.method === "GET" || req.method === "HEAD") return { body: undefined, bodyBytes: new Uint8Array() };
  const bodyBytes = await readBody(req, maxBytes);
  if (matched.body === "raw") return { body: bodyBytes, bodyBytes };
  const mayBeMissing = matched.body === undefined || matched.body.optional === true;
  if (bodyBytes.length === 0 && mayBeMissing) return { body: undefined, bodyBytes };
  requireJson(req);
  const checked = check(matched.body ?? EMPTY, parseBody(bodyBytes));
  if (!checked.ok) throw invalidRequest(checked.issues);
  return { body: matched.body === undefined ? undefined : checked.value, bodyBytes };
}

const isStream = (response: Response): boolean =>
  response.headers.get("content-type")?.startsWith("text/event-stream") === true;

/** The server itself leaves out the body of a HEAD answer, but a stream would run for nobody. */
async function withoutBody(response: Response): Promise<Response> {
  if (!isStream(response)) return response;
  await response.body?.cancel();
  return new Response(null, { status: response.status, headers: response.headers });
}

/** Nothing is wrong with the request, nor with us: the box has run out of something. */
function wanting(cause: unknown): HarnessError {
  const code = errorCode(cause);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new HarnessError("DISK_FULL", "the disk is full: free some space, then try again", { cause });
  const message = `the box has run out of what this needs (${errorText(cause)}): try again in a moment`;
  return new HarnessError("OVERLOADED", message, { cause, headers: { "Retry-After": "1" } });
}

function errorResponse(req: Request, error: unknown, log: Logger): Response {
  const where = { method: req.method, path: splitUrl(req.url).path };
  if (error instanceof HarnessError) {
    if (error.status >= 500) log.warn("request failed", { ...where, status: error.status, error });
    else log.debug("request refused", { ...where, status: error.status, code: error.code, reason: error.message });
    return errorAnswer(error);
  }
  // The client went away while its body was being read: nobody is left to answer.
  if (req.signal.aborted) log.debug("client went away", { ...where, reason: errorText(error) });
  else if (isShortage(error)) {
    log.warn("request failed for want of a resource", { ...where, error });
    return errorAnswer(wanting(error));
  } else log.error("request failed unexpectedly", { ...where, error });
  return errorAnswer(new HarnessError("INTERNAL", "something went wrong here; the log has the cause"));
}
