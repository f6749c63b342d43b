/**
 * Calls to the API: the token goes out as a header and nowhere else, every answer is JSON, every failure an `ApiError`.
 */
import type { Fields } from "./read.ts";
import { fields, list, parseJson, text } from "./read.ts";

export class ApiError extends Error {
  constructor(
    /** 0 = nobody answered. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly issues: readonly { readonly path: string; readonly message: string }[] = [],
  ) {
    super(message);
  }
}

export interface Answer {
  readonly status: number;
  readonly body: Fields;
  /** The newest event that this answer knows of. */
  readonly cursor: number | null;
}

export interface SendOptions {
  readonly body?: unknown;
  /** The same key and body are taken once, however often they are sent. */
  readonly key?: string;
}

export interface Client {
  /** `path` is below `/api/v1`. Throws ApiError. */
  get(path: string, signal?: AbortSignal): Promise<Answer>;
  send(method: "POST" | "PATCH" | "DELETE", path: string, options?: SendOptions): Promise<Answer>;
  /** The response itself, its head checked: for streams and files. */
  open(path: string, headers: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Response>;
}

export interface ClientOptions {
  /** Another box of the fleet, asked through this one; null = this one. */
  readonly node: string | null;
  token(): string | null;
  /** The token is missing or no longer right. */
  onUnauthorized(message: string): void;
  onServerTime(ms: number): void;
}

export function createClient({ node, token, onUnauthorized, onServerTime }: ClientOptions): Client {
  const base = node === null ? "/api/v1" : `/api/v1/nodes/${encodeURIComponent(node)}`;
  const request = async (path: string, init: RequestInit): Promise<Response> => {
    const bearer = token();
    const headers = new Headers(init.headers);
    if (bearer !== null) headers.set("Authorization", `Bearer ${bearer}`);
    let response: Response;
    try {
      response = await fetch(`${base}${path}`, { ...init, headers, cache: "no-store" });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new ApiError(0, "UNREACHABLE", "the daemon cannot be reached");
    }
    const date = Date.parse(response.headers.get("date") ?? "");
    if (Number.isFinite(date)) onServerTime(date);
    if (response.ok) return response;
    const error = await readError(response);
    if (error.status === 401) onUnauthorized(error.message);
    throw error;
  };

  const call = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await request(path, init);
    const cursor = Number(response.headers.get("x-event-cursor") ?? Number.NaN);
    const body = fields(parseJson(await response.text()));
    // The other box has not answered in time: it may still do what it was asked.
    if (node !== null && response.status === 202 && typeof body["call"] === "string")
      throw new ApiError(
        202,
        "NODE_SILENT",
        `${node} has not answered yet, and may still do it (call ${body["call"]})`,
      );
    return {
      status: response.status,
      body,
      cursor: Number.isSafeInteger(cursor) ? cursor : null,
    };
  };

  return {
    get: (path, signal) => call(path, { headers: { Accept: "application/json" }, ...(signal ? { signal } : {}) }),
    send: (method, path, { body, key } = {}) =>
      call(path, {
        method,
        headers: {
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(key === undefined ? {} : { "Idempotency-Key": key }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    open: (path, headers, signal) => request(path, { headers, ...(signal ? { signal } : {}) }),
  };
}

async function readError(response: Response): Promise<ApiError> {
  const body = fields(parseJson(await response.text().catch(() => "")));
  const issues = list(body["issues"]).map((each) => {
    const { path, message } = fields(each);
    return { path: text(path), message: text(message) };
  });
  const message = text(body["message"]) || `the daemon answered ${response.status}`;
  return new ApiError(response.status, text(body["error"]) || "UNKNOWN", message, issues);
}

/** What went wrong, in words for the place where it was asked. */
export function problemText(error: unknown): string {
  if (error instanceof ApiError) return error.message;
  return error instanceof Error ? error.message : String(error);
}

/** 16 random bytes in hex. Not `randomUUID`: that is missing where the page comes over plain http from another host. */
export function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export const agentPath = ({ project, id }: { readonly project: string; readonly id: string }): string =>
  `/projects/${encodeURIComponent(project)}/agents/${encodeURIComponent(id)}`;
