/** Who is let in: the token, the Host, the Origin. */
import { describe, expect, test } from "bun:test";
import { call, makeApp } from "./router-helpers.ts";

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

  test.each([2, -2])("a clock that is set by %d days moves nothing of that", async (days) => {
    const { app: own, clock } = makeApp("right");
    for (let i = 0; i < 20; i++) await withToken(own, "Bearer wrong");
    clock.jump(days * 86_400_000);
    const { status, headers } = await withToken(own, "Bearer wrong");
    expect([status, headers.get("retry-after")]).toEqual([429, "60"]);
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
