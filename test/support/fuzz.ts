/**
 * Seeded accidents: random values, and values that are almost right. A case that failed is run again by its number:
 * `AH_TEST_FUZZ_CASES` sets how many (20 000 by default), the number of the case is its seed.
 */

const SHORT = 20_000;
export const CASES = Number(process.env["AH_TEST_FUZZ_CASES"] ?? SHORT);

export type Random = () => number;

/** mulberry32. */
export function seeded(seed: number): Random {
  let a = seed | 0;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const upTo = (next: Random, n: number): number => Math.floor(next() * n);

export function pick<T>(next: Random, all: readonly T[]): T {
  const found = all[upTo(next, all.length)];
  if (found === undefined) throw new Error("nothing to pick from");
  return found;
}

/**
 * Runs all cases; a failure says which one it was. Lets other work in now and then. `share`: each takes so many times
 * as long as one of the others, so the short run takes every nth of them.
 */
export async function everyCase(run: (next: Random, n: number) => void | Promise<void>, share = 1): Promise<void> {
  const step = CASES > SHORT ? 1 : share;
  for (let n = step; n <= CASES; n += step) {
    try {
      const result = run(seeded(n), n);
      if (result !== undefined) await result;
    } catch (error) {
      throw new Error(`case ${n} of ${CASES}: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
    if (n % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

export const ODD_TEXTS: readonly string[] = [
  "",
  " ",
  "\0",
  "\n",
  "\r\n",
  "__proto__",
  "constructor",
  "toString",
  "x".repeat(3000),
  "🎉".repeat(200),
  "\ud800",
  "e\u0301\u202e\u2028",
  "%00%2e%2e/",
  "../../etc/passwd",
  "1e999",
  "-0",
  "2026-13-45T99:99:99Z",
  "null",
  "[object Object]",
];

/** Any JSON value, small. */
export function anyValue(next: Random, depth = 3): unknown {
  const kind = upTo(next, depth > 0 ? 9 : 7);
  if (kind === 0) return null;
  if (kind === 1) return next() < 0.5;
  if (kind === 2) return pick(next, [0, -1, 1, 0.5, 1e308, -1e308, 2 ** 53, 401, 529]);
  if (kind <= 6) return next() < 0.5 ? pick(next, ODD_TEXTS) : next().toString(36).slice(2);
  const size = upTo(next, 4);
  if (kind === 7) return Array.from({ length: size }, () => anyValue(next, depth - 1));
  return Object.fromEntries(
    Array.from({ length: size }, () => [
      pick(next, [...ODD_TEXTS.slice(0, 8), "id", "type"]),
      anyValue(next, depth - 1),
    ]),
  );
}

/** A copy in which something is not as it should be; now and then several things. */
export function mutated(next: Random, value: unknown): unknown {
  let result = value;
  for (let times = 1 + upTo(next, 3); times > 0; times--) result = changeOne(next, result);
  return result;
}

function changeOne(next: Random, value: unknown): unknown {
  const inner = typeof value === "object" && value !== null && next() < 0.85;
  if (!inner) return next() < 0.3 ? cousin(next, value) : anyValue(next);
  if (Array.isArray(value)) {
    const items = [...value];
    if (items.length === 0 || next() < 0.1) items.push(anyValue(next));
    else if (next() < 0.15) items.splice(upTo(next, items.length), 1);
    else {
      const at = upTo(next, items.length);
      items[at] = changeOne(next, items[at]);
    }
    return items;
  }
  const entries = Object.entries(value);
  const at = upTo(next, entries.length);
  const entry = entries[at];
  if (entry === undefined || next() < 0.1)
    return Object.fromEntries([...entries, [pick(next, ODD_TEXTS), anyValue(next)]]);
  if (next() < 0.15) entries.splice(at, 1);
  else entries[at] = [entry[0], changeOne(next, entry[1])];
  return Object.fromEntries(entries);
}

/** Of the same kind, and another. */
function cousin(next: Random, value: unknown): unknown {
  if (typeof value === "string")
    return next() < 0.5 ? value + pick(next, ODD_TEXTS) : value.slice(upTo(next, value.length));
  if (typeof value === "number") return pick(next, [value + 1, -value, value * 1e9, value + 0.5]);
  if (typeof value === "boolean") return !value;
  return anyValue(next);
}

/** Bytes with some changed, lost, doubled or put in. */
export function mangled(next: Random, bytes: Uint8Array): Uint8Array {
  const out = [...bytes];
  for (let times = 1 + upTo(next, 4); times > 0; times--) {
    const at = upTo(next, out.length + 1);
    const kind = upTo(next, 4);
    if (kind === 0) out[Math.min(at, Math.max(0, out.length - 1))] = upTo(next, 256);
    else if (kind === 1) out.splice(at, 1 + upTo(next, 8));
    else if (kind === 2) out.splice(at, 0, ...out.slice(at, at + upTo(next, 8)));
    else out.splice(at, 0, pick(next, [0, 0x0a, 0x0d, 0x22, 0x5c, 0x7b, 0xff, 0xed]));
  }
  return Uint8Array.from(out);
}
