/** Whatever is sent, the compiled daemon answers it exactly, stays healthy, keeps its size and stores nothing of it. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { connect } from "node:net";
import { rawRequest } from "../support/raw.ts";
import { badAgents } from "./bad-requests-agents.table.ts";
import { badHttp } from "./bad-requests-http.table.ts";
import { badProjects } from "./bad-requests-projects.table.ts";
import { rawRequests } from "./bad-requests-raw.table.ts";
import type { BadRequest } from "./bad-requests.row.ts";
import type { World } from "./bad-requests.world.ts";
import { TOKEN, makeWorld } from "./bad-requests.world.ts";

setDefaultTimeout(60_000);

const badRequests = [...badProjects, ...badAgents, ...badHttp];
let world: World;
let before: ReturnType<World["rows"]>;

beforeAll(async () => {
  world = await makeWorld();
  before = world.rows();
});
afterAll(() => world.close());

async function send({
  method,
  path,
  body,
  headers,
}: BadRequest): Promise<{ status: number; text: string; allow: string | null }> {
  const bytes =
    body === undefined
      ? undefined
      : body instanceof Uint8Array
        ? Buffer.from(body)
        : world.fill(typeof body === "string" ? body : JSON.stringify(body));
  const all = new Headers({
    authorization: `Bearer ${TOKEN}`,
    ...(body === undefined ? {} : { "content-type": "application/json" }),
    ...headers,
  });
  if (all.get("authorization") === "") all.delete("authorization");
  const response = await fetch(`${world.api.url}/api/v1${world.fill(path)}`, {
    method,
    headers: all,
    ...(bytes === undefined ? {} : { body: bytes }),
  });
  return { status: response.status, text: await response.text(), allow: response.headers.get("allow") };
}

test("there are at least 80 of them, each with its own name", () => {
  expect(badRequests.length).toBeGreaterThanOrEqual(80);
  expect(new Set(badRequests.map(({ what }) => what)).size).toBe(badRequests.length);
});

describe("refused with", () => {
  test.each(badRequests.map((row) => [row.what, row] as const))("%s", async (_, row) => {
    const { status, text, allow } = await send(row);
    const { error, message, issues } = JSON.parse(text) as {
      error: string;
      message: string;
      issues?: { path: string; message: string }[];
    };
    const says = issues === undefined ? [message] : issues.map((issue) => `${issue.path}: ${issue.message}`);
    expect({ status, error, says }).toEqual({ status: row.status, error: row.code, says: row.says.map(world.fill) });
    expect(text).not.toContain("hunter2");
    if (status === 405) expect(message).toEndWith(`expected ${allow}`);
  });
});

describe("broken HTTP", () => {
  test.each(rawRequests.map((row) => [row.what, row] as const))("%s", async (_, { bytes, status, code }) => {
    const answer = await rawRequest(world.port, bytes);
    expect({ status: answer.status, code: code === undefined ? undefined : JSON.parse(answer.body).error }).toEqual({
      status,
      code,
    });
  });

  test("requests that break off in the middle hold nothing", async () => {
    const halves = [
      "GET /api/v1/hea",
      `POST /api/v1/projects HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100\r\n\r\n{"na`,
    ];
    for (let i = 0; i < 200; i++) {
      await new Promise<void>((resolve) => {
        const socket = connect(world.port, "127.0.0.1", () =>
          socket.write(halves[i % 2] ?? "", () => socket.destroy()),
        );
        socket.once("close", () => resolve());
      });
    }
  });
});

test("20 wrong tokens, then 429 for wrong ones with the seconds to wait, and never for the right one", async () => {
  const ask = (token: string) =>
    fetch(`${world.api.url}/api/v1/projects`, { headers: { authorization: `Bearer ${token}` } });
  const answers: number[] = [];
  for (let i = 0; i < 25; i++) answers.push((await ask(`wrong-${i}`)).status);
  expect(answers).toEqual([...Array<number>(20).fill(401), ...Array<number>(5).fill(429)]);
  const late = await ask("wrong");
  expect(Number(late.headers.get("retry-after"))).toBeWithin(1, 61);
  expect(await late.json()).toMatchObject({ error: "TOO_MANY_ATTEMPTS" });
  expect((await ask(TOKEN)).status).toBe(200);
  expect((await fetch(`${world.api.url}/api/v1/health`)).status).toBe(200);
});

test("the daemon does not grow when all of it comes again and again", async () => {
  const pass = async (): Promise<void> => {
    for (const row of badRequests) await send(row);
    for (const { bytes } of rawRequests) await rawRequest(world.port, bytes);
  };
  const rss: number[] = [];
  // Bodies of 12 MiB wait to be collected at any moment, so the valleys are compared, the first passes left out; on a
  // busy box the next valley may be some passes away. What leaks has none.
  const grown = (): number => Math.min(...rss.slice(-5)) - Math.min(...rss.slice(2, 7));
  while (rss.length < 14 || (grown() >= 24 && rss.length < 60)) {
    await pass();
    rss.push(world.rssMiB());
  }
  console.log(`RSS after each pass, MiB: ${rss.map((each) => each.toFixed(0)).join(" ")}`);
  expect(grown()).toBeLessThan(24);
}, 180_000);

test("after all of it the daemon is healthy, works, and nothing was stored", async () => {
  expect(world.rows()).toEqual(before);
  const health = await world.api.get("/health");
  expect(health).toMatchObject({ status: "ok", ready: true, projects: 2, agents: 4 } as never);
  expect(world.box.stderr()).not.toContain('"level":"error"');
  await world.api.post("/projects/p/agents/done/input", { text: "still there?" });
  await world.api.get("/projects/p/agents/done/wait?until=idle");
  const { message } = await world.api.get("/projects/p/agents/done/messages/last");
  expect(String(message?.["text"])).toBe("echo: still there?");
});
