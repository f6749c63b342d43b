/**
 * JSON with a place: the runtime's parser is fast but does not say where a text is broken, so a text that fails is read
 * once more by the slow scanner here. The scanner also finds keys that stand twice, which parsers swallow.
 */
import { joinPath } from "./check.ts";
import type { JsonLimits } from "./json-shape.ts";
import { LINE_LIMITS, isParsable, jsonExcess, mayHoldHalves, wellFormed } from "./json-shape.ts";

export interface JsonPlace {
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;
}

export type JsonResult =
  { readonly ok: true; readonly value: unknown } | ({ readonly ok: false; readonly problem: string } & JsonPlace);

/** `problem` reads like `expected "," or "}", got "x"`. */
export function parseJson(text: string, limits: JsonLimits = LINE_LIMITS): JsonResult {
  const excess = jsonExcess(text, limits);
  if (excess !== null) return { ok: false, problem: excess.problem, ...placeOf(text, excess.at) };
  try {
    // The value is unknown until a schema has seen it.
    return { ok: true, value: parse(text) };
  } catch {
    const { broken } = scan(text);
    return { ok: false, problem: broken?.problem ?? "not valid JSON", ...placeOf(text, broken?.at ?? 0) };
  }
}

/** undefined when it is not JSON, or more of it than anybody means (see `json-shape.ts`). */
export function tryJson(text: string): unknown {
  if (!isParsable(text, LINE_LIMITS)) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

/**
 * JSON text of a value that is stored or sent. Cutting a text may have left half of a surrogate pair at its end, which
 * `JSON.stringify` writes as an escape that other readers refuse: it becomes U+FFFD here.
 */
export function toJson(value: unknown): string {
  const text = JSON.stringify(value);
  return mayHoldHalves(text) ? JSON.stringify(wellFormed(value)) : text;
}

function parse(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return mayHoldHalves(text) ? wellFormed(value) : value;
}

/** Keys that stand twice in the same object, by path. `text` must be valid JSON. */
export function duplicateKeys(text: string): readonly ({ readonly path: string } & JsonPlace)[] {
  return scan(text).duplicates.map(({ path, at }) => ({ path, ...placeOf(text, at) }));
}

function placeOf(text: string, at: number): JsonPlace {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf("\n"); end !== -1 && end < at; end = text.indexOf("\n", start)) {
    line++;
    start = end + 1;
  }
  return { line, column: at - start + 1 };
}

interface Scan {
  readonly broken?: { readonly at: number; readonly problem: string };
  readonly duplicates: readonly { readonly path: string; readonly at: number }[];
}

class Broken extends Error {
  constructor(
    readonly at: number,
    readonly problem: string,
  ) {
    super(problem);
  }
}

const MAX_DEPTH = 500;
/** Steps of the scanner: beyond it a broken text is only said to be broken from there on. */
const MAX_STEPS = 200_000;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /[A-Za-z0-9_.+-]+/y;
const STRING_PIECE = /[^"\\\u0000-\u001f]+|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})/y;

function scan(text: string): Scan {
  let at = 0;
  let steps = 0;
  const duplicates: { path: string; at: number }[] = [];

  const found = (): string => {
    if (at >= text.length) return "the end of the text";
    return JSON.stringify(String.fromCodePoint(text.codePointAt(at) ?? 0));
  };
  const fail = (expected: string): never => {
    throw new Broken(at, `expected ${expected}, got ${found()}`);
  };
  const take = (pattern: RegExp): string | undefined => {
    if (++steps > MAX_STEPS) throw new Broken(at, "not valid JSON from about here on");
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) at += match.length;
    return match;
  };
  const blank = (): void => {
    while (text[at] === " " || text[at] === "\n" || text[at] === "\t" || text[at] === "\r") at++;
  };
  const string = (): string => {
    const start = at++;
    while (text[at] !== '"') {
      if (at >= text.length) throw new Broken(start, "this string has no closing quote");
      if (take(STRING_PIECE) !== undefined) continue;
      if (text[at] === "\\") throw new Broken(at, "this is no escape that JSON knows");
      throw new Broken(at, `a string must not hold the control character ${found()}; write it as an escape`);
    }
    at++;
    return text.slice(start, at);
  };
  const members = (close: "}" | "]", member: () => void): void => {
    at++;
    blank();
    if (text[at] === close) return void at++;
    for (;;) {
      member();
      blank();
      if (text[at] === close) return void at++;
      if (text[at] !== ",") fail(`"," or "${close}"`);
      at++;
      blank();
      if (text[at] === close) throw new Broken(at, `a comma stands before "${close}"`);
    }
  };
  const value = (path: string, depth: number): void => {
    if (depth > MAX_DEPTH) throw new Broken(at, `nested deeper than ${MAX_DEPTH} levels`);
    blank();
    const first = text[at];
    if (first === "{") {
      const seen = new Set<string>();
      return members("}", () => {
        if (text[at] !== '"') fail("a key in double quotes");
        const keyAt = at;
        const key = String(JSON.parse(string()) as unknown);
        if (seen.has(key)) duplicates.push({ path: joinPath(path, key), at: keyAt });
        seen.add(key);
        blank();
        if (text[at] !== ":") fail('":"');
        at++;
        value(joinPath(path, key), depth + 1);
      });
    }
    if (first === "[") {
      let index = 0;
      return members("]", () => value(`${path}[${index++}]`, depth + 1));
    }
    if (first === '"') return void string();
    if (first !== undefined && /[-0-9]/.test(first)) {
      if (take(NUMBER) === undefined) fail("a number");
      return;
    }
    const start = at;
    const word = take(WORD);
    if (word === "true" || word === "false" || word === "null") return;
    at = start;
    fail("a value");
  };

  try {
    value("", 0);
    blank();
    if (at < text.length) fail("nothing after the value");
    return { duplicates };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { duplicates, broken: { at: error.at, problem: error.problem } };
  }
}
