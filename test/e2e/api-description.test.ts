/** What the compiled daemon says of its API is the route table, and what the table holds is there. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { createBus } from "../../src/agents/bus.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { apiRoutes } from "../../src/api/routes.ts";
import { openApi } from "../../src/http/openapi.ts";
import { VERSION } from "../../src/lib/version.ts";
import type { Api } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";

setDefaultTimeout(30_000);

let box: Box;
let api: Api;
beforeAll(async () => {
  box = await makeBox();
  api = await box.start();
});
afterAll(() => box.close());

/** The table is only looked at: no handler of it runs, so it needs nothing to work with. */
const routes = apiRoutes({ config: {}, bus: createBus() } as ApiDeps);

test("the description is made from the table", async () => {
  const described: unknown = JSON.parse(JSON.stringify(openApi({ title: "agent-harness", version: VERSION, routes })));
  expect((await api.get("/openapi.json")) as unknown).toEqual(described);
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
