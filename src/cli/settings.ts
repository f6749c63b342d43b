/** `key=value` words to a JSON Merge Patch. An empty value takes the key away. */
import { isObject } from "../lib/check.ts";
import { nearest } from "../lib/nearest.ts";
import { parseDuration } from "../lib/since.ts";
import { usage } from "./args.ts";

export type Patch = Record<string, unknown>;

/** How a key stands in the patch: its path, and whether its value is a truth. */
export interface Setting {
  /** `webhook.url`; `metadata.K` takes any key at its end. */
  readonly key: string;
  readonly path: readonly string[];
  readonly truth?: true;
  /** The value stands in an object, under this name. */
  readonly within?: string;
  /** A number of dollars, a whole one, or a duration. */
  readonly number?: "usd" | "count" | "duration";
}

export function patchOf(words: readonly string[], settings: readonly Setting[]): Patch {
  const patch: Patch = {};
  const seen = new Set<string>();
  for (const word of words) {
    const equals = word.indexOf("=");
    if (equals < 1) throw usage(`got ${JSON.stringify(word)}, expected KEY=VALUE (an empty value takes it away)`);
    const [key, value] = [word.slice(0, equals), word.slice(equals + 1)];
    if (seen.has(key)) throw usage(`${key} stands more than once`);
    seen.add(key);
    const found = settings.find((each) => each.key === key) ?? settings.find((each) => openKey(each, key));
    if (found === undefined) {
      const known = settings.map((each) => each.key);
      const meant = nearest(key, known);
      throw usage(
        `there is no setting ${JSON.stringify(key)}; ${meant === undefined ? `known: ${known.join(", ")}` : `did you mean ${meant}?`}`,
      );
    }
    const path = found.key.endsWith(".K") ? [...found.path, key.slice(found.key.length - 1)] : found.path;
    put(patch, path, value === "" ? null : valueOf(found, key, value));
  }
  return patch;
}

function valueOf({ truth, number, within }: Setting, key: string, value: string): unknown {
  if (truth === true) return truthOf(key, value);
  if (within !== undefined) return { [within]: value };
  return number === undefined ? value : numberOf(number, value, key);
}

/** Of a budget: `2.50`, `500000`, `2h`. */
export function numberOf(kind: "usd" | "count" | "duration", value: string, key: string): number {
  if (kind === "usd" && /^\d{1,7}(\.\d{1,4})?$/.test(value)) return Number(value);
  if (kind === "count" && /^\d{1,12}$/.test(value)) return Number(value);
  const ms = kind === "duration" ? parseDuration(value) : undefined;
  if (ms !== undefined) return ms;
  const expected = { usd: "dollars such as 2.50", count: "a whole number", duration: "a duration such as 90m or 2h" };
  throw usage(`${key}: got ${JSON.stringify(value)}, expected ${expected[kind]}`);
}

/** As flags and settings say them, and as the API does. */
export const BUDGET_WORDS = [
  { word: "usd", key: "costUsd", number: "usd" },
  { word: "tokens", key: "tokens", number: "count" },
  { word: "turns", key: "turns", number: "count" },
  { word: "time", key: "wallMs", number: "duration" },
] as const;

export const BUDGET_SETTINGS: readonly Setting[] = BUDGET_WORDS.map(({ word, key, number }) => ({
  key: `budget.${word}`,
  path: ["budget", key],
  number,
}));

const openKey = ({ key }: Setting, given: string): boolean =>
  key.endsWith(".K") && given.startsWith(key.slice(0, -1)) && given.length >= key.length;

function truthOf(key: string, value: string): boolean {
  if (value === "true" || value === "yes" || value === "1") return true;
  if (value === "false" || value === "no" || value === "0") return false;
  throw usage(`${key}: got ${JSON.stringify(value)}, expected true or false`);
}

/** `null` for the only member of a part takes the whole part away: a webhook without a URL is none. */
function put(patch: Patch, [first = "", ...rest]: readonly string[], value: unknown): void {
  if (rest.length === 0 || (first === "webhook" && value === null)) {
    patch[first] = rest.length === 0 ? value : null;
    return;
  }
  const inner = patch[first];
  const part: Patch = isObject(inner) ? { ...inner } : {};
  put(part, rest, value);
  patch[first] = part;
}
