/**
 * Attack table: clients that are slow, many, greedy or dead, against the compiled daemon. Whatever they do, health
 * answers at once, memory stays where it was, and an agent that works goes on working.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Api } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { makeBox } from "../../support/binary.ts";
import { crowdsAt, many, rssMib } from "./crowds.ts";

const TOKEN = "right";
const AUTH = `Authorization: Bearer ${TOKEN}\r\n`;
let box: Box;
let api: Api;
let port: number;
const crowds = crowdsAt({
  port: () => port,
  open: "/api/v1/health",
  closed: "/api/v1/agents",
  post: "/api/v1/projects/p/agents",
  auth: AUTH,
});
const { open } = crowds;

beforeAll(async () => {
  box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh", "-c", "echo done"] } } }, {}, TOKEN);
  api = await box.start();
  port = Number(new URL(api.url).port);
  await api.post("/projects", { name: "p", cwd: box.cwd });
  await api.post("/projects/p/agents", { provider: "sh", name: "quiet" });
});

afterAll(async () => {
  crowds.close();
  await box.close();
});

/** The box is loaded by other tests, too: told from the seconds that a hanging loop would take. */
async function isServing(): Promise<void> {
  const begun = performance.now();
  expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
  expect(performance.now() - begun).toBeLessThan(9000);
  const { agent } = await api.post("/projects/p/agents", { provider: "sh", task: "go" });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  const { agent: done } = await api.get(`${path}/wait?timeout=20`);
  expect(done?.["turn"] as unknown).toMatchObject({ outcome: "completed" });
  await api.call("DELETE", path);
}

test.each([
  ...crowds.all,
  [
    "50 that follow all events and read none",
    () => many(50, () => open(`GET /api/v1/events?since=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}\r\n`)),
  ] as const,
  [
    "50 that wait for an hour each",
    () =>
      many(50, () =>
        open(
          `GET /api/v1/projects/p/agents/quiet/wait?until=error&timeout=3600 HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}\r\n`,
        ),
      ),
  ] as const,
])(
  "%s",
  async (_name, crowd) => {
    const before = rssMib(box.pid());
    const present = crowd();
    await isServing();
    await isServing();
    for (const socket of present) socket.destroy();
    await eventually("memory to be where it was, or near", () => rssMib(box.pid()) < Math.max(before, 60) + 120);
  },
  60_000,
);

test("a request that is never finished is ended by us", async () => {
  const ended = await Promise.all(
    [
      "GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-",
      `POST /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
      "",
    ].map((text) => new Promise((resolve) => open(text, () => undefined).once("close", () => resolve(true)))),
  );
  expect(ended).toEqual([true, true, true]);
}, 60_000);

test("after all of it nothing of a stranger was stored, and the daemon ends in order", async () => {
  const { projects } = await api.get("/projects");
  expect([...(projects ?? [])].map((each) => String(each["name"]))).toEqual(["p"]);
  expect(await box.kill("SIGTERM")).toBe(0);
}, 60_000);
