/** Codex's word for a failure: a string, or the only key of an object that holds the HTTP status. */
import type { TurnError } from "../../words/agent.ts";
import { type Fields, isFields, maybeNumber, text } from "../read.ts";

export function turnError(error: Fields): TurnError {
  const kind = error["codexErrorInfo"];
  const code = typeof kind === "string" ? kind : isFields(kind) ? (Object.keys(kind)[0] ?? "other") : "other";
  const message = text(error, "message");
  const more = text(error, "additionalDetails");
  return {
    code,
    message: more === "" || message.includes(more) ? message || "Codex gave no reason" : `${message}: ${more}`,
  };
}

/** Older versions (0.139.0) call a refused call `other` and tell its status in words of their own. */
const STATUS_IN_WORDS = /^(?:unexpected status|exceeded retry limit, last status:) ([1-5]\d\d)\b/;

export function httpStatus(error: Fields): number | null {
  const kind = error["codexErrorInfo"];
  const told = (isFields(kind) ? Object.values(kind) : [])
    .map((value) => maybeNumber(value, "httpStatusCode"))
    .find((status) => status !== undefined);
  if (told !== undefined) return told;
  const words = STATUS_IN_WORDS.exec(text(error, "message"))?.[1];
  return words === undefined ? null : Number(words);
}
