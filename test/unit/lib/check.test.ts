import { describe, expect, test } from "bun:test";
import {
  type Infer,
  type Schema,
  array,
  boolean,
  check,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  record,
  refined,
  string,
  union,
  unknown,
} from "../../../src/lib/check.ts";

const person = object({
  name: string({ min: 1 }),
  age: optional(integer({ min: 0, max: 150 })),
  tags: optional(array(string())),
});
const issuesOf = (schema: Schema<unknown>, value: unknown): string[] => {
  const checked = check(schema, value);
  return checked.ok ? [] : checked.issues.map(({ path, message }) => `${path}: ${message}`);
};

test("a valid value comes back with its type, absent members stay absent", () => {
  const checked = check(person, { name: "Ada" });
  expect(checked).toEqual({ ok: true, value: { name: "Ada" } });
  if (checked.ok) {
    const typed: Infer<typeof person> = checked.value;
    expect("age" in typed).toBe(false);
  }
});

const rows: [what: string, schema: Schema<unknown>, value: unknown, issues: string[]][] = [
  ["null for an object", person, null, [": got null, expected an object"]],
  ["an array for an object", person, [], [": got an array of 0, expected an object"]],
  ["a missing member", person, {}, ["name: missing, expected a non-empty string"]],
  [
    "null for an optional member",
    person,
    { name: "a", age: null },
    ["age: got null, expected an integer from 0 to 150"],
  ],
  ["an unknown key near a known one", person, { name: "a", agee: 1 }, ['agee: unknown key, did you mean "age"?']],
  ["an unknown key near none", person, { name: "a", q: 1 }, ["q: unknown key, expected one of name, age, tags"]],
  [
    "an inherited name as key",
    person,
    { name: "a", toString: 1 },
    ["toString: unknown key, expected one of name, age, tags"],
  ],
  [
    "every problem at once",
    person,
    { name: 1, age: 200, tags: [1] },
    [
      "name: got 1, expected a non-empty string",
      "age: got 200, expected an integer from 0 to 150",
      "tags[0]: got 1, expected a string",
    ],
  ],
  ["a float", integer(), 1.5, [": got 1.5, expected an integer"]],
  ["an unsafe integer", integer(), 2 ** 53, [": got 9007199254740992, expected an integer"]],
  ["NaN", integer({ min: 1 }), Number.NaN, [": got NaN, expected an integer of at least 1"]],
  ["text for a number", integer({ max: 9 }), "5", [': got "5", expected an integer of at most 9']],
  ["a word near", oneOf("idle", "error"), "idel", [': got "idel", expected one of idle, error; did you mean "idle"?']],
  ["a word far", oneOf("idle", "error"), "x", [': got "x", expected one of idle, error']],
  ["one word only", oneOf("a"), 1, [': got 1, expected "a"']],
  ["yes for true", boolean(), "yes", [': got "yes", expected true or false']],
  [
    "too many elements",
    array(integer(), { max: 1 }),
    [1, 2],
    [": got an array of 2, expected an array of at most 1, each an integer"],
  ],
  [
    "a nested path",
    object({ webhook: object({ events: array(oneOf("a")) }) }),
    { webhook: { events: ["a", "a", "b"] } },
    ['webhook.events[2]: got "b", expected "a"'],
  ],
  [
    "too many keys",
    record(string(), { maxKeys: 1 }),
    { a: "", b: "" },
    [": got 2 keys, expected an object of at most 1 keys"],
  ],
  [
    "a bad key",
    record(string(), { keyPattern: /^[a-z]+$/, keyWhat: "a word" }),
    { "a b": "" },
    ['["a b"]: got the key "a b", expected a word'],
  ],
  ["a bad value in a record", record(integer()), { a: "x" }, ['a: got "x", expected an integer']],
  ["too long", string({ max: 3 }), "abcd", [': got "abcd", expected a string of at most 3 characters']],
  [
    "a very long string",
    integer(),
    "x".repeat(1000),
    [`: got "${"x".repeat(60)}"… (1000 characters), expected an integer`],
  ],
  ["a pattern", string({ pattern: /^\//, what: "an absolute path" }), "a", [': got "a", expected an absolute path']],
  [
    "a secret of the wrong form",
    string({ secret: true, pattern: /^x/, what: "a token" }),
    "hunter2",
    [": got another string, expected a token"],
  ],
  ["a secret of the wrong type", string({ secret: true }), 12345, [": got a value of type number, expected a string"]],
  [
    "a refined secret",
    refined(string({ secret: true }), () => "something better"),
    "hunter2",
    [": got another string, expected something better"],
  ],
  [
    "a refined value",
    refined(integer(), (n) => (n % 2 ? "an even number" : undefined)),
    3,
    [": got 3, expected an even number"],
  ],
  ["neither of two", union(string(), array(string())), 5, [": got 5, expected a string or an array, each a string"]],
  ["deep inside one of two", union(string(), array(string())), ["a", 2], ["[1]: got 2, expected a string"]],
  ["not even null", nullable(string()), 5, [": got 5, expected a string"]],
];

test.each(rows)("%s is refused with its place", (_, schema, value, issues) =>
  expect(issuesOf(schema, value)).toEqual(issues),
);

describe("what is accepted", () => {
  test("null where it may be", () => expect(check(nullable(string()), null)).toEqual({ ok: true, value: null }));
  test("either of two", () => {
    const schema = union(string(), array(string()));
    expect(check(schema, "a")).toEqual({ ok: true, value: "a" });
    expect(check(schema, ["a"])).toEqual({ ok: true, value: ["a"] });
  });
  test("anything, also nothing", () => expect(check(unknown(), undefined)).toEqual({ ok: true, value: undefined }));
  test("a key __proto__ in a record stays data", () => {
    const checked = check(record(string()), JSON.parse('{"__proto__":"x"}'));
    expect(checked.ok && Object.keys(checked.value)).toEqual(["__proto__"]);
    expect(({} as Record<string, unknown>)["x"]).toBeUndefined();
  });
});

test("a schema describes itself as JSON Schema", () => {
  expect(person.json).toEqual({
    type: "object",
    properties: {
      name: { type: "string", minLength: 1 },
      age: { type: "integer", minimum: 0, maximum: 150 },
      tags: { type: "array", items: { type: "string" } },
    },
    required: ["name"],
    additionalProperties: false,
  });
});
