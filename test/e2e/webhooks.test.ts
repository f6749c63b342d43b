/** The outbox of the compiled daemon against receivers that behave badly and deaths at chosen moments. */
import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createHmac } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { Json } from "../support/api.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import type { Hook, Manner } from "../support/hook.ts";
import { quietPort, startHook } from "../support/hook.ts";
import type { ToldAgent } from "../support/told.ts";
import { makeAgent } from "../support/told.ts";

setDefaultTimeout(30_000);

/** The key of the vector that the Standard Webhooks project publishes. */
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN = "token-of-the-configured-webhook";
const providers = { cat: { kind: "command", command: ["cat"] } };

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function newHook(port?: number): Promise<Hook> {
  const hook = await startHook(port);
  closers.push(() => hook.down());
  return hook;
}

async function newBox(
  webhook: Record<string, unknown>,
  more: Record<string, unknown> = {},
  ...rest: [Record<string, string>?, string?]
): Promise<Box> {
  const box = await makeBox({ providers, webhook, ...more }, ...rest);
  closers.push(() => box.close());
  return box;
}

/** An agent whose one turn is a `cat` of its task: the cheapest real turn there is. */
const cat = (box: Box, hook: Hook, project: string, task = "hello", more = {}): Promise<ToldAgent> =>
  makeAgent(box, hook, project, task, { provider: "cat", ...more });

const delivery = async (box: Box, id: unknown): Promise<Json> =>
  (await box.api().get(`/deliveries/${String(id)}`))["delivery"] as Json;

/** Waits until the agent's only notice has this state. */
const settledAs = (box: Box, agent: ToldAgent, state: string): Promise<Json> =>
  eventually(`the notice of ${agent.id} to be ${state}`, async () => {
    const [row] = await agent.deliveries();
    return String(row?.["state"]) === state ? delivery(box, row?.["id"]) : null;
  });

const list = (value: Json | undefined): Json[] => [...(value ?? [])];

describe("receivers that behave badly", () => {
  let box: Box;
  let good: Hook;
  let bad: Hook;
  beforeAll(async () => {
    [good, bad] = await Promise.all([startHook(), startHook()]);
    box = await makeBox({ providers, webhook: { url: good.url(), token: TOKEN, secret: SECRET } });
    const api = await box.start();
    await api.post("/projects", { name: "good", cwd: box.cwd });
  });
  afterAll(async () => {
    await box.close();
    await Promise.all([good.down(), bad.down()]);
  });

  const cases: [name: string, manners: Manner[], why: RegExp, status: number | null][] = [
    ["500", [{ status: 500, body: "boom" }], /^the receiver answered 500$/, 500],
    ["503", [{ status: 503, headers: { "retry-after": "1" } }], /^the receiver answered 503$/, 503],
    ["429", [{ status: 429, headers: { "retry-after": "1" } }], /^the receiver answered 429$/, 429],
    ["401", [{ status: 401 }], /^the receiver answered 401$/, 401],
    ["301", [{ status: 301, headers: { location: "/elsewhere" } }], /301: redirects are not followed$/, 301],
    ["404", [{ status: 404 }], /^the receiver answered 404$/, 404],
    ["garbage", ["garbage"], /\S/, null],
    ["cut", ["cut"], /\S/, null],
  ];
  test.each(cases)("%s: said why, tried again, delivered", async (name, manners, why, status) => {
    const project = `bad-${name}`;
    bad.on(`/${project}`, manners);
    await box
      .api()
      .post("/projects", { name: project, cwd: box.cwd, webhook: { url: bad.url(`/${project}`), token: "own" } });
    const agent = await cat(box, bad, project);
    const shown = await settledAs(box, agent, "delivered");
    const attempts = list(shown["attempts"]);
    expect(attempts.map((each) => Number(each["n"]))).toEqual([1, 2]);
    expect(String(attempts[0]?.["error"])).toMatch(why);
    expect(attempts[0]?.["status"] as unknown).toBe(status);
    expect(attempts[1] as unknown).toMatchObject({ status: 204, error: null });
    const [first, second, ...more] = bad.of(agent.id);
    expect(more).toEqual([]);
    expect([first?.id, first?.raw]).toEqual([second?.id, second?.raw]);
    expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThanOrEqual(890);
    expect(bad.seen.some((each) => each.path === "/elsewhere")).toBe(false);
  });

  test("410 is dead at once and releases the agent's next notice; redelivered under the same id and under a new one", async () => {
    bad.on("/gone", [{ status: 410 }]);
    await box.api().post("/projects", { name: "gone", cwd: box.cwd, webhook: { url: bad.url("/gone") } });
    const agent = await cat(box, bad, "gone", "one");
    const dead = await settledAs(box, agent, "dead");
    expect(String(dead["lastError"])).toBe("the receiver answered 410: it wants no more of these");
    await agent.send("two");
    await agent.reaches("idle");
    await eventually("the next notice", async () => String((await agent.deliveries())[1]?.["state"]) === "delivered");
    const { deliveries } = await box.api().get("/deliveries?state=dead");
    expect(list(deliveries).map((each) => String(each["id"]))).toEqual([String(dead["id"])]);

    const again = await box.api().call("POST", `/deliveries/${dead["id"]}/redeliver`);
    expect([again.status, String(again.body["delivery"]?.["id"])]).toEqual([202, String(dead["id"])]);
    await eventually("the same id", async () => String((await delivery(box, dead["id"]))["state"]) === "delivered");
    const fresh = await box.api().post(`/deliveries/${dead["id"]}/redeliver?fresh=1`);
    const newId = String(fresh["delivery"]?.["id"]);
    await eventually("the new id", async () => String((await delivery(box, newId))["state"]) === "delivered");
    const [first, two, second, third, ...more] = bad.of(agent.id);
    expect(more).toEqual([]);
    expect([second?.id, third?.id]).toEqual([first?.id, newId]);
    expect(newId).not.toBe(String(dead["id"]));
    expect([second?.raw, third?.raw]).toEqual([first?.raw, first?.raw]);
    expect(String(two?.body["lastMessage"])).toBe("two");
    expect((await box.api().call("POST", "/deliveries/msg_none/redeliver")).status).toBe(404);
  });

  test("answers: a cut body and an endless one are delivered, 4 KiB at most are kept, memory stays flat", async () => {
    bad.on("/body", ["cut-body", "endless", { status: 200, body: "é".repeat(100_000) }]);
    await box.api().post("/projects", { name: "body", cwd: box.cwd, webhook: { url: bad.url("/body") } });
    const responses: string[] = [];
    for (let n = 0; n < 3; n++) {
      const shown = await settledAs(box, await cat(box, bad, "body"), "delivered");
      responses.push(String(list(shown["attempts"])[0]?.["response"]));
    }
    // What came before the break is kept where it was seen in time.
    expect(["half", "null"]).toContain(responses[0] ?? "");
    expect(responses[1]).toBe("x".repeat(4096));
    expect(Buffer.byteLength(responses[2] ?? "")).toBeLessThanOrEqual(4096 + 2);
    const rss = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${box.pid()}/status`, "utf8"))?.[1];
    expect(Number(rss)).toBeLessThan(300_000);
  });

  test("hanging receivers delay nobody else, and the daemon answers", async () => {
    const hooks = await Promise.all([newHook(), newHook(), newHook()]);
    for (const [n, each] of hooks.entries()) {
      each.on("/hook", "hang");
      await box.api().post("/projects", { name: `hang-${n}`, cwd: box.cwd, webhook: { url: each.url() } });
    }
    const stuck = await Promise.all(
      Array.from({ length: 12 }, (_, n) => cat(box, hooks[n % 3] ?? good, `hang-${n % 3}`)),
    );
    await eventually("the requests that hang", () => hooks.every((each) => each.seen.length === 2));
    const agent = await cat(box, good, "good");
    const shown = await settledAs(box, agent, "delivered");
    expect(Date.parse(String(shown["settledAt"])) - Date.parse(String(shown["createdAt"]))).toBeLessThan(5000);
    expect((await box.api().call("GET", "/health")).status).toBe(200);
    for (const each of stuck) expect((await each.deliveries()).map((row) => String(row["state"]))).toEqual(["pending"]);
    // At the end they answer after all, and nothing was lost.
    for (const each of hooks) await each.down();
    for (const each of hooks) await each.up();
    for (const each of hooks) each.on("/hook", { status: 200 });
    for (const each of stuck) await settledAs(box, each, "delivered");
  });

  test("the signature on the wire fits the published scheme, also when it is computed by hand", async () => {
    const agent = await cat(box, good, "good", "signed ✓");
    await settledAs(box, agent, "delivered");
    const [seen] = good.of(agent.id);
    const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = seen?.headers ?? {};
    const key = Buffer.from(SECRET.slice("whsec_".length), "base64");
    const mac = createHmac("sha256", key)
      .update(`${String(id)}.${String(timestamp)}.${seen?.raw}`)
      .digest("base64");
    expect(signature).toBe(`v1,${mac}`);
    expect(Math.abs(Number(timestamp) * 1000 - (seen?.atMs ?? 0))).toBeLessThan(60_000);
    expect(seen?.headers.authorization).toBe(`Bearer ${TOKEN}`);
  });

  test("POST /webhook/test sends a marked event to the configured webhook, whatever webhook.events says", async () => {
    const answer = await box.api().call("POST", "/webhook/test");
    const id = String(answer.body["delivery"]?.["id"]);
    expect(answer.status).toBe(202);
    await eventually("the test event", async () => String((await delivery(box, id))["state"]) === "delivered");
    expect(good.seen.find((each) => each.id === id)?.body as unknown).toMatchObject({ event: "test" });
  });
});

describe("whom it goes to", () => {
  test("config, project and agent: the nearest wins, each with its own token and events; hosts only as allowed", async () => {
    const hook = await newHook();
    const proxy = await newHook();
    const environment = { HTTP_PROXY: proxy.url(""), http_proxy: proxy.url(""), NO_PROXY: "0.0.0.0" };
    const config = { url: hook.url("/config"), token: TOKEN, events: ["agent_error"], allowedHosts: ["0.0.0.0"] };
    const box = await newBox(config, {}, environment);
    const api = await box.start();
    await api.post("/projects", { name: "plain", cwd: box.cwd });
    await api.post("/projects", {
      name: "own",
      cwd: box.cwd,
      webhook: { url: hook.url("/project"), token: "project-token" },
    });

    const unheard = await cat(box, hook, "plain");
    await unheard.reaches("idle");
    expect(await unheard.deliveries()).toEqual([]);
    await settledAs(box, await cat(box, hook, "own"), "delivered");
    const elsewhere = { url: `http://0.0.0.0:${hook.port}/agent`, token: "agent-token", events: ["agent_completed"] };
    await settledAs(box, await cat(box, hook, "own", "x", { webhook: elsewhere }), "delivered");
    expect(hook.seen.map((each) => [each.path, each.headers.authorization])).toEqual([
      ["/project", "Bearer project-token"],
      ["/agent", "Bearer agent-token"],
    ]);
    // Loopback is asked directly, whatever proxy the environment names.
    expect(proxy.seen).toEqual([]);

    for (const url of ["http://169.254.169.254/latest", "https://example.com/", "http://127.0.0.1.example.com/"]) {
      const refused = await api.call("POST", "/projects/own/agents", { provider: "cat", task: "x", webhook: { url } });
      expect([refused.status, String(refused.body["issues"]?.[0]?.["path"])]).toEqual([400, "webhook.url"]);
      expect((await api.call("PATCH", "/projects/own", { webhook: { url } })).status).toBe(400);
    }
  });

  test("a host that the config does not allow any more is refused when it is sent to, and says so", async () => {
    const port = await quietPort();
    const webhook = { url: "http://127.0.0.1:1/", allowedHosts: ["0.0.0.0"] };
    const box = await newBox(webhook);
    await box.start();
    const hook = await newHook();
    const own = { url: `http://0.0.0.0:${port}/`, token: "agent-token" };
    await box.api().post("/projects", { name: "p", cwd: box.cwd, webhook: own });
    const agent = await cat(box, hook, "p");
    await eventually("a failed attempt", async () => Number((await agent.deliveries())[0]?.["attempts"]) > 0);
    await box.kill("SIGTERM");
    const config = JSON.parse(readFileSync(box.configFile, "utf8")) as Record<string, unknown>;
    writeFileSync(box.configFile, JSON.stringify({ ...config, webhook: { ...webhook, allowedHosts: [] } }));
    const late = await newHook(port);
    await box.start();
    const dead = await settledAs(box, agent, "dead");
    expect(String(dead["lastError"])).toBe('the host "0.0.0.0" is not in webhook.allowedHosts any more');
    expect(late.seen).toEqual([]);
  });

  test("redelivery follows a webhook that was mended: another URL, another token", async () => {
    const hook = await newHook();
    hook.on("/right", [{ status: 410 }]);
    const box = await newBox({});
    await box.start();
    await box
      .api()
      .post("/projects", { name: "p", cwd: box.cwd, webhook: { url: hook.url("/right"), token: "old-token" } });
    const agent = await cat(box, hook, "p");
    const dead = await settledAs(box, agent, "dead");
    const mended = { webhook: { url: hook.url("/moved"), token: "new-token" } };
    expect((await box.api().call("PATCH", "/projects/p", mended)).status).toBe(200);
    await box.api().post(`/deliveries/${dead["id"]}/redeliver`);
    await settledAs(box, agent, "delivered");
    expect(hook.seen.at(-1)).toMatchObject({ path: "/moved", id: String(dead["id"]) });
    expect(hook.seen.at(-1)?.headers.authorization).toBe("Bearer new-token");
    expect((await box.api().call("POST", "/webhook/test")).status).toBe(409);
  });
});

describe("nothing is lost", () => {
  test("a receiver that is down at first gets everything later, an agent's notices in their order", async () => {
    const hook = await newHook(await quietPort());
    await hook.down();
    const box = await newBox({ url: hook.url(), token: TOKEN });
    await box.start();
    await box.api().post("/projects", { name: "p", cwd: box.cwd });
    const agent = await cat(box, hook, "p", "one");
    await agent.reaches("idle");
    for (const word of ["two", "three"]) {
      await agent.send(word);
      await agent.reaches("idle");
    }
    const [first, second] = await eventually("the failed attempt", async () => {
      const rows = await agent.deliveries();
      return rows.length === 3 && Number(rows[0]?.["attempts"]) > 0 ? rows : null;
    });
    expect(first as unknown).toMatchObject({ state: "pending", lastError: "connection refused" });
    expect(second as unknown).toMatchObject({
      state: "pending",
      attempts: 0,
      waitsFor: String(first?.["id"]),
      nextAttemptAt: null,
    });
    await hook.up();
    await eventually("all of them", async () =>
      (await agent.deliveries()).every((each) => String(each["state"]) === "delivered"),
    );
    expect(hook.seen.map((each) => String(each.body["lastMessage"]))).toEqual(["one", "two", "three"]);
  });

  test("a stop does not wait for a receiver that hangs, and the next daemon sends it again", async () => {
    const hook = await newHook();
    hook.on("/hook", ["hang"]);
    const box = await newBox({ url: hook.url() });
    await box.start();
    await box.api().post("/projects", { name: "p", cwd: box.cwd });
    const agent = await cat(box, hook, "p");
    await eventually("the request", () => hook.seen.length === 1);
    const since = Date.now();
    expect(await box.kill("SIGTERM")).toBe(0);
    expect(Date.now() - since).toBeLessThan(5000);
    await box.start();
    const shown = await settledAs(box, agent, "delivered");
    expect([Number(shown["attempts"]?.["length"]), hook.seen.map((each) => each.id)]).toEqual([
      1,
      [String(shown["id"]), String(shown["id"])],
    ]);
  });

  test.each([
    ["between the commit and the request", "posting", 0],
    ["between the answer and its recording", "posted", 1],
  ])("kill -9 %s: delivered by the next daemon under the same id", async (_, seam, before) => {
    const hook = await newHook();
    const box = await newBox({ url: hook.url(), token: TOKEN });
    await box.start({ AH_TEST_SEAM: seam });
    await box.api().post("/projects", { name: "p", cwd: box.cwd });
    // Its agent may be answered by a dying daemon: what counts is what the next one finds.
    await box
      .api()
      .call("POST", "/projects/p/agents", { provider: "cat", task: "hello" })
      .catch(() => null);
    await box.exited();
    expect(hook.seen).toHaveLength(before);
    const api = await box.start();
    const [row, ...more] = list((await api.get("/deliveries"))["deliveries"]);
    expect(more).toEqual([]);
    await eventually("the delivery", async () => String((await delivery(box, row?.["id"]))["state"]) === "delivered");
    expect(hook.seen.map((each) => each.id)).toEqual(Array(before + 1).fill(String(row?.["id"])));
    expect(new Set(hook.seen.map((each) => each.raw)).size).toBe(1);
    expect(String(hook.seen[0]?.body["event"])).toBe("agent_completed");
  });
});
