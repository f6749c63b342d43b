/**
 * The receiver's HTTP side. It shares much with the daemon, so shared code may name only what both programs have:
 * looked at every message and hint of `lib`, `http`, `process`, `store` and the shared part of `config`. Found: the
 * guard's advice to add a name to `allowedHosts`, which only the daemon's config knew; both have it now. `stateDir`,
 * `host` and `port`, which the others name, were in both; those of the daemon alone (`webhook.allowedHosts`,
 * `auth.token`, `projects.roots`) are named in code of the daemon's.
 */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock, type FakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import type { App } from "../../../src/http/router.ts";
import { createReceiverApp } from "../../../src/receiver/app.ts";
import { openInbox, type Inbox } from "../../../src/receiver/inbox.ts";
import { countStored } from "../../../src/receiver/listing.ts";
import type { SinkName } from "../../../src/receiver/sink.ts";
import type { Worker } from "../../../src/receiver/worker.ts";

let dir: string;
let inbox: Inbox;
let clock: FakeClock;
let app: App;
let woken: number;
let tried: number[];

const worker = (change: Partial<ReturnType<Worker["status"]>> = {}): Worker => ({
  wake: () => void woken++,
  tryNow: (seq) => void tried.push(seq),
  status: () => ({
    state: "ok",
    pending: 0,
    dead: 0,
    delivered: 2,
    failedTries: 1,
    lastSuccessMs: null,
    lastFailureMs: null,
    lastError: null,
    fault: null,
    resumesMs: null,
    ...change,
  }),
  stop: async () => {},
});

function build(
  token: string | null = "right",
  workers: [SinkName, Worker][] = [
    ["discord", worker()],
    ["openclaw", worker()],
  ],
): void {
  app = createReceiverApp({
    inbox,
    workers: new Map(workers),
    token,
    signingKey: null,
    ownNames: ["box"],
    allowedHosts: ["hooks.example"],
    clock,
    log: silentLogger,
  });
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-app-"));
  inbox = openInbox(join(dir, "inbox.db"), ["discord", "openclaw"], 0);
  clock = fakeClock();
  tried = [];
  woken = 0;
  build();
});
afterEach(() => {
  inbox.close();
  rmSync(dir, { recursive: true });
});

const event = {
  event: "agent_completed",
  project: "p",
  agentId: "a",
  provider: "x",
  status: "idle",
  lastMessage: "hi",
  timestamp: "2026-01-01T00:00:00Z",
};
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // Whatever the test expects of it is checked there.
  readonly json: ReturnType<typeof JSON.parse>;
}
async function call(
  method: string,
  path: string,
  { headers = {}, body }: { headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const response = await app.fetch(
    new Request(`http://127.0.0.1:7071${path}`, {
      method,
      headers: {
        Authorization: "Bearer right",
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    }),
  );
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: response.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : undefined,
  };
}
const post = (change: object = {}, headers: Record<string, string> = {}) =>
  call("POST", "/harness-webhook", { body: JSON.stringify({ ...event, ...change }), headers });

describe("POST /harness-webhook", () => {
  test("stores, answers 202 with the short id, and wakes the sinks; a repeat is 200 duplicate and wakes nobody", async () => {
    const first = await post({}, { "webhook-id": "msg_1" });
    expect(first).toMatchObject({ status: 202, json: { accepted: true, id: expect.stringMatching(/^[0-9a-f]{10}$/) } });
    expect(woken).toBe(2);
    const second = await post({ lastMessage: "other bytes" }, { "webhook-id": "msg_1" });
    expect(second).toMatchObject({ status: 200, json: { duplicate: true } });
    expect(woken).toBe(2);
    expect(countStored(inbox.store)).toBe(1);
  });

  test("unknown fields are ignored", async () => {
    expect((await post({ somethingNew: { deep: [1] } })).status).toBe(202);
  });

  const table: [what: string, run: () => Promise<Answer>, status: number, code: string][] = [
    ["no token", () => post({}, { Authorization: "" }), 401, "UNAUTHORIZED"],
    ["a wrong token", () => post({}, { Authorization: "Bearer wrong" }), 401, "UNAUTHORIZED"],
    ["another scheme", () => post({}, { Authorization: "Basic cmlnaHQ=" }), 401, "UNAUTHORIZED"],
    ["a missing field", () => post({ project: undefined }), 400, "INVALID_REQUEST"],
    [
      "no body",
      () => call("POST", "/harness-webhook", { headers: { "Content-Type": "application/json" } }),
      400,
      "INVALID_REQUEST",
    ],
    ["no JSON", () => call("POST", "/harness-webhook", { body: "hello" }), 400, "INVALID_REQUEST"],
    [
      "a form",
      () =>
        call("POST", "/harness-webhook", {
          body: "a=b",
          headers: { "Content-Type": "application/x-www-form-urlencoded" },
        }),
      415,
      "UNSUPPORTED_MEDIA_TYPE",
    ],
    ["too much", () => post({ lastMessage: "x".repeat(256 * 1024) }), 413, "TOO_LARGE"],
    ["GET", () => call("GET", "/harness-webhook"), 405, "METHOD_NOT_ALLOWED"],
    ["PUT", () => call("PUT", "/harness-webhook", { body: "{}" }), 405, "METHOD_NOT_ALLOWED"],
    ["another path", () => call("POST", "/webhook", { body: "{}" }), 404, "ROUTE_NOT_FOUND"],
    ["a query", () => call("POST", "/harness-webhook?token=right", { body: "{}" }), 400, "INVALID_REQUEST"],
    ["a foreign Host", () => post({}, { Host: "evil.example" }), 403, "FORBIDDEN_HOST"],
    ["a name under the configured one", () => post({}, { Host: "x.hooks.example" }), 403, "FORBIDDEN_HOST"],
    ["a foreign Origin", () => post({}, { Origin: "https://evil.example" }), 403, "FORBIDDEN_ORIGIN"],
  ];
  for (const [what, run, status, code] of table) {
    test(`${what} is answered ${status} ${code}, and nothing is stored`, async () => {
      const answer = await run();
      expect([answer.status, answer.json?.error]).toEqual([status, code]);
      expect(answer.json.message.length).toBeGreaterThan(10);
      expect(countStored(inbox.store)).toBe(0);
      expect(woken).toBe(0);
    });
  }

  test("401 names the scheme, 405 the method", async () => {
    expect((await post({}, { Authorization: "" })).headers.get("www-authenticate")).toBe("Bearer");
    expect((await call("GET", "/harness-webhook")).headers.get("allow")).toContain("POST");
  });

  test("a name of allowedHosts passes, with and without port", async () => {
    for (const Host of ["hooks.example", "HOOKS.example:7071"])
      expect((await post({ agentId: Host }, { Host })).status).toBe(202);
  });

  test("256 KiB exactly still pass", async () => {
    const bytes = Buffer.byteLength(JSON.stringify({ ...event, lastMessage: "" }));
    expect((await post({ lastMessage: "x".repeat(256 * 1024 - bytes) })).status).toBe(202);
    expect((await post({ lastMessage: "x".repeat(256 * 1024 - bytes + 1) })).status).toBe(413);
  });

  test("a store that cannot be written is 503 with a time to come back, and nothing is claimed", async () => {
    inbox.store.db.exec("PRAGMA query_only = ON");
    expect(await post()).toMatchObject({ status: 503, json: { error: "STORE_UNAVAILABLE" } });
    inbox.store.db.exec("PRAGMA query_only = OFF");
    expect((await post()).status).toBe(202);
  });
});

describe("looking and sending again", () => {
  test("/health needs no token, tells the sinks' state, and is degraded when one is", async () => {
    build("right", [["discord", worker({ state: "stopped", fault: "404", pending: 3 })]]);
    const { status, json } = await call("GET", "/health", { headers: { Authorization: "" } });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: "degraded",
      sinks: { discord: { state: "stopped", fault: "404", pending: 3 }, openclaw: { state: "off" } },
    });
    build();
    expect((await call("GET", "/health")).json).toMatchObject({ status: "ok", uptime: 0, stored: 0 });
  });

  test("everything else needs the token", async () => {
    for (const path of ["/deliveries", "/deliveries/x", "/metrics"])
      expect((await call("GET", path, { headers: { Authorization: "" } })).status).toBe(401);
    expect((await call("POST", "/deliveries/x/redeliver", { headers: { Authorization: "" } })).status).toBe(401);
  });

  test("/metrics counts", async () => {
    await post();
    await post();
    await post({ event: "bogus" });
    const { text, headers } = await call("GET", "/metrics");
    expect(headers.get("content-type")).toStartWith("text/plain; version=0.0.4");
    for (const line of [
      'webhook_receiver_webhooks_total{result="accepted"} 1',
      'webhook_receiver_webhooks_total{result="duplicate"} 1',
      'webhook_receiver_webhooks_total{result="refused"} 1',
      "webhook_receiver_stored 1",
      'webhook_receiver_sink_up{sink="discord"} 1',
    ]) {
      expect(text).toContain(line);
    }
  });

  test("/deliveries lists, filters and refuses what it does not know", async () => {
    const { json } = await post();
    expect((await call("GET", "/deliveries")).json).toMatchObject({
      deliveries: [
        {
          id: json.id,
          event: "agent_completed",
          sinks: { discord: { state: "pending", tries: 0 }, openclaw: { state: "pending" } },
        },
      ],
      before: null,
    });
    expect((await call("GET", "/deliveries?state=dead")).json.deliveries).toEqual([]);
    expect((await call("GET", `/deliveries/${json.id}`)).json.delivery.body).toEqual(event);
    for (const query of ["state=lost", "sink=slack", "limit=0", "limit=501", "nonsense=1"])
      expect((await call("GET", `/deliveries?${query}`)).status).toBe(400);
    expect((await call("GET", "/deliveries/nope")).json.error).toBe("DELIVERY_NOT_FOUND");
  });

  test("redeliver takes the dead ones, else what waits, else all, and always tries", async () => {
    const { json } = await post();
    const again = (query = "") => call("POST", `/deliveries/${json.id}/redeliver${query}`);
    expect((await again()).status).toBe(202);
    expect(tried).toEqual([1, 1]);
    await inbox.markSending("discord", [1]);
    await inbox.record("discord", [1], { state: "dead", reason: "no", delayMs: 0, free: false }, 0);
    await inbox.markSending("openclaw", [1]);
    await inbox.record("openclaw", [1], { state: "delivered", reason: null, delayMs: 0, free: false }, 0);
    expect(await again()).toMatchObject({
      status: 202,
      json: { delivery: { sinks: { discord: { state: "pending" }, openclaw: { state: "delivered" } } } },
    });
    expect(await again("?sink=openclaw")).toMatchObject({
      status: 202,
      json: { delivery: { sinks: { openclaw: { state: "pending" } } } },
    });
    expect(tried).toEqual([1, 1, 1, 1]);
    expect((await again("?sink=slack")).status).toBe(400);
    build("right", []);
    expect((await again()).json.error).toBe("NO_SINK");
  });
});
