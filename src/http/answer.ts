/** What goes back: JSON answers and error answers in the one shape of the API. */
import { HarnessError } from "../lib/errors.ts";
import { toJson } from "../lib/json.ts";

export interface AnswerOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JSON answer that no cache keeps. It ends in a line break, for people who call by hand. */
export function json(value: unknown, options: AnswerOptions = {}): Response {
  return jsonText(toJson(value), options);
}

/** The same of a value that is JSON text already. */
export function jsonText(text: string, { status = 200, headers }: AnswerOptions = {}): Response {
  return new Response(`${text}\n`, {
    status,
    headers: { "Content-Type": "application/json;charset=utf-8", "Cache-Control": "no-store", ...headers },
  });
}

/** `{"error":"CODE","message":"…","issues":[…]?}` */
export function errorAnswer(error: HarnessError): Response {
  const { code, message, issues, status, headers } = error;
  return json({ error: code, message, ...(issues ? { issues } : {}) }, { status, ...(headers ? { headers } : {}) });
}

/** 204. */
export function noContent(headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(null, { status: 204, headers });
}
