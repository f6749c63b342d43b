/** What the compiled daemon says of its API is the route table, and what the table holds is there. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { describeApi } from "../../src/api/answers/description.ts";
import { ANSWERS } from "../../src/api/answers/table.ts";
import type { Api } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import { assertDescribed, assertDescribedEvent, fleetTable, apiTable as routes } from "../support/described.ts";

setDefaultTimeout(30_000);

let box: Box;
let api: Api;
beforeAll(async () => {
  box = await makeBox();
  api = await box.start();
});
afterAll(() => box.close());

test("the description is made from the table", async () => {
  const described: unknown = JSON.parse(JSON.stringify(describeApi(routes)));
  expect((await api.get("/openapi.json")) as unknown).toEqual(described);
});

test("every route says what it answers, and every such saying has its route", () => {
  const all = [...routes, ...fleetTable].map(({ method, path }) => `${method} ${path}`);
  expect(Object.keys(ANSWERS).sort()).toEqual(all.sort());
});

test("every reference leads to something that is there", () => {
  const text = JSON.stringify(describeApi(routes));
  const described = JSON.parse(text) as { components: Record<string, Record<string, unknown>> };
  const missing = [...text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)]
    .map(([, kind = "", name = ""]) => [kind, name] as const)
    .filter(([kind, name]) => described.components[kind]?.[name] === undefined);
  expect(missing).toEqual([]);
});

test.each(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "%s is served, asks its own questions, and takes no unknown query",
  async (_, { method, path }) => {
    const url = `${api.url}${path.replace(/:[a-z]+/g, "nobody")}`;
    const plainly = await fetch(url, { method, signal: AbortSignal.timeout(300) }).then(
      (response) => response.json().catch(() => null),
      () => null,
    );
    expect(["ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED", "INTERNAL"]).not.toContain(
      (plainly as { error?: string } | null)?.error ?? "",
    );
    const asked = await fetch(`${url}?no-such-parameter=1`, { method });
    expect([asked.status, ((await asked.json()) as { issues: { path: string }[] }).issues[0]?.path]).toEqual([
      400,
      "no-such-parameter",
    ]);
  },
);

test("everything that the contract names is in the table", () => {
  const one = "/api/v1/projects/:name/agents/:id";
  const contract = [
    "GET /healthz",
    "GET /readyz",
    "GET /api/v1/health",
    "GET /api/v1/providers",
    "GET /api/v1/openapi.json",
    "GET /metrics",
    "POST /api/v1/projects",
    "GET /api/v1/projects",
    "GET /api/v1/projects/:name",
    "PATCH /api/v1/projects/:name",
    "DELETE /api/v1/projects/:name",
    "GET /api/v1/agents",
    "POST /api/v1/projects/:name/agents",
    "GET /api/v1/projects/:name/agents",
    `GET ${one}`,
    `PATCH ${one}`,
    `DELETE ${one}`,
    `POST ${one}/input`,
    `GET ${one}/inputs`,
    `DELETE ${one}/inputs/:n`,
    `POST ${one}/inputs/release`,
    `GET ${one}/messages`,
    `GET ${one}/messages/last`,
    `GET ${one}/output`,
    `GET ${one}/permissions`,
    `POST ${one}/permissions/:pid`,
    `POST ${one}/abort`,
    `POST ${one}/stop`,
    `POST ${one}/resume`,
    `GET ${one}/wait`,
    "GET /api/v1/events",
    "GET /api/v1/projects/:name/events",
    `GET ${one}/events`,
    `GET ${one}/debug`,
    "GET /api/v1/deliveries",
    "GET /api/v1/deliveries/:id",
    "POST /api/v1/deliveries/:id/redeliver",
    "POST /api/v1/webhook/test",
  ];
  const served = routes.map(({ method, path }) => `${method} ${path}`);
  expect(contract.filter((each) => !served.includes(each))).toEqual([]);
});

describe("an answer that is not as described is found", () => {
  const agents = "/api/v1/agents";
  test.each<[string, () => void]>([
    ["a member that nobody described", () => assertDescribed("GET", agents, 200, { agents: [], next: null, more: 1 })],
    ["a member that is missing", () => assertDescribed("GET", `${agents}?limit=1`, 200, { agents: [] })],
    ["another status", () => assertDescribed("GET", agents, 201, { agents: [], next: null })],
    ["an error that the route does not have", () => assertDescribed("GET", agents, 409, { error: "NAME_TAKEN" })],
    ["an error under another status", () => assertDescribed("GET", agents, 404, { error: "INVALID_REQUEST" })],
    ["an event of no type", () => assertDescribedEvent("surprise", {})],
    ["an event without its data", () => assertDescribedEvent("delta", { project: "p", agent: "a" })],
  ])("%s", (_, look) => expect(look).toThrow());

  test("and one that is, is not", () => {
    assertDescribed("GET", `${agents}?limit=1`, 200, { agents: [], next: null });
    assertDescribed("GET", agents, 400, { error: "INVALID_REQUEST", message: "m", issues: [] });
    assertDescribed("GET", "/api/v1/nowhere", 404, { error: "ROUTE_NOT_FOUND" });
  });
});
