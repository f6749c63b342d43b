/**
 * Attack table: who may come in. Every form is tried on every route of the daemon's own table (the handlers are
 * replaced: none of them may be reached), so a route that is added tomorrow stands in it, too.
 */
import { describe, expect, test } from "bun:test";
import { json } from "../../../src/http/answer.ts";
import { createAuth } from "../../../src/http/auth.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { createApp } from "../../../src/http/router.ts";
import { fakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { apiTable } from "../../support/described.ts";
import { FOREIGN_HOSTS, foreignOrigins, wrongCredentials } from "../../support/doors.ts";

const TOKEN = "correct-horse-battery-staple";
const clock = fakeClock();
let reached = 0;
const app = createApp({
  routes: apiTable.map((route) => ({
    ...route,
    handler() {
      reached++;
      return json({ reached: true });
    },
  })),
  log: silentLogger,
  auth: createAuth({ token: TOKEN, clock }),
  guard: createGuard({ allowedHosts: ["box.example"], ownNames: ["box"] }),
});

async function ask(
  route: (typeof apiTable)[number],
  headers: Readonly<Record<string, string>>,
  query = "",
  method = route.method,
) {
  clock.advance(60_001); // wrong tokens are slowed down together; here each is judged alone
  const path = route.path.replace(/:[a-zA-Z]+/g, "x");
  const body = method === "GET" || (method as string) === "HEAD" ? {} : { body: "{}" };
  const sent = { host: "127.0.0.1:7070", "content-type": "application/json", ...headers };
  const before = reached;
  const { status } = await app.fetch(
    new Request(`http://127.0.0.1:7070${path}${query}`, { method, headers: sent, ...body }),
  );
  return { status, reached: reached > before };
}

describe("without the right token nothing is reached", () => {
  const closed = apiTable.filter(({ auth }) => auth !== false);

  test("there are many such routes", () => expect(closed.length).toBeGreaterThan(30));

  test.each(wrongCredentials(TOKEN).map((form) => [form.what, form] as const))("%s", async (_what, form) => {
    for (const route of closed)
      expect([route.path, await ask(route, form.headers, form.query)]).toEqual([
        route.path,
        { status: 401, reached: false },
      ]);
  });

  test("nor by HEAD where GET is meant", async () => {
    for (const route of closed.filter(({ method }) => method === "GET"))
      expect(await ask(route, {}, "", "HEAD" as never)).toEqual({ status: 401, reached: false });
  });

  test("what is open tells nothing of the work", () => {
    expect(apiTable.filter(({ auth }) => auth === false).map(({ path }) => path)).toEqual([
      "/api/v1/health",
      "/healthz",
      "/readyz",
    ]);
  });
});

const right = { authorization: `Bearer ${TOKEN}` };

describe("under a name that may be an attacker's nothing is reached, not even with the token", () => {
  test.each([...FOREIGN_HOSTS])("Host: %s", async (host) => {
    for (const route of apiTable)
      expect([route.path, await ask(route, { ...right, host })]).toEqual([route.path, { status: 403, reached: false }]);
  });
});

describe("for a page of another site nothing is reached, not even with the token", () => {
  test.each([...foreignOrigins(7070)])("Origin: %s", async (origin) => {
    for (const route of apiTable)
      expect([route.path, await ask(route, { ...right, origin })]).toEqual([
        route.path,
        { status: 403, reached: false },
      ]);
  });

  test("our own page is let in", async () => {
    const [route] = apiTable.filter(({ path }) => path === "/api/v1/projects");
    if (route === undefined) throw new Error("no such route");
    expect(await ask(route, { ...right, origin: "http://127.0.0.1:7070" })).toEqual({ status: 200, reached: true });
  });
});
