import { describe, expect, test } from "bun:test";
import { json } from "../../../src/http/answer.ts";
import { createMatcher } from "../../../src/http/match.ts";
import { IDLE_SECONDS, route } from "../../../src/http/router.ts";
import { HarnessError } from "../../../src/lib/errors.ts";
import { base, call, makeApp } from "./router-helpers.ts";

const { app } = makeApp();

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

describe("a connection", () => {
  const late = (refuse: boolean) => async (ctx: { keepOpen(): void }) => {
    ctx.keepOpen();
    await Promise.resolve();
    if (refuse) throw new HarnessError("AGENT_BUSY", "the agent is busy");
    return json({ late: true });
  };
  const kept = { ...{ summary: "kept", auth: false as const }, method: "GET" as const };
  const { app: waiting } = makeApp(null, 1000, [
    route({ ...kept, path: "/late", handler: late(false) }),
    route({ ...kept, path: "/refused", handler: late(true) }),
    route({
      ...kept,
      path: "/thrown",
      handler({ keepOpen }) {
        keepOpen();
        throw new Error("a bug");
      },
    }),
  ]);

  test.each([
    ["GET", "/late", [0, 0, IDLE_SECONDS]],
    ["GET", "/refused", [0, 0, IDLE_SECONDS]],
    ["GET", "/thrown", [0, 0, IDLE_SECONDS]],
    ["GET", "/items/last", []],
    ["GET", "/stream", []],
    ["HEAD", "/stream", []],
  ])("%s %s is held while it is worked on, and no longer", async (method, path, expected) => {
    const set: number[] = [];
    const response = await waiting.fetch(new Request(base + path, { method }), {
      timeout: (_: Request, seconds: number) => void set.push(seconds),
      requestIP: () => null,
    } as never);
    expect(set).toEqual(expected);
    expect(response.headers.get("connection")).toBe(method === "GET" && path === "/stream" ? "close" : null);
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
