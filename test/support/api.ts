/** A small client for tests: every answer is JSON and as the API describes it, every wait has a deadline. */
import { assertDescribed } from "./described.ts";

export interface Answer {
  readonly status: number;
  readonly body: Json;
  readonly headers: Headers;
}

/** Answers are read by path in assertions, and leaves through String and Number; a wrong path fails the test there. */
export interface Json {
  readonly [key: string]: Json;
  [Symbol.iterator](): Iterator<Json>;
}

export interface Api {
  readonly url: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** 2xx or an exception with the whole answer. */
  get(path: string): Promise<Json>;
  post(path: string, body?: unknown): Promise<Json>;
}

const TIMEOUT_MS = 40_000;

/** `always` goes with every request, before its own headers. */
export function createApi(url: string, always: Record<string, string> = {}): Api {
  const call: Api["call"] = async (method, path, body, headers = {}) => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { ...always, ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    const answer: unknown = text === "" ? null : JSON.parse(text);
    assertDescribed(method, `/api/v1${path}`, response.status, answer);
    return {
      status: response.status,
      body: answer as Json,
      headers: response.headers,
    };
  };
  const good = async (method: string, path: string, body?: unknown): Promise<Json> => {
    const answer = await call(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  return { url, call, get: (path) => good("GET", path), post: (path, body) => good("POST", path, body) };
}

/** Waits for a condition, never for luck. `what` is named when the deadline passes. */
export async function eventually<T>(
  what: string,
  look: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  limitMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(pauseMs * 2, 100)) {
    const found = await look();
    if (found !== undefined && found !== null && found !== false) return found;
    if (Date.now() > deadline) throw new Error(`waited ${limitMs} ms for: ${what}`);
    await Bun.sleep(pauseMs);
  }
}
