/** What values of flags look like, and what they mean. Pure. */
import type { Kind } from "./grammar.ts";

const UNITS = { "": 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const DURATION = /^(\d{1,9})([smhd]?)$/;

/** Milliseconds of `90`, `90s`, `10m`, `2h`, `1d`; undefined for anything else. */
export function parseDuration(text: string): number | undefined {
  const [, number, unit = ""] = DURATION.exec(text) ?? [];
  if (number === undefined) return undefined;
  const factor = new Map<string, number>(Object.entries(UNITS)).get(unit);
  return factor === undefined ? undefined : Number(number) * factor;
}

export type Since = { readonly event: number } | { readonly atMs: number };

/** An event id, a duration ago, or a time (ISO 8601). */
export function parseSince(text: string, nowMs: number): Since | undefined {
  if (/^#?\d{1,15}$/.test(text)) return { event: Number(text.replace("#", "")) };
  const ago = parseDuration(text);
  if (ago !== undefined) return { atMs: nowMs - ago };
  if (!/^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : { atMs: at };
}

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
