/**
 * Tools for the shapes of answers. A named shape is a component of the API's description: it stands there once, and
 * everything that holds it refers to it. Answers are not checked while serving; the tests check each of theirs.
 */
import type { Schema } from "../../lib/check.ts";
import { integer, string } from "../../lib/check.ts";

export interface Named<T> extends Schema<T> {
  readonly name: string;
  /** What the reference in `json` stands for. */
  readonly definition: Readonly<Record<string, unknown>>;
}

const components = new Map<string, Named<unknown>>();

/** Every named shape of the modules that are loaded. */
export const namedShapes = (): readonly Named<unknown>[] => [...components.values()];

export function named<T>(name: string, description: string, schema: Schema<T>): Named<T> {
  if (components.has(name)) throw new Error(`two shapes are named ${name}`);
  const shape: Named<T> = {
    ...schema,
    name,
    json: { $ref: `#/components/schemas/${name}` },
    definition: { description, ...schema.json },
  };
  components.set(name, shape);
  return shape;
}

/** The same schema with a sentence for readers. */
export function about<S extends Schema<unknown>>(description: string, schema: S): S {
  return { ...schema, json: { ...schema.json, description } };
}

export const text = string();
export const count = integer({ min: 0 });

/** ISO 8601 in UTC, as `Date.toISOString` writes it. */
export const time: Schema<string> = {
  ...string({ pattern: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, what: "a time (ISO 8601, UTC)" }),
  json: { type: "string", format: "date-time" },
};

export const amount: Schema<number> = {
  expects: "a number of at least 0",
  json: { type: "number", minimum: 0 },
  parse(value, path, issues) {
    if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
    issues.push({ path, message: `got ${typeof value}, expected a number of at least 0` });
    return undefined;
  },
};

/** Only there when it is so. */
export const yes: Schema<true> = {
  expects: "true",
  json: { type: "boolean", const: true },
  parse(value, path, issues) {
    if (value === true) return true;
    issues.push({ path, message: "expected true, or nothing" });
    return undefined;
  },
};
