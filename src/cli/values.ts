/** What values of flags look like, and what they mean. Pure. */
import { DURATION, parseSince } from "../lib/since.ts";
import type { Kind } from "./grammar.ts";

/** What was expected, when the value does not fit its kind. */
export function checkValue(kind: Kind, value: string): string | undefined {
  if (typeof kind === "object") {
    if ("oneOf" in kind) return kind.oneOf.includes(value) ? undefined : `one of ${kind.oneOf.join(", ")}`;
    const wrong = value.split(",").find((each) => !kind.listOf.includes(each));
    return wrong === undefined ? undefined : `a list of ${kind.listOf.join(", ")}, with commas between them`;
  }
  switch (kind) {
    case "number":
      return /^\d{1,9}$/.test(value) ? undefined : "a number";
    case "duration":
      return DURATION.test(value) ? undefined : "a duration such as 90, 90s, 10m, 2h or 1d";
    case "since":
      return parseSince(value, 0) === undefined
        ? "the id of an event, a duration such as 10m, or a time such as 2026-02-18T10:00:00Z"
        : undefined;
    case "pair":
      return /^[^=]+=/.test(value) ? undefined : "NAME=VALUE";
    default:
      return undefined;
  }
}

/** `["A", "b=c"]` of `A=b=c`. */
export function splitPair(text: string): readonly [string, string] {
  const equals = text.indexOf("=");
  return [text.slice(0, equals), text.slice(equals + 1)];
}
