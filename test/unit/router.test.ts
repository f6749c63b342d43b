import { describe, expect, test } from "bun:test";
import { json } from "../../src/http/answer.ts";
import { createAuth } from "../../src/http/auth.ts";
import { createGuard } from "../../src/http/guard.ts";
import { createMatcher } from "../../src/http/match.ts";
import { flagText, integerText, listText } from "../../src/http/query.ts";
import { type Route, createApp, route } from "../../src/http/router.ts";
import { integer, object, oneOf, optional, string } from "../../src/lib/check.ts";
import { fakeClock } from "../../src/lib/clock.ts";
import { HarnessError } from "../../src/lib/errors.ts";
import { createLogger } from "../../src/lib/log.ts";

const routes: Route[] = [
  route({ method: "GET", path: "/health", summary: "health", auth: false, handler: () => json({ ok: true }) }),
  route({ method: "POST", path: "/plain", summary: "no body", handler: () => json({ done: true }) }),
  route({
    method: "GET",
    path: "/items",
    summary: "list",
    query: object({
      limit: optional(integerText({ min: 1, max: 100 })),
      force: optional(flagText()),
      until: optional(listText(oneOf("idle", "error"))),
      name: optional(string()),
    }),
    handler: ({ query }) => json(query),
  }),
  route({
    method: "POST",
    path: "/items",
    summary: "make",
    body: object({ text: string({ min: 1 }), n: optional(integer()) }),
    handler: ({ body, bodyBytes }) => json({ text: body.text, n: body.n, bytes: bodyBytes.length }, { status: 201 }),
  }),
  route({ method: "GET", path: "/items/last", summary: "last", handler: () => json({ last: true }) }),
  route({ method: "GET", path: "/items/:id", summary: "one", handler: ({ params }) => json({ id: params.id }) }),
  route({
    method: "PATCH",
    path: "/items/:id",
    summary: "change",
    body: object({ text: string() }),
    handler: ({ params, body }) => json({ id: params.id, ...body }),
  }),
  route({ method: "GET", path: "/items/:id/parts/:part", summary: "part", handler: ({ params }) => json(params) }),
  route({
    method: "POST",
    path: "/items/:id/stop",
    summary: "stop",
    body: optional(object({ keep: optional(string()) })),
    handler: ({ body }) => json({ keep: body?.keep ?? null }),
  }),
  route({
    method: "POST",
    path: "/raw",
    summary: "raw",
    body: "raw",
    handler: ({ body }) => json({ bytes: body.length }),
  }),
  route({
    method: "GET",
    path: "/busy",
    summary: "fails",
    handler: () => {
      throw new HarnessError("AGENT_BUSY", "the agent is busy", { status: 409, headers: { "Retry-After": "1" } });
    },
  }),
  route({
    method: "GET",
    path: "/bug",
    summary: "breaks",
    handler: () => {
      throw new Error("secret detail");
    },
  }),
  route({
    method: "GET",
    path: "/stream",
    summary: "streams",
    handler: ({ signal }) =>
      new Response(new ReadableStream({ start: (c) => signal.addEventListener("abort", () => c.close()) }), {
        headers: { "Content-Type": "text/event-stream" },
      }),
  }),
];

function makeApp(token: string | null = null, bodyBytes = 1000) {
  const clock = fakeClock();
  const written: string[] = [];
  const log = createLogger({ level: "debug", write: (line) => void written.push(line), clock });
  const guard = createGuard({ allowedHosts: ["box.example"], ownNames: ["MyBox"] });
  return {
    app: createApp({ routes, auth: createAuth({ token, clock }), guard, log, limits: { bodyBytes } }),
    clock,
    written,
  };
}

const { app } = makeApp();
const base = "http://127.0.0.1:7070";
const call = async (method: string, path: string, init: RequestInit = {}, target = app) => {
  const response = await target.fetch(new Request(base + path, { method, ...init }));
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? null : JSON.parse(text) };
};
const post = (path: string, body: RequestInit["body"], type: string | null = "application/json", method = "POST") =>
  call(method, path, { body, headers: type === null ? {} : { "Content-Type": type } });

describe("good requests", () => {
  test.each<[string, string, RequestInit, number, unknown]>([
    ["GET", "/health", {}, 200, { ok: true }],
    ["GET", "/items", {}, 200, {}],
    ["GET", "/items?", {}, 200, {}],
    [
      "GET",
      "/items?limit=5&force&until=idle,error&name=a%20b+c%26",
      {},
      200,
      { limit: 5, force: true, until: ["idle", "error"], name: "a b c&" },
    ],
    ["GET", "/items?force=0", {}, 200, { force: false }],
    ["GET", "/items/last", {}, 200, { last: true }],
    ["GET", "/items/a%2Fb", {}, 200, { id: "a/b" }],
    ["GET", "/items/%C3%A4#part", {}, 200, { id: "ä" }],
    ["GET", "/items/last/parts/7", {}, 200, { id: "last", part: "7" }],
    [
      "POST",
      "/items",
      { body: '{"text":"é"}', headers: { "content-type": "application/json" } },
      201,
      { text: "é", bytes: 13 },
    ],
    [
      "POST",
      "/items",
      { body: '{"text":"a"}', headers: { "content-type": 'Application/JSON ; charset="UTF-8"' } },
      201,
      { text: "a", bytes: 12 },
    ],
    [
      "PATCH",
      "/items/x",
      { body: '{"text":"a"}', headers: { "content-type": "application/merge-patch+json" } },
      200,
      { id: "x", text: "a" },
    ],
    ["POST", "/plain", {}, 200, { done: true }],
    [
      "POST",
      "/plain",
      { body: "", headers: { "content-type": "application/x-www-form-urlencoded" } },
      200,
      { done: true },
    ],
    ["POST", "/plain", { body: "{}", headers: { "content-type": "application/json" } }, 200, { done: true }],
    ["POST", "/items/x/stop", {}, 200, { keep: null }],
    [
      "POST",
      "/items/x/stop",
      { body: '{"keep":"y"}', headers: { "content-type": "application/json" } },
      200,
      { keep: "y" },
    ],
    ["POST", "/raw", { body: Uint8Array.of(0, 255, 1) }, 200, { bytes: 3 }],
  ])("%s %s", async (method, path, init, status, body) => {
    expect(await call(method, path, init)).toMatchObject({ status, body });
  });

  test("HEAD is answered like GET, and a stream does not start for it", async () => {
    expect((await app.fetch(new Request(`${base}/items/last`, { method: "HEAD" }))).status).toBe(200);
    const stream = await app.fetch(new Request(`${base}/stream`, { method: "HEAD" }));
    expect([stream.status, stream.body]).toEqual([200, null]);
  });
});

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
    [": the body is not valid JSON at line 1, column 502: nested deeper than 500 levels"],
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

describe("the token", () => {
  const withToken = (app: ReturnType<typeof makeApp>["app"], header: string | null, path = "/items") =>
    call("GET", path, header === null ? {} : { headers: { Authorization: header } }, app);

  test("is asked for everywhere but where the table says otherwise, also on paths that are not there", async () => {
    const { app: own } = makeApp("right");
    expect((await withToken(own, null, "/health")).status).toBe(200);
    for (const path of ["/items", "/nothing", "/items/%zz"]) {
      const { status, body, headers } = await withToken(own, null, path);
      expect([status, body.error, headers.get("www-authenticate")]).toEqual([401, "UNAUTHORIZED", "Bearer"]);
    }
    expect((await withToken(own, "Bearer right")).status).toBe(200);
    expect((await withToken(own, "bearer  right")).status).toBe(200);
  });

  test.each(["", "Bearer", "Bearer wrong", "Basic right", "Bearer right right", "Bearer right, Bearer right", "right"])(
    "%p is refused",
    async (header) => {
      expect((await withToken(makeApp("right").app, header)).status).toBe(401);
    },
  );

  test("20 wrong ones in 60 s make the next wrong one 429, never the right one", async () => {
    const { app: own, clock } = makeApp("right");
    for (let i = 0; i < 20; i++) expect((await withToken(own, `Bearer wrong${i}`)).status).toBe(401);
    const { status, headers, body } = await withToken(own, "Bearer wrong");
    expect([status, headers.get("retry-after"), body.error]).toEqual([429, "60", "TOO_MANY_ATTEMPTS"]);
    expect((await withToken(own, "Bearer right")).status).toBe(200);
    // Neither a missing nor a malformed one is a guess.
    expect((await withToken(own, null)).status).toBe(401);
    clock.advance(60_000);
    expect((await withToken(own, "Bearer wrong")).status).toBe(401);
  });
});

describe("the guard", () => {
  const status = async (headers: Record<string, string>, path = "/health") => {
    const { status, body } = await call("GET", path, { headers });
    return status === 200 ? 200 : `${status} ${body.error}`;
  };
  test.each([
    "127.0.0.1",
    "127.0.0.1:7070",
    "192.168.1.5:80",
    "[::1]",
    "[::1]:7070",
    "[2001:db8::1]:1",
    "localhost",
    "LOCALHOST:1",
    "localhost.",
    "localhost.:7070",
    "mybox",
    "MyBox:7070",
    "box.example",
    "BOX.example.:443",
  ])("Host %s is let in", async (host) => expect(await status({ Host: host })).toBe(200));
  test.each([
    "evil.example",
    "evil.example:7070",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "box.example.evil",
    "sub.box.example",
    "a b",
    "x, y",
    "127.0.0.1, 127.0.0.1",
    "127.0.0.1:x",
    "[::1",
    "::1",
    "[evil]",
    "localhost..",
    "user@localhost",
    "127.0.0.1/",
    "0x7f.1",
    "",
  ])("Host %p is refused", async (host) => expect(await status({ Host: host })).toBe("403 FORBIDDEN_HOST"));
  test.each([
    ["http://127.0.0.1:7070", "127.0.0.1:7070", 200],
    ["http://localhost", "localhost", 200],
    ["http://localhost:80", "localhost", 200],
    ["https://box.example", "box.example:443", 200],
    ["http://[::1]:7070", "[::1]:7070", 200],
    ["http://127.0.0.1:7071", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
    ["http://localhost:7070", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
    ["http://evil.example", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
    ["null", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
    ["", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
    ["file://127.0.0.1:7070", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
    ["chrome-extension://abc", "127.0.0.1:7070", "403 FORBIDDEN_ORIGIN"],
  ])("Origin %p to Host %p gives %p", async (origin, host, expected) =>
    expect(await status({ Host: host, Origin: origin })).toBe(expected),
  );
  test("comes before everything else, also before a 404", async () => {
    expect(await status({ Host: "evil.example" }, "/nothing")).toBe("403 FORBIDDEN_HOST");
  });
  test("no answer carries CORS headers", async () => {
    const { headers } = await call("GET", "/health", { headers: { Host: "localhost", Origin: "http://localhost" } });
    expect([...headers.keys()].filter((name) => name.startsWith("access-control"))).toEqual([]);
  });
});

describe("the table", () => {
  const of =
    (...list: [string, string][]) =>
    () =>
      createMatcher(list.map(([method, path]) => ({ method, path })));
  test("a route that stands twice is a mistake found when built", () => {
    expect(of(["GET", "/a/:x"], ["GET", "/a/:y"])).toThrow("stands twice");
    expect(of(["GET", "/a/:x/:x"])).toThrow("a parameter stands twice");
    expect(of(["GET", "a"])).toThrow("not a path template");
    expect(of(["GET", "/a/"])).toThrow("not a path template");
  });
  test("a literal wins over a parameter, and falls back to it where it leads nowhere", () => {
    const match = createMatcher([
      { method: "GET", path: "/a/last" },
      { method: "GET", path: "/a/:id/b" },
      { method: "POST", path: "/:any/last" },
    ]);
    expect(match("GET", "/a/last")).toMatchObject({ type: "found", params: {} });
    expect(match("GET", "/a/last/b")).toMatchObject({ type: "found", params: { id: "last" } });
    expect(match("POST", "/q/last")).toMatchObject({ type: "found", params: { any: "q" } });
    expect(match("GET", "/a/x")).toEqual({ type: "unknown" });
  });
});

test("after close, new requests get 503 and streams end", async () => {
  const { app: own } = makeApp();
  const stream = await own.fetch(new Request(`${base}/stream`));
  own.close();
  expect(await stream.text()).toBe("");
  const { status, body } = await call("GET", "/health", {}, own);
  expect([status, body.error]).toEqual([503, "NOT_READY"]);
  expect(own.inFlight).toBe(0);
});
