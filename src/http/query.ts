/** Query strings: strict parsing, and schemas for values that always arrive as text. */
import type { Issue, Schema } from "../lib/check.ts";
import { describe } from "../lib/check.ts";
import { parseSince } from "../lib/since.ts";

/** Adds an issue for a parameter that stands twice or is not decodable; the result has no prototype to collide with. */
export function parseQuery(raw: string, issues: Issue[]): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  if (raw === "") return query;
  for (const pair of raw.split("&")) {
    if (pair === "") continue;
    const cut = pair.indexOf("=");
    const key = decode(cut === -1 ? pair : pair.slice(0, cut));
    const value = decode(cut === -1 ? "" : pair.slice(cut + 1));
    if (key === undefined || value === undefined) {
      issues.push({
        path: key ?? "",
        message: `${JSON.stringify(pair.slice(0, 100))} in the query is not valid percent-encoding`,
      });
    } else if (key in query) {
      issues.push({ path: key, message: "stands more than once in the query, expected it once" });
    } else query[key] = value;
  }
  return query;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

function textSchema<T>(
  expects: string,
  json: Record<string, unknown>,
  read: (text: string) => T | undefined,
): Schema<T> {
  return {
    expects,
    json,
    parse(value, path, issues) {
      const parsed = typeof value === "string" ? read(value) : undefined;
      if (parsed !== undefined) return parsed;
      const got = value === undefined ? "missing" : `got ${describe(value)}`;
      issues.push({ path, message: `${got}, expected ${expects}` });
      return undefined;
    },
  };
}

/** `?limit=50` */
export function integerText({
  min = 0,
  max = Number.MAX_SAFE_INTEGER,
}: { min?: number; max?: number } = {}): Schema<number> {
  const expects =
    max === Number.MAX_SAFE_INTEGER ? `an integer of at least ${min}` : `an integer from ${min} to ${max}`;
  return textSchema(
    expects,
    { type: "integer", minimum: min, ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }) },
    (text) => {
      const number = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      return Number.isSafeInteger(number) && number >= min && number <= max ? number : undefined;
    },
  );
}

/** `?force=1`, `?force=true`, `?force` */
export function flagText(): Schema<boolean> {
  return textSchema("1, 0, true or false", { type: "string", enum: ["1", "0", "true", "false"] }, (text) => {
    if (text === "1" || text === "true" || text === "") return true;
    return text === "0" || text === "false" ? false : undefined;
  });
}

/** `?until=idle,error`: at least one, each known to `item`; one that stands twice counts once. */
export function listText<T>(item: Schema<T>): Schema<readonly T[]> {
  return {
    expects: `a comma-separated list, each ${item.expects}`,
    json: { type: "array", items: item.json, minItems: 1 },
    parse(value, path, issues) {
      const parsed: T[] = [];
      for (const part of typeof value === "string" ? value.split(",") : [value]) {
        const one = item.parse(part, path, issues);
        if (one !== undefined) parsed.push(one);
      }
      return [...new Set(parsed)];
    },
  };
}

/** `?since=12h`: checked, and resolved by whoever knows what time it is. */
export function sinceText(): Schema<string> {
  const expects = "the id of an event, a duration such as 12h, or a time such as 2026-02-18T10:00:00Z";
  return textSchema(expects, { type: "string" }, (text) => (parseSince(text, 0) === undefined ? undefined : text));
}
