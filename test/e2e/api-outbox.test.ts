/** The outbox through the API of the compiled daemon: pages, attempts, once more under the same id or a new one. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import type { Api, Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { FAKES, makeBox } from "../support/binary.ts";

setDefaultTimeout(30_000);

let box: Box;
let api: Api;
let sink: ReturnType<typeof Bun.serve>;
let answer = 200;
const received: { id: string; event: string; agent: string }[] = [];

beforeAll(async () => {
  sink = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const { event, agentId } = (await request.json()) as { event: string; agentId: string };
      received.push({ id: String(request.headers.get("webhook-id")), event, agent: agentId });
      return new Response("noted", { status: answer });
    },
  });
  box = await makeBox({
    webhook: { url: `http://127.0.0.1:${sink.port}/hook`, events: ["agent_completed"] },
    providers: { sh: { kind: "command", command: [process.execPath, join(FAKES, "command.ts")] } },
  });
  api = await box.start();
  await api.post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await sink.stop(true);
});

const deliveries = async (query = ""): Promise<Json[]> => [
  ...((await api.get(`/deliveries${query}`))["deliveries"] ?? []),
];
const settled = (state: string, count: number): Promise<Json[] | false> =>
  eventually(`${count} ${state} deliveries`, async () => {
    const found = await deliveries(`?state=${state}`);
    return found.length === count && found;
  });

test("each is listed, newest first, in pages, with its attempts and its body", async () => {
  for (let i = 0; i < 5; i++) {
    const { agent } = await api.post("/projects/p/agents", { provider: "sh", name: `a${i}`, task: `task ${i}` });
    await api.get(`/projects/p/agents/${agent?.["id"]}/wait?until=idle`);
  }
  await settled("delivered", 5);
  const ids: string[] = [];
  for (let query = "?limit=2"; ;) {
    const page = await api.get(`/deliveries${query}`);
    ids.push(...[...(page["deliveries"] ?? [])].map((each) => String(each["id"])));
    if ((page["next"] as unknown) === null) break;
    query = `?limit=2&before=${page["next"]}`;
  }
  expect(ids).toEqual(received.map((each) => each.id).reverse());
  const { delivery } = await api.get(`/deliveries/${ids[0]}`);
  expect(delivery as unknown).toMatchObject({
    event: "agent_completed",
    project: "p",
    state: "delivered",
    lastError: null,
    nextAttemptAt: null,
    attempts: [{ n: 1, status: 200, response: "noted" }],
    body: { event: "agent_completed", project: "p", name: "a4", status: "idle", lastMessage: "echo: task 4" },
  });
  expect(await deliveries("?state=dead")).toEqual([]);
});

test("redeliver sends it again under the same id, with fresh under a new one", async () => {
  const first = received[0];
  expect((await api.call("POST", `/deliveries/${first?.id}/redeliver`)).status).toBe(202);
  await eventually("the second post", () => received.length === 6);
  expect(received[5]).toEqual(first as never);
  const fresh = await api.call("POST", `/deliveries/${first?.id}/redeliver?fresh=1`);
  const id = String(fresh.body["delivery"]?.["id"]);
  expect([fresh.status, id === first?.id]).toEqual([202, false]);
  await eventually("the third post", () => received.length === 7);
  expect(received[6]).toEqual({ ...first, id } as never);
  await settled("delivered", 6);
  const again = await api.get(`/deliveries/${first?.id}`);
  expect([...(again["delivery"]?.["attempts"] ?? [])]).toHaveLength(2);
});

test("what the receiver wants no more is dead at once, stays listed, and comes to life by a redelivery", async () => {
  answer = 410;
  const test = await api.call("POST", "/webhook/test");
  expect([test.status, String(test.body["delivery"]?.["event"])]).toEqual([202, "test"]);
  const dead = await settled("dead", 1);
  const id = String(dead && dead[0]?.["id"]);
  expect(String(dead && dead[0]?.["lastError"])).toContain("410");
  answer = 200;
  await api.post(`/deliveries/${id}/redeliver`);
  await settled("delivered", 7);
  expect(received.filter((each) => each.id === id)).toHaveLength(2);
});
