/**
 * Schemas by hand: one value checks bytes from outside, gives them their TypeScript type, and describes itself as JSON
 * Schema. Every problem is reported with its path, what was there, and what is expected; a result holds only known
 * keys.
 */
import { nearest } from "./nearest.ts";
import { cutText } from "./text.ts";

export interface Issue {
  /** `webhook.events[2]`; empty for the whole value. */
  readonly path: string;
  readonly message: string;
}

export interface Schema<T> {
  /** Adds to `issues` when the value is not valid; the returned value counts only when nothing was added. */
  parse(value: unknown, path: string, issues: Issue[]): T | undefined;
  readonly json: Readonly<Record<string, unknown>>;
  /** "a string", "an integer from 1 to 65535": the end of "got X, expected …". */
  readonly expects: string;
  readonly optional?: true;
  /** The value never appears in a message. */
  readonly secret?: true;
}

export interface OptionalSchema<T> extends Schema<T> {
  readonly optional: true;
}

export type Infer<S> = S extends Schema<infer T> ? T : never;

export type Shape = Readonly<Record<string, Schema<unknown>>>;
type OptionalKeys<S> = { [K in keyof S]: S[K] extends OptionalSchema<unknown> ? K : never }[keyof S];
type Flat<T> = { [K in keyof T]: T[K] };
export type ObjectOf<S> = Flat<
  { readonly [K in Exclude<keyof S, OptionalKeys<S>>]: Infer<S[K]> } & {
    readonly [K in OptionalKeys<S>]?: Infer<S[K]>;
  }
>;

/** How a value is named in a message. Long strings are cut, so that a message stays a line. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") {
    return value.length > 60
      ? `${JSON.stringify(cutText(value, 60))}… (${value.length} characters)`
      : JSON.stringify(value);
  }
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === "object" && value !== null) return "an object";
  return String(value);
}

const MAX_KEY_CHARS = 60;
/** Of one place: that many mistakes of the same kind are shown, the others counted. */
const SHOWN_OF_A_KIND = 20;

/** `a.b`, or `a["x y"]` for a key that is no plain word. */
export function joinPath(path: string, key: string): string {
  if (key.length > MAX_KEY_CHARS) return `${path}[${JSON.stringify(cutText(key, MAX_KEY_CHARS))}…]`;
  if (!/^[A-Za-z0-9_$-]+$/.test(key)) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

function bad(issues: Issue[], path: string, value: unknown, expects: string, secret = false): undefined {
  const got = secret ? describeSecret(value) : describe(value);
  issues.push({
    path,
    message: value === undefined ? `missing, expected ${expects}` : `got ${got}, expected ${expects}`,
  });
  return undefined;
}

/** Says no more than what kind of value it is. */
function describeSecret(value: unknown): string {
  if (typeof value === "string") return value === "" ? "an empty string" : "another string";
  return value === null ? "null" : `a value of type ${typeof value}`;
}

export interface StringOptions {
  /** Lengths in UTF-16 units, as `String.length` counts. */
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  /** What it is, with article: "an absolute path". Default "a string". */
  readonly what?: string;
  /** The value never appears in a message. */
  readonly secret?: boolean;
}

export function string({ min = 0, max, pattern, what, secret = false }: StringOptions = {}): Schema<string> {
  const length =
    min > 1 && max !== undefined
      ? ` of ${min} to ${max} characters`
      : max !== undefined
        ? ` of at most ${max} characters`
        : "";
  const expects = what ?? `${min > 0 ? "a non-empty string" : "a string"}${length}`;
  return {
    expects,
    ...(secret ? { secret } : {}),
    json: {
      type: "string",
      ...(min > 0 ? { minLength: min } : {}),
      ...(max !== undefined ? { maxLength: max } : {}),
      ...(pattern ? { pattern: pattern.source } : {}),
    },
    parse(value, path, issues) {
      const fits =
        typeof value === "string" &&
        value.length >= min &&
        value.length <= (max ?? Infinity) &&
        (!pattern || pattern.test(value));
      return fits ? value : bad(issues, path, value, expects, secret);
    },
  };
}

export function integer({ min, max }: { readonly min?: number; readonly max?: number } = {}): Schema<number> {
  const range =
    min !== undefined && max !== undefined
      ? ` from ${min} to ${max}`
      : min !== undefined
        ? ` of at least ${min}`
        : max !== undefined
          ? ` of at most ${max}`
          : "";
  const expects = `an integer${range}`;
  return {
    expects,
    json: {
      type: "integer",
      ...(min !== undefined ? { minimum: min } : {}),
      ...(max !== undefined ? { maximum: max } : {}),
    },
    parse(value, path, issues) {
      const fits =
        typeof value === "number" &&
        Number.isSafeInteger(value) &&
        value >= (min ?? -Infinity) &&
        value <= (max ?? Infinity);
      return fits ? value : bad(issues, path, value, expects);
    },
  };
}

export function boolean(): Schema<boolean> {
  const expects = "true or false";
  return {
    expects,
    json: { type: "boolean" },
    parse: (value, path, issues) => (typeof value === "boolean" ? value : bad(issues, path, value, expects)),
  };
}

export function oneOf<const W extends readonly string[]>(...words: W): Schema<W[number]> {
  const expects = words.length === 1 ? `"${words[0]}"` : `one of ${words.join(", ")}`;
  return {
    expects,
    json: { type: "string", enum: words },
    parse(value, path, issues) {
      const word = words.find((w) => w === value);
      if (word !== undefined) return word;
      const close = typeof value === "string" ? nearest(value, words) : undefined;
      return bad(issues, path, value, close === undefined ? expects : `${expects}; did you mean "${close}"?`);
    },
  };
}

export function array<T>(item: Schema<T>, { max }: { readonly max?: number } = {}): Schema<readonly T[]> {
  const expects = `an array${max !== undefined ? ` of at most ${max}` : ""}, each ${item.expects}`;
  return {
    expects,
    json: { type: "array", items: item.json, ...(max !== undefined ? { maxItems: max } : {}) },
    parse(value, path, issues) {
      if (!Array.isArray(value) || value.length > (max ?? Infinity)) return bad(issues, path, value, expects);
      const items: T[] = [];
      const before = issues.length;
      for (const [i, element] of value.entries()) {
        if (issues.length - before >= SHOWN_OF_A_KIND) {
          issues.push({ path, message: `the elements from ${i} on were not looked at, ${value.length} in all` });
          break;
        }
        const parsed = item.parse(element, `${path}[${i}]`, issues);
        if (parsed !== undefined) items.push(parsed);
      }
      return items;
    },
  };
}

export interface RecordOptions {
  readonly maxKeys?: number;
  readonly keyPattern?: RegExp;
  /** What a key is, with article: "a variable name". */
  readonly keyWhat?: string;
}

export function record<T>(
  value: Schema<T>,
  { maxKeys, keyPattern, keyWhat }: RecordOptions = {},
): Schema<Readonly<Record<string, T>>> {
  const expects = `an object${maxKeys !== undefined ? ` of at most ${maxKeys} keys` : ""}`;
  return {
    expects,
    json: {
      type: "object",
      additionalProperties: value.json,
      ...(maxKeys !== undefined ? { maxProperties: maxKeys } : {}),
      ...(keyPattern ? { propertyNames: { pattern: keyPattern.source } } : {}),
    },
    parse(input, path, issues) {
      if (!isObject(input)) return bad(issues, path, input, expects);
      const entries = Object.entries(input);
      if (entries.length > (maxKeys ?? Infinity)) {
        issues.push({ path, message: `got ${entries.length} keys, expected ${expects}` });
        return undefined;
      }
      const parsed: [string, T][] = [];
      for (const [key, element] of entries) {
        if (keyPattern && !keyPattern.test(key)) {
          issues.push({
            path: joinPath(path, key),
            message: `got the key ${describe(key)}, expected ${keyWhat ?? `a key that matches ${keyPattern.source}`}`,
          });
          continue;
        }
        const v = value.parse(element, joinPath(path, key), issues);
        if (v !== undefined) parsed.push([key, v]);
      }
      // fromEntries defines own properties: a key "__proto__" stays data.
      return Object.fromEntries(parsed);
    },
  };
}

/** A plain object from JSON: not null, not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Exactly these members; an unknown key is an issue that names the nearest known one. */
export function object<S extends Shape>(shape: S): Schema<ObjectOf<S>> {
  const known = Object.keys(shape);
  const required = known.filter((key) => shape[key]?.optional !== true);
  const expects = "an object";
  return {
    expects,
    json: {
      type: "object",
      properties: Object.fromEntries(known.map((key) => [key, shape[key]?.json ?? {}])),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
    },
    parse(value, path, issues) {
      if (!isObject(value)) return bad(issues, path, value, expects);
      const unknown = Object.keys(value).filter((key) => !Object.hasOwn(shape, key));
      for (const key of unknown.slice(0, SHOWN_OF_A_KIND))
        issues.push({ path: joinPath(path, key), message: unknownKey(key, known) });
      if (unknown.length > SHOWN_OF_A_KIND)
        issues.push({ path, message: `${unknown.length - SHOWN_OF_A_KIND} more unknown keys` });
      const parsed: Record<string, unknown> = {};
      for (const [key, member] of Object.entries(shape)) {
        const element = Object.hasOwn(value, key) ? value[key] : undefined;
        if (element === undefined && member.optional) continue;
        const v = member.parse(element, joinPath(path, key), issues);
        if (v !== undefined) parsed[key] = v;
      }
      // Every member was checked against its schema just above; the mapped type cannot be built member by member.
      return parsed as ObjectOf<S>;
    },
  };
}

/** "unknown key, did you mean …" for keys and query parameters alike. */
function unknownKey(key: string, known: readonly string[]): string {
  const close = nearest(key, known);
  if (close !== undefined) return `unknown key, did you mean "${close}"?`;
  return known.length === 0
    ? "unknown key, no keys are expected here"
    : `unknown key, expected one of ${known.join(", ")}`;
}

/** The member may be absent; it is then absent in the result too. */
export function optional<T>(schema: Schema<T>): OptionalSchema<T> {
  return { ...inherit(schema), optional: true, parse: (value, path, issues) => schema.parse(value, path, issues) };
}

export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  return {
    ...inherit(schema),
    expects: `${schema.expects} or null`,
    json: { anyOf: [schema.json, { type: "null" }] },
    parse: (value, path, issues) => (value === null ? null : schema.parse(value, path, issues)),
  };
}

/**
 * The first schema that fits. When none does, one that knew the kind of value and failed further in explains itself.
 */
export function union<const S extends readonly Schema<unknown>[]>(...schemas: S): Schema<Infer<S[number]>> {
  const expects = schemas.map((schema) => schema.expects).join(" or ");
  return {
    expects,
    json: { anyOf: schemas.map((schema) => schema.json) },
    parse(value, path, issues) {
      let inner: Issue[] | undefined;
      for (const schema of schemas) {
        const own: Issue[] = [];
        const parsed = schema.parse(value, path, own);
        // The value came out of one of the member schemas without an issue.
        if (own.length === 0) return parsed as Infer<S[number]>;
        if (own.every((issue) => issue.path !== path || !issue.message.endsWith(`expected ${schema.expects}`)))
          inner ??= own;
      }
      if (inner === undefined) return bad(issues, path, value, expects);
      issues.push(...inner);
      return undefined;
    },
  };
}

export function unknown(): Schema<unknown> {
  return { expects: "any value", json: {}, parse: (value) => value };
}

/** A schema with one more condition. `test` gives undefined, or the rest of the sentence "got X, expected …". */
export function refined<T>(schema: Schema<T>, test: (value: T) => string | undefined): Schema<T> {
  return {
    ...inherit(schema),
    parse(value, path, issues) {
      const before = issues.length;
      const parsed = schema.parse(value, path, issues);
      if (parsed === undefined || issues.length > before) return undefined;
      const wrong = test(parsed);
      return wrong === undefined ? parsed : bad(issues, path, value, wrong, schema.secret);
    },
  };
}

function inherit({ expects, json, secret }: Schema<unknown>): Omit<Schema<unknown>, "parse"> {
  return { expects, json, ...(secret ? { secret } : {}) };
}

export type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly issues: Issue[] };

export function check<T>(schema: Schema<T>, value: unknown): Checked<T> {
  const issues: Issue[] = [];
  const parsed = schema.parse(value, "", issues);
  // Without an issue `parsed` is a T (undefined only where T allows it), as the contract of `parse` says.
  return issues.length > 0 ? { ok: false, issues } : { ok: true, value: parsed as T };
}
