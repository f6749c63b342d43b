/** Requests to the daemon, over TCP or the unix socket. What it refuses is thrown with its own code and words. */
import type { Issue } from "../lib/check.ts";
import { isObject } from "../lib/check.ts";
import { HarnessError, errorCode, errorText } from "../lib/errors.ts";
import { request } from "../lib/request.ts";
import type { Address } from "./address.ts";
import { isErrorCode } from "../words/errors.ts";

export interface Ask {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default 10 s; null = as long as it takes. */
  readonly timeoutMs?: number | null;
  readonly signal?: AbortSignal;
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

export interface Exchange {
  readonly answer: unknown;
  readonly headers: Headers;
}

export interface Client {
  /** For people. */
  readonly where: string;
  /** Where a browser finds the page; null: nowhere. */
  readonly page: string | null;
  /** A good answer's JSON. Throws UNREACHABLE, UNAUTHORIZED, or the API's own error. */
  call(path: string, ask?: Ask): Promise<unknown>;
  /** The same, with the headers of the answer. */
  exchange(path: string, ask?: Ask): Promise<Exchange>;
  /** A good response whose body is still to come. */
  open(path: string, ask?: Ask): Promise<Response>;
  /** The same, whatever its status. */
  ask(path: string, ask?: Ask): Promise<Response>;
}

const TIMEOUT_MS = 10_000;
/** Another box may take its time to be heard of. */
const NODE_TIMEOUT_MS = 45_000;

/** `node`: everything is asked of that box of the fleet, by way of the daemon. */
export function createClient({ url, socket, shown, page, token, tokenProblem }: Address, node?: string): Client {
  const at = (path: string): string =>
    node === undefined ? path : path.replace(/^\/api\/v1\//, `/api/v1/nodes/${encodeURIComponent(node)}/`);
  const open = async (
    path: string,
    {
      method = "GET",
      body,
      headers = {},
      timeoutMs = node === undefined ? TIMEOUT_MS : NODE_TIMEOUT_MS,
      signal,
    }: Ask = {},
  ) => {
    const signals = [
      ...(signal === undefined ? [] : [signal]),
      ...(timeoutMs === null ? [] : [AbortSignal.timeout(timeoutMs)]),
    ];
    try {
      return await request(`${url}${at(path)}`, {
        method,
        headers: {
          ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
        ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
        ...(timeoutMs === null ? { timeout: false } : {}),
        ...(socket === null ? {} : { unix: socket }),
      });
    } catch (error) {
      if (signal?.aborted === true) throw error;
      throw unreachable(shown, socket, error, timeoutMs);
    }
  };
  const refused = (status: number, bytes: Uint8Array): HarnessError => {
    const { code, message, issues } = readError(bytes, status);
    const answered = { status, code };
    if (status !== 401)
      return new HarnessError(isErrorCode(code) ? code : "REFUSED", message, {
        answered,
        ...(issues === null ? {} : { issues }),
      });
    const why = tokenProblem === null ? "" : ` (${tokenProblem})`;
    const mend =
      token === null
        ? `the daemon wants a token: set AH_AUTH_TOKEN, or auth.tokenFile in the config${why}`
        : `the daemon does not know this token: ${message}`;
    return new HarnessError("UNAUTHORIZED", mend, { answered });
  };
  const send = async (path: string, ask: Ask = {}): Promise<Reply> => {
    const response = await open(path, ask);
    const { status, headers } = response;
    try {
      return { status, headers, bytes: await response.bytes() };
    } catch (error) {
      if (ask.signal?.aborted === true) throw error;
      throw unreachable(shown, socket, error, ask.timeoutMs ?? TIMEOUT_MS);
    }
  };
  const exchange = async (path: string, ask?: Ask): Promise<Exchange> => {
    const { status, headers, bytes } = await send(path, ask);
    if (status >= 400) throw refused(status, bytes);
    const answer: unknown = bytes.length === 0 ? null : (JSON.parse(new TextDecoder().decode(bytes)) as unknown);
    if (node !== undefined && status === 202 && isObject(answer) && typeof answer["call"] === "string")
      throw new HarnessError(
        "NODE_SILENT",
        `node "${node}" has not answered yet, and may still do it: agent-harness fleet call ${answer["call"]}`,
      );
    return { answer, headers };
  };
  return {
    where: shown,
    page,
    ask: open,
    exchange,
    call: async (path, ask) => (await exchange(path, ask)).answer,
    async open(path, ask) {
      const response = await open(path, { timeoutMs: null, ...ask });
      if (response.status >= 400) throw refused(response.status, await response.bytes());
      return response;
    },
  };
}

interface ApiError {
  readonly code: string;
  readonly message: string;
  readonly issues: readonly Issue[] | null;
}

/** The API's error shape, or what can be said of an answer that is somebody else's. */
function readError(bytes: Uint8Array, status: number): ApiError {
  let body: unknown;
  try {
    body = JSON.parse(new TextDecoder().decode(bytes)) as unknown;
  } catch {
    body = null; // a proxy's page
  }
  const from = isObject(body) ? body : {};
  const issues = Array.isArray(from["issues"]) ? from["issues"].filter(isIssue) : null;
  return {
    code: typeof from["error"] === "string" ? from["error"] : "HTTP_ERROR",
    message:
      typeof from["message"] === "string" ? from["message"] : `HTTP ${status}: that was not agent-harness who answered`,
    issues,
  };
}

const isIssue = (value: unknown): value is Issue =>
  isObject(value) && typeof value["path"] === "string" && typeof value["message"] === "string";

const WHY: Readonly<Record<string, string>> = {
  ConnectionRefused: "connection refused",
  ECONNREFUSED: "connection refused",
  FailedToOpenSocket: "there is no such socket, or nobody listens on it",
  ENOENT: "there is no such socket",
  EACCES: "permission denied",
  ConnectionClosed: "the connection was closed",
  ECONNRESET: "the connection was closed",
  ENOTFOUND: "there is no such host",
};

function unreachable(shown: string, socket: string | null, error: unknown, timeoutMs: number | null): HarnessError {
  const late = error instanceof Error && error.name === "TimeoutError";
  const why = late
    ? `no answer within ${(timeoutMs ?? 0) / 1000} s`
    : (WHY[errorCode(error) ?? ""] ?? errorText(error));
  const mend = socket === null || !late ? "start it with agent-harness serve" : "look at its log";
  return new HarnessError("UNREACHABLE", `nothing answers at ${shown} (${why}): ${mend}`, {
    cause: error,
  });
}
