/** Malformed requests, each with its exact answer. */
import { describe, expect, test } from "bun:test";
import { call, makeApp, post } from "./router-helpers.ts";

/** [what, request, status, code, issues or message] */
const bad: [string, () => ReturnType<typeof call>, number, string, string[]][] = [
  ["an unknown path", () => call("GET", "/nothing"), 404, "ROUTE_NOT_FOUND", []],
  ["a trailing slash", () => call("GET", "/items/"), 404, "ROUTE_NOT_FOUND", []],
  ["a doubled slash", () => call("GET", "//items"), 404, "ROUTE_NOT_FOUND", []],
  ["an empty parameter", () => call("GET", "/items//parts/1"), 404, "ROUTE_NOT_FOUND", []],
  ["an encoded literal", () => call("GET", "/%69tems"), 404, "ROUTE_NOT_FOUND", []],
  ["a wrong method", () => call("DELETE", "/items"), 405, "METHOD_NOT_ALLOWED", []],
  ["OPTIONS", () => call("OPTIONS", "/items"), 405, "METHOD_NOT_ALLOWED", []],
  ["HEAD on a POST", () => call("HEAD", "/plain"), 405, "METHOD_NOT_ALLOWED", []],
  [
    "broken encoding in a parameter",
    () => call("GET", "/items/%zz"),
    400,
    "INVALID_REQUEST",
    [": the path /items/%zz is not valid percent-encoding"],
  ],
  [
    "broken UTF-8 in a parameter",
    () => call("GET", "/items/%ff"),
    400,
    "INVALID_REQUEST",
    [": the path /items/%ff is not valid percent-encoding"],
  ],
  [
    "an unknown parameter",
    () => call("GET", "/items?limt=1"),
    400,
    "INVALID_REQUEST",
    ['limt: unknown key, did you mean "limit"?'],
  ],
  [
    "a parameter where none is taken",
    () => call("GET", "/health?x=1"),
    400,
    "INVALID_REQUEST",
    ["x: unknown key, no keys are expected here"],
  ],
  [
    "a token in the query",
    () => call("POST", "/plain?token=x"),
    400,
    "INVALID_REQUEST",
    ["token: unknown key, no keys are expected here"],
  ],
  [
    "a doubled parameter",
    () => call("GET", "/items?limit=1&limit=1"),
    400,
    "INVALID_REQUEST",
    ["limit: stands more than once in the query, expected it once"],
  ],
  [
    "broken encoding in the query",
    () => call("GET", "/items?name=%zz"),
    400,
    "INVALID_REQUEST",
    ['name: "name=%zz" in the query is not valid percent-encoding'],
  ],
  [
    "text for a number",
    () => call("GET", "/items?limit=many"),
    400,
    "INVALID_REQUEST",
    ['limit: got "many", expected an integer from 1 to 100'],
  ],
  [
    "a number out of range",
    () => call("GET", "/items?limit=101"),
    400,
    "INVALID_REQUEST",
    ['limit: got "101", expected an integer from 1 to 100'],
  ],
  [
    "an empty number",
    () => call("GET", "/items?limit="),
    400,
    "INVALID_REQUEST",
    ['limit: got "", expected an integer from 1 to 100'],
  ],
  [
    "a flag that is none",
    () => call("GET", "/items?force=yes"),
    400,
    "INVALID_REQUEST",
    ['force: got "yes", expected 1, 0, true or false'],
  ],
  [
    "an unknown word in a list",
    () => call("GET", "/items?until=idle,idel"),
    400,
    "INVALID_REQUEST",
    ['until: got "idel", expected one of idle, error; did you mean "idle"?'],
  ],
  [
    "several problems",
    () => call("GET", "/items?x=1&limit=0"),
    400,
    "INVALID_REQUEST",
    ["x: unknown key, expected one of limit, force, until, name", 'limit: got "0", expected an integer from 1 to 100'],
  ],
  [
    "__proto__ as parameter",
    () => call("GET", "/items?__proto__=1"),
    400,
    "INVALID_REQUEST",
    ["__proto__: unknown key, expected one of limit, force, until, name"],
  ],
  [
    "no body",
    () => post("/items", null),
    400,
    "INVALID_REQUEST",
    [": the body is not valid JSON at line 1, column 1: expected a value, got the end of the text"],
  ],
  ["no content type", () => post("/items", Buffer.from("{}"), null), 415, "UNSUPPORTED_MEDIA_TYPE", []],
  ["a form", () => post("/items", "text=a", "application/x-www-form-urlencoded"), 415, "UNSUPPORTED_MEDIA_TYPE", []],
  ["text/plain", () => post("/items", '{"text":"a"}', "text/plain"), 415, "UNSUPPORTED_MEDIA_TYPE", []],
  ["a type that only begins right", () => post("/items", "{}", "application/jsonp"), 415, "UNSUPPORTED_MEDIA_TYPE", []],
  [
    "another charset",
    () => post("/items", "{}", "application/json; charset=latin1"),
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    [],
  ],
  [
    "a merge patch to POST",
    () => post("/items", "{}", "application/merge-patch+json"),
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    [],
  ],
  [
    "broken JSON",
    () => post("/items", '{"text":\n"a",}'),
    400,
    "INVALID_REQUEST",
    [': the body is not valid JSON at line 2, column 5: a comma stands before "}"'],
  ],
  [
    "invalid UTF-8",
    () => post("/items", Uint8Array.of(0x7b, 0xff, 0x7d)),
    400,
    "INVALID_REQUEST",
    [": the body is not valid UTF-8"],
  ],
  [
    "a byte order mark",
    () => post("/items", '\ufeff{"text":"a"}'),
    400,
    "INVALID_REQUEST",
    [': the body is not valid JSON at line 1, column 1: expected a value, got "\ufeff"'],
  ],
  ["an array", () => post("/items", "[]"), 400, "INVALID_REQUEST", [": got an array of 0, expected an object"]],
  ["null", () => post("/items", "null"), 400, "INVALID_REQUEST", [": got null, expected an object"]],
  ["a missing key", () => post("/items", "{}"), 400, "INVALID_REQUEST", ["text: missing, expected a non-empty string"]],
  [
    "an unknown key",
    () => post("/items", '{"text":"a","txt":1}'),
    400,
    "INVALID_REQUEST",
    ['txt: unknown key, did you mean "text"?'],
  ],
  [
    "a wrong type",
    () => post("/items", '{"text":1}'),
    400,
    "INVALID_REQUEST",
    ["text: got 1, expected a non-empty string"],
  ],
  [
    "a body where none is taken",
    () => post("/plain", '{"a":1}'),
    400,
    "INVALID_REQUEST",
    ["a: unknown key, no keys are expected here"],
  ],
  [
    "a form where no body is taken",
    () => post("/plain", "a=1", "application/x-www-form-urlencoded"),
    415,
    "UNSUPPORTED_MEDIA_TYPE",
    [],
  ],
  [
    "deep nesting",
    () => post("/items", "[".repeat(999)),
    400,
    "INVALID_REQUEST",
    [": the body is not valid JSON at line 1, column 33: nested deeper than 32 levels"],
  ],
  ["a body over the limit", () => post("/items", JSON.stringify({ text: "x".repeat(1000) })), 413, "TOO_LARGE", []],
  [
    "a stream over the limit",
    () => post("/items", new Blob(["x".repeat(1001)]).stream(), "application/json"),
    413,
    "TOO_LARGE",
    [],
  ],
  ["a raw body over the limit", () => post("/raw", "x".repeat(1001), null), 413, "TOO_LARGE", []],
  ["a refusal of a handler", () => call("GET", "/busy"), 409, "AGENT_BUSY", []],
  ["a bug", () => call("GET", "/bug"), 500, "INTERNAL", []],
  ["no descriptor", () => call("GET", "/short/EMFILE"), 503, "OVERLOADED", []],
  ["no memory", () => call("GET", "/short/ENOMEM"), 503, "OVERLOADED", []],
  ["no process", () => call("GET", "/short/EAGAIN"), 503, "OVERLOADED", []],
  ["no room on some disk", () => call("GET", "/short/ENOSPC"), 507, "DISK_FULL", []],
  ["no room within a quota", () => call("GET", "/short/EDQUOT"), 507, "DISK_FULL", []],
];

describe("bad requests", () => {
  test.each(bad)("%s", async (_, request, status, code, issues) => {
    const { body, ...answer } = await request();
    expect(answer.status).toBe(status);
    expect(body.error).toBe(code);
    expect(body.message).toBeString();
    expect((body.issues ?? []).map((i: { path: string; message: string }) => `${i.path}: ${i.message}`)).toEqual(
      issues,
    );
    expect(Object.keys(body)).toEqual(issues.length > 0 ? ["error", "message", "issues"] : ["error", "message"]);
  });

  test("405 says what is possible", async () => {
    expect((await call("DELETE", "/items/x")).headers.get("allow")).toBe("GET, HEAD, PATCH");
    expect((await call("GET", "/plain")).headers.get("allow")).toBe("POST");
  });

  test("headers of an error reach the answer", async () =>
    expect((await call("GET", "/busy")).headers.get("retry-after")).toBe("1"));

  test("a bug is logged with its cause and not shown to the caller", async () => {
    const { app: own, written } = makeApp();
    const { body } = await call("GET", "/bug", {}, own);
    expect(JSON.stringify(body)).not.toContain("secret detail");
    expect(written.join("")).toContain("secret detail");
  });
});
