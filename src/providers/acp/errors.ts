/** An agent's error in words that a person can act on. Source of the codes: ACP v1 `ErrorCode` and JSON-RPC 2.0. */
import type { RpcError } from "../../lib/jsonrpc.ts";
import type { AcpState } from "./state.ts";
import { isFields, maybeText } from "../read.ts";
import { accountFailure } from "../account-words.ts";
import type { TurnError } from "../../words/agent.ts";
import type { LimitFound } from "../../words/limits.ts";

const AUTH_REQUIRED = -32000;

export function isAuthError(error: RpcError): boolean {
  return error.code === AUTH_REQUIRED;
}

/** The agent's own word for the failure where it has one, else the number it sent. */
export function turnError(state: AcpState, error: RpcError): TurnError {
  if (isAuthError(error)) return { code: "AUTH_REQUIRED", message: authMessage(state, error) };
  return { code: maybeText(error.data, "errorName") ?? String(error.code), message: errorMessage(error) };
}

/**
 * Whether it lies with the account, as far as an agent's own words tell. Times in them are those of strangers: a limit
 * is tried again after a while.
 */
export function accountTrouble({ code, message }: TurnError): LimitFound | null {
  if (code === "AUTH_REQUIRED") return { class: "auth", scope: "auth", resetsAt: null, message };
  const found = accountFailure(message, 0);
  return found === null ? null : { ...found, resetsAt: null };
}

/** A model service behind the agent that refused a key: logging in to the agent would mend nothing. */
const KEY_REFUSED = /\b401\b|\b403\b|api[ _-]?key|authentication_error|invalid[ _-]?(token|credentials)|unauthorized/i;

/** What a person has to do, in the agent's own words where it has some. */
export function authMessage({ agent, setup }: AcpState, error: RpcError): string {
  const said = errorMessage(error);
  const { name, authMethods } = agent;
  if (KEY_REFUSED.test(said))
    return `${said}. The model service behind ${name} refused its key or login: mend that one (a key variable is handed through by providers.X.passEnv)`;
  const ways = authMethods.map((way) => (way.description === "" ? way.name : `${way.name}: ${way.description}`));
  const offers = ways.length === 0 ? "" : ` (it offers: ${ways.join("; ")})`;
  // Where the agent says itself what to do, advice of ours could only mislead.
  const advice = authMethods.some(({ description }) => description !== "")
    ? "do that once as this user"
    : `start ${setup.program} once in a terminal as this user and log in`;
  return `${said}. ${name} wants a login${offers}: ${advice}, or name its key variable in providers.X.passEnv`;
}

/** Agents hide the reason in different places: in `data`, or as a model service's whole JSON answer in `message`. */
export function errorMessage({ message, data }: RpcError): string {
  const said = innerMessage(message);
  const reason = typeof data === "string" ? data : (maybeText(data, "details") ?? maybeText(data, "message") ?? "");
  return reason === "" || said.includes(reason) ? said : `${said}: ${reason}`;
}

function innerMessage(message: string): string {
  if (!message.trimStart().startsWith("{")) return message;
  try {
    const body: unknown = JSON.parse(message);
    const error = isFields(body) ? body["error"] : undefined;
    return maybeText(error, "message") ?? maybeText(body, "message") ?? message;
  } catch {
    return message; // Text that only looks like JSON is the message.
  }
}
