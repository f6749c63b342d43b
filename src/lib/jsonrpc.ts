/**
 * JSON-RPC 2.0 messages, one a line: what kind a received value is, and the lines to send. Pure; knows no transport.
 *
 * Both dialects are read: with the `"jsonrpc":"2.0"` member (ACP) and without it (Codex). The two sides number their
 * requests independently, so id 0 of a server request has nothing to do with id 0 of ours: a message is classified by
 * `method` first, and an answer's id is only looked up among our own. Source: https://www.jsonrpc.org/specification
 */
import { isObject } from "./check.ts";
import { given } from "./given.ts";

export type RpcId = number | string;

export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

export type RpcMessage =
  /** The other side asks and waits for an answer with the same id. */
  | {
      readonly kind: "request";
      readonly id: RpcId;
      readonly method: string;
      readonly params: unknown;
    }
  | { readonly kind: "notification"; readonly method: string; readonly params: unknown }
  | { readonly kind: "result"; readonly id: RpcId; readonly result: unknown }
  /** `id` is null when the other side could not read the request it refuses. */
  | { readonly kind: "error"; readonly id: RpcId | null; readonly error: RpcError }
  | { readonly kind: "invalid"; readonly reason: string };

/** Codes of the specification that we send ourselves. */
export const METHOD_NOT_FOUND = -32601;

/** Says what a parsed line is. Never throws; whatever is no message is `invalid` with a reason. */
export function classifyRpc(json: unknown): RpcMessage {
  if (!isObject(json)) return { kind: "invalid", reason: "not a JSON object" };
  const { id, method } = json;
  if (method !== undefined) {
    if (typeof method !== "string") return { kind: "invalid", reason: "method is not a string" };
    const params = json["params"];
    if (isRpcId(id)) return { kind: "request", id, method, params };
    // A request with a null id could never be answered: it is read as a notification.
    if (id === undefined || id === null) return { kind: "notification", method, params };
    return { kind: "invalid", reason: "id is neither a number nor a string" };
  }
  if ("error" in json && json["error"] !== null) {
    if (id !== undefined && id !== null && !isRpcId(id))
      return { kind: "invalid", reason: "id is neither a number nor a string" };
    return { kind: "error", id: isRpcId(id) ? id : null, error: readError(json["error"]) };
  }
  if (!isRpcId(id)) return { kind: "invalid", reason: "neither a method nor an id" };
  if (!("result" in json)) return { kind: "invalid", reason: "an answer without result or error" };
  return { kind: "result", id, result: json["result"] };
}

export interface RpcLines {
  request(id: RpcId, method: string, params?: unknown): string;
  notification(method: string, params?: unknown): string;
  result(id: RpcId, result: unknown): string;
  error(id: RpcId, error: RpcError): string;
}

/** Makes the lines (without LF) of one dialect. `header`: put the `"jsonrpc":"2.0"` member first. */
export function rpcLines({ header }: { readonly header: boolean }): RpcLines {
  const line = (members: Record<string, unknown>): string =>
    JSON.stringify(header ? { jsonrpc: "2.0", ...members } : members);
  return {
    request: (id, method, params) => line({ id, method, params }),
    notification: (method, params) => line({ method, params }),
    // An undefined result would vanish from the JSON, and the answer would then be none.
    result: (id, result) => line({ id, result: result === undefined ? null : result }),
    error: (id, error) => line({ id, error }),
  };
}

/** A key that tells 1 and "1" apart, for maps of open requests. */
export function rpcIdKey(id: RpcId): string {
  return typeof id === "number" ? String(id) : JSON.stringify(id);
}

/** The id behind a key of `rpcIdKey`; undefined when the text is no such key. */
export function rpcIdOf(key: string): RpcId | undefined {
  try {
    const id: unknown = JSON.parse(key);
    return isRpcId(id) ? id : undefined;
  } catch {
    return undefined;
  }
}

function isRpcId(value: unknown): value is RpcId {
  return typeof value === "string" || (typeof value === "number" && Number.isFinite(value));
}

/** Programs send sloppy errors; the message must reach a person anyway. */
function readError(error: unknown): RpcError {
  if (!isObject(error)) return { code: 0, message: typeof error === "string" ? error : JSON.stringify(error) };
  const { code, message, data } = error;
  return {
    code: typeof code === "number" ? code : 0,
    message: typeof message === "string" ? message : JSON.stringify(error),
    ...given({ data }),
  };
}
