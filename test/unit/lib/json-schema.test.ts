/** The part of JSON Schema that is read: what fits, what does not and where, and which schemas are refused. */
import { expect, test } from "bun:test";
import type { JsonSchema } from "../../../src/lib/json-schema.ts";
import { misfits, schemaFault } from "../../../src/lib/json-schema.ts";

const object = (properties: JsonSchema, more: JsonSchema = {}): JsonSchema => ({ type: "object", properties, ...more });

/** A schema, a value, and where it does not fit (nothing: it does). */
const rows: readonly (readonly [JsonSchema, unknown, ...string[]])[] = [
  [{}, undefined],
  [{ type: "object" }, {}],
  [{ type: "object" }, [], ": got an array of 0, expected an object"],
  [{ type: "object" }, null, ": got null, expected an object"],
  [{ type: "array" }, {}, ": got an object, expected an array"],
  [{ type: "string" }, "x"],
  [{ type: "string" }, 1, ": got 1, expected a string"],
  [{ type: "number" }, 1.5],
  [{ type: "integer" }, 2],
  [{ type: "integer" }, 1e300],
  [{ type: "integer" }, 1.5, ": got 1.5, expected an integer"],
  [{ type: "boolean" }, false],
  [{ type: "boolean" }, 0, ": got 0, expected true or false"],
  [{ type: "null" }, null],
  [{ type: ["string", "null"] }, null],
  [{ type: ["string", "null"] }, 7, ": got 7, expected a string or null"],
  [{ enum: ["a", { b: [1] }] }, { b: [1] }],
  [{ enum: ["a", "b"] }, "c", ': got "c", expected one of ["a","b"]'],
  [{ const: null }, null],
  [{ const: { a: 1 } }, { a: 2 }, ': got an object, expected {"a":1}'],
  [{ minLength: 2 }, "\u{1f600}", ': got "\u{1f600}", expected a text of at least 2 characters'],
  [{ maxLength: 1 }, "\u{1f600}"],
  [{ maxLength: 1 }, "ab", ': got "ab", expected a text of at most 1 characters'],
  [{ minLength: 2 }, 1],
  [{ minItems: 1 }, [], ": got an array of 0, expected at least 1 elements"],
  [{ maxItems: 1 }, [1, 2], ": got an array of 2, expected at most 1 elements"],
  [{ minimum: 0.5 }, 0.5],
  [{ minimum: 0.5 }, 0.4, ": got 0.4, expected at least 0.5"],
  [{ maximum: -1 }, 0, ": got 0, expected at most -1"],
  [{ items: { type: "string" } }, ["a", 1], "[1]: got 1, expected a string"],
  [object({ a: { type: "string" } }), {}],
  [object({ a: {} }, { required: ["a"] }), {}, "a: missing"],
  [object({}, { required: ["toString"] }), {}, "toString: missing"],
  [object({ a: {} }, { additionalProperties: false }), { a: 1, b: 2 }, "b: is no member that the schema names"],
  [
    object({}, { additionalProperties: false }),
    JSON.parse('{"__proto__":1}'),
    "__proto__: is no member that the schema names",
  ],
  [object({ a: {} }, { additionalProperties: { type: "integer" } }), { b: "x" }, 'b: got "x", expected an integer'],
  [object({ a: object({ b: { items: { type: "null" } } }) }), { a: { b: [null, 3] } }, "a.b[1]: got 3, expected null"],
  [{ anyOf: [{ type: "string" }, { minimum: 5, type: "number" }] }, 6],
  [{ anyOf: [{ type: "string" }, { minimum: 5, type: "number" }] }, 4, ": got 4, expected what fits one of 2 schemas"],
];

test.each(rows.map((row) => [JSON.stringify(row), row] as const))("%s", (_name, [schema, value, ...where]) => {
  expect(schemaFault(schema)).toBeNull();
  expect(misfits(schema, value).map(({ path, message }) => `${path}: ${message}`)).toEqual(where);
});

test("of many places the first five are named", () => {
  expect(
    misfits(
      { items: { type: "string" } },
      Array.from({ length: 1000 }, () => 1),
    ).length,
  ).toBe(5);
});

test("what demands nothing is taken", () => {
  expect(schemaFault({ $schema: "x", title: "t", description: "d", default: 1, examples: [] })).toBeNull();
});

/** A schema, the place of the fault, and a part of what is said. */
const faults: readonly (readonly [unknown, string, string])[] = [
  [true, "s", "expected a schema"],
  [{ pattern: "x" }, "s.pattern", 'a result is not held against "pattern"'],
  [{ $ref: "#/x" }, "s.$ref", "not held against"],
  [object({ a: { items: { format: "date" } } }), "s.properties.a.items.format", "not held against"],
  [object({ a: true }), "s.properties.a", "expected a schema"],
  [{ anyOf: [{}, { oneOf: [] }] }, "s.anyOf[1].oneOf", "not held against"],
  [{ anyOf: [] }, "s.anyOf", "not empty"],
  [{ enum: [] }, "s.enum", "not empty"],
  [{ type: "text" }, "s.type", "expected object, array"],
  [{ type: [] }, "s.type", "expected object, array"],
  [{ type: "toString" }, "s.type", "expected object, array"],
  [{ constructor: 1 }, "s.constructor", "not held against"],
  [{ required: "a" }, "s.required", "a list of names"],
  [{ properties: [] }, "s.properties", "an object of schemas"],
  [{ items: [{}] }, "s.items", "expected a schema"],
  [{ additionalProperties: 1 }, "s.additionalProperties", "expected a schema"],
  [{ minLength: -1 }, "s.minLength", "an integer of at least 0"],
  [{ minimum: "1" }, "s.minimum", "a number"],
];

test.each(faults.map((row) => [JSON.stringify(row[0]), row] as const))(
  "the schema %s is refused",
  (_name, [schema, path, said]) => {
    const fault = schemaFault(schema, "s");
    expect(fault?.path).toBe(path);
    expect(fault?.message).toContain(said);
  },
);

test("schemas within each other without end are refused", () => {
  let deep: JsonSchema = {};
  for (let n = 0; n < 40; n++) deep = { items: deep };
  expect(schemaFault(deep)?.message).toContain("within each other");
});
