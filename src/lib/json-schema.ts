/**
 * A part of JSON Schema, read by hand: what an agent's result is held against. Pure. A schema with a word that is not
 * read here is refused when it is given, for what is passed over in silence would be taken for checked.
 */
import { isDeepStrictEqual } from "node:util";
import type { Issue } from "./check.ts";
import { describe, isObject, joinPath } from "./check.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const TYPES: Readonly<Record<string, { readonly what: string; is(value: unknown): boolean }>> = {
  object: { what: "an object", is: isObject },
  array: { what: "an array", is: Array.isArray },
  string: { what: "a string", is: (value) => typeof value === "string" },
  number: { what: "a number", is: (value) => typeof value === "number" },
  integer: { what: "an integer", is: (value) => Number.isInteger(value) },
  boolean: { what: "true or false", is: (value) => typeof value === "boolean" },
  null: { what: "null", is: (value) => value === null },
};

const lengthOf = (text: string): number => [...text].length;
const ofText = (value: unknown): number | null => (typeof value === "string" ? lengthOf(value) : null);
const ofItems = (value: unknown): number | null => (Array.isArray(value) ? value.length : null);
const ofNumber = (value: unknown): number | null => (typeof value === "number" ? value : null);

interface Bound {
  readonly of: (value: unknown) => number | null;
  readonly least: boolean;
  readonly counts: boolean;
  readonly what: string;
}

const BOUNDS: Readonly<Record<string, Bound>> = {
  minLength: { of: ofText, least: true, counts: true, what: "a text of at least N characters" },
  maxLength: { of: ofText, least: false, counts: true, what: "a text of at most N characters" },
  minItems: { of: ofItems, least: true, counts: true, what: "at least N elements" },
  maxItems: { of: ofItems, least: false, counts: true, what: "at most N elements" },
  minimum: { of: ofNumber, least: true, counts: false, what: "at least N" },
  maximum: { of: ofNumber, least: false, counts: false, what: "at most N" },
};

/** They say something to readers and demand nothing. */
const NOTES = ["title", "description", "$schema", "$id", "$comment", "default", "examples"];
const WORDS = ["type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf"];
const KNOWN: readonly string[] = [...WORDS, ...Object.keys(BOUNDS), ...NOTES];
const DEEPEST = 32;
const SHOWN = 5;

/** What is wrong with a schema; null: all of it can be held. */
export function schemaFault(schema: unknown, path = "", depth = 0): Issue | null {
  const fault = (word: string, expected: string): Issue => ({
    path: joinPath(path, word),
    message: `got ${describe(isObject(schema) ? schema[word] : schema)}, expected ${expected}`,
  });
  if (!isObject(schema)) return { path, message: `got ${describe(schema)}, expected a schema, which is an object` };
  if (depth > DEEPEST) return { path, message: `got more than ${DEEPEST} schemas within each other` };
  const below = (inner: unknown, where: string): Issue | null => schemaFault(inner, where, depth + 1);
  for (const [word, value] of Object.entries(schema)) {
    const found = wordFault({ word, value, where: joinPath(path, word), fault, below });
    if (found !== null) return found;
  }
  return null;
}

interface Word {
  readonly word: string;
  readonly value: unknown;
  readonly where: string;
  readonly fault: (word: string, expected: string) => Issue;
  readonly below: (inner: unknown, where: string) => Issue | null;
}

function wordFault({ word, value, where, fault, below }: Word): Issue | null {
  const first = (inner: readonly (readonly [string, unknown])[]): Issue | null => {
    for (const [place, each] of inner) {
      const found = below(each, place);
      if (found !== null) return found;
    }
    return null;
  };
  const bound = Object.hasOwn(BOUNDS, word) ? BOUNDS[word] : undefined;
  if (bound !== undefined) {
    const fits = typeof value === "number" && (!bound.counts || (Number.isSafeInteger(value) && value >= 0));
    return fits ? null : fault(word, bound.counts ? "an integer of at least 0" : "a number");
  }
  switch (word) {
    case "type": {
      const types: readonly unknown[] = Array.isArray(value) ? value : [value];
      const known = (type: unknown): boolean => typeof type === "string" && Object.hasOwn(TYPES, type);
      const fits = types.length > 0 && types.every(known);
      return fits ? null : fault(word, `${Object.keys(TYPES).join(", ")}, or a list of them`);
    }
    case "required": {
      const fits = Array.isArray(value) && value.every((name) => typeof name === "string");
      return fits ? null : fault(word, "a list of names");
    }
    case "enum":
      return Array.isArray(value) && value.length > 0 ? null : fault(word, "a list of values that is not empty");
    case "anyOf":
      if (!Array.isArray(value) || value.length === 0) return fault(word, "a list of schemas that is not empty");
      return first(value.map((each: unknown, n) => [`${where}[${n}]`, each]));
    case "properties":
      if (!isObject(value)) return fault(word, "an object of schemas");
      return first(Object.entries(value).map(([name, each]) => [joinPath(where, name), each]));
    case "items":
      return below(value, where);
    case "additionalProperties":
      return typeof value === "boolean" ? null : below(value, where);
    default:
      if (KNOWN.includes(word)) return null;
      return fault(word, `none: a result is not held against "${word}". What is read: ${KNOWN.join(", ")}`);
  }
}

/** Where a value does not fit a schema without fault: the first of them. Empty: it fits. */
export function misfits(schema: JsonSchema, value: unknown): readonly Issue[] {
  const issues: Issue[] = [];
  look(schema, value, "", issues);
  return issues.slice(0, SHOWN);
}

function look(schema: JsonSchema, value: unknown, path: string, issues: Issue[]): void {
  if (issues.length >= SHOWN) return;
  const expected = (what: string): void =>
    void issues.push({ path, message: `got ${describe(value)}, expected ${what}` });
  const types = [schema["type"] ?? []].flat().flatMap((type) => TYPES[String(type)] ?? []);
  if (types.length > 0 && !types.some((type) => type.is(value)))
    return expected(types.map(({ what }) => what).join(" or "));
  const listed = schema["enum"];
  if (Array.isArray(listed) && !listed.some((each) => isDeepStrictEqual(each, value)))
    return expected(`one of ${JSON.stringify(listed)}`);
  if (Object.hasOwn(schema, "const") && !isDeepStrictEqual(schema["const"], value))
    return expected(JSON.stringify(schema["const"]));
  for (const [word, { of, least, what }] of Object.entries(BOUNDS)) {
    const [limit, size] = [schema[word], of(value)];
    if (typeof limit !== "number" || size === null) continue;
    if (least ? size < limit : size > limit) expected(what.replace("N", String(limit)));
  }
  const choices = schema["anyOf"];
  if (Array.isArray(choices) && !choices.some((each) => isObject(each) && misfits(each, value).length === 0))
    expected(`what fits one of ${choices.length} schemas`);
  const { items } = schema;
  if (Array.isArray(value) && isObject(items))
    for (const [n, element] of value.entries()) look(items, element, `${path}[${n}]`, issues);
  if (isObject(value)) lookInside(schema, value, path, issues);
}

function lookInside(schema: JsonSchema, value: Record<string, unknown>, path: string, issues: Issue[]): void {
  const properties = isObject(schema["properties"]) ? schema["properties"] : {};
  const { required, additionalProperties: others } = schema;
  for (const name of Array.isArray(required) ? required.map(String) : [])
    if (!Object.hasOwn(value, name)) issues.push({ path: joinPath(path, name), message: "missing" });
  for (const [name, member] of Object.entries(value)) {
    const own = Object.hasOwn(properties, name) ? properties[name] : others;
    if (own === false) issues.push({ path: joinPath(path, name), message: "is no member that the schema names" });
    else if (isObject(own)) look(own, member, joinPath(path, name), issues);
  }
}
