/**
 * Calls to `opencode serve`. Every call has a time limit, and an answer counts only with JSON in it: an address that
 * the server does not know is answered with its web page and 200.
 */
import { errorText } from "../lib/errors.ts";
import { request } from "../lib/request.ts";
import { tryJson } from "../lib/json.ts";

export type Reply =
  | { readonly ok: true; readonly value: unknown }
  /** `status` 0: no answer at all. */
  | { readonly ok: false; readonly status: number; readonly message: string };

export interface Client {
  get(path: string, query?: Readonly<Record<string, string>>, timeoutMs?: number): Promise<Reply>;
  post(path: string, body?: unknown, timeoutMs?: number): Promise<Reply>;
  /** The event stream's bytes, from a connection that is established. Throws. */
  stream(path: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

export interface ClientOptions {
  readonly url: string;
  readonly password: string;
  readonly directory: string;
}

const TIMEOUT_MS = 15_000;

export function createClient({ url, password, directory }: ClientOptions): Client {
  const authorization = `Basic ${Buffer.from(`opencode:${password}`).toString("base64")}`;

  const address = (path: string, query: Readonly<Record<string, string>>): string =>
    `${url}${path}?${new URLSearchParams({ directory, ...query })}`;

  async function call(
    method: string,
    path: string,
    query: Readonly<Record<string, string>>,
    body: unknown,
    timeoutMs: number,
  ): Promise<Reply> {
    try {
      const response = await request(address(path, query), {
        method,
        headers: { authorization, ...(body === undefined ? {} : { "content-type": "application/json" }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(timeoutMs),
      });
      if (response.status === 204) return { ok: true, value: null };
      const type = response.headers.get("content-type") ?? "";
      const text = await response.text();
      const value = /\bjson\b/.test(type) ? tryJson(text) : undefined;
      if (!response.ok)
        return { ok: false, status: response.status, message: messageOf(value) ?? `HTTP ${response.status}` };
      if (value === undefined)
        return {
          ok: false,
          status: 404,
          message: `${method} ${path} answered with ${type || "no type"} instead of JSON: this version has no such call`,
        };
      return { ok: true, value };
    } catch (error) {
      return { ok: false, status: 0, message: errorText(error) };
    }
  }

  return {
    get: (path, query = {}, timeoutMs = TIMEOUT_MS) => call("GET", path, query, undefined, timeoutMs),
    post: (path, body, timeoutMs = TIMEOUT_MS) => call("POST", path, {}, body, timeoutMs),
    async stream(path, signal) {
      const response = await request(address(path, {}), {
        headers: { authorization, accept: "text/event-stream" },
        signal,
      });
      const type = response.headers.get("content-type") ?? "";
      if (!response.ok || !type.startsWith("text/event-stream") || response.body === null)
        throw new Error(`GET ${path} answered ${response.status} ${type}`);
      return response.body;
    },
  };
}

/** Errors come as `{name,data:{message}}`, `{_tag,message}` or a list of problems. */
function messageOf(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  if ("data" in value && typeof value.data === "object" && value.data !== null && "message" in value.data)
    return String(value.data.message);
  return "message" in value ? String(value.message) : JSON.stringify(value).slice(0, 500);
}
