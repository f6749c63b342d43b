/**
 * A look at JSON text before it is parsed. The parser is fast, but what it makes of a few megabytes of brackets takes
 * seconds and hundreds of megabytes, and everything that walks over the result takes them again: so depth and number of
 * values are counted first, in one pass that keeps nothing. Also mends texts that end in half a character.
 */

export interface JsonLimits {
  readonly depth: number;
  /** Every member of an object and element of an array, and every object and array. */
  readonly values: number;
}

/** For a line of an agent program: a long conversation, read back in one frame, lies far below. */
export const LINE_LIMITS: JsonLimits = { depth: 256, values: 200_000 };
/** For a request of this API: the largest that means anything has some thousand. */
export const BODY_LIMITS: JsonLimits = { depth: 32, values: 10_000 };

/** Shorter texts cannot hold enough to hurt. */
const SMALL_CHARS = 4096;

const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c] as const;

/** Where, and what is too much; null when it is within the limits (or broken: the parser tells that). */
export function jsonExcess(text: string, limits: JsonLimits): { readonly at: number; readonly problem: string } | null {
  let depth = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      for (at++; at < text.length; at++) {
        const inner = text.charCodeAt(at);
        if (inner === QUOTE) break;
        if (inner === BACKSLASH) at++;
      }
    } else if (code === COMMA) {
      values++;
    } else if ((code | 0x20) === 0x7b) {
      // [ and {
      values++;
      if (++depth > limits.depth) return { at, problem: `nested deeper than ${limits.depth} levels` };
    } else if ((code | 0x20) === 0x7d) {
      depth--;
    }
    if (values > limits.values) return { at, problem: `more than ${limits.values} values` };
  }
  return null;
}

/** May this be parsed at all? */
export const isParsable = (text: string, limits: JsonLimits): boolean =>
  text.length < SMALL_CHARS || jsonExcess(text, limits) === null;

/** May hold an escape for half of a surrogate pair; whoever finds one must look at the texts themselves. */
export const mayHoldHalves = (json: string): boolean => json.includes("\\ud") || json.includes("\\uD");

/**
 * The same value with every text well-formed: half of a surrogate pair becomes U+FFFD, so that others can read what we
 * store and pass on. Costs per value, not per character. Members are replaced in a copy, and only where one differs.
 */
export function wellFormed(value: unknown): unknown {
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(wellFormed);
    return items.every((item, i) => Object.is(item, value[i])) ? value : items;
  }
  const entries = Object.entries(value);
  const mended = entries.map(([key, member]): [string, unknown] => [key.toWellFormed(), wellFormed(member)]);
  const same = mended.every(([key, member], i) => key === entries[i]?.[0] && Object.is(member, entries[i]?.[1]));
  // fromEntries defines own properties: a key "__proto__" stays data.
  return same ? value : Object.fromEntries(mended);
}
