/** What goes back: JSON answers and error answers in the one shape of the API. */
import { HarnessError } from "../lib/errors.ts";

export interface AnswerOptions {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A JSON answer that no cache keeps. */
export function json(value: unknown, { status = 200, headers }: AnswerOptions = {}): Response {
  return Response.json(value, { status, headers: { "Cache-Control": "no-store", ...headers } });
}

/** `{"error":"CODE","message":"…","issues":[…]?}` */
export function errorAnswer(error: HarnessError): Response {
  const { code, message, issues, status, headers } = error;
  return json({ error: code, message, ...(issues ? { issues } : {}) }, { status, ...(headers ? { headers } : {}) });
}

/** 204. */
export function noContent(): Response {
  return new Response(null, { status: 204 });
}
