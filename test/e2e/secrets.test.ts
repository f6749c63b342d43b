/**
 * None of the secrets that the daemon is given comes out again: not in its log, its answers, its events, nor in a
 * child.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";
import { storedEvents } from "../support/events.ts";

setDefaultTimeout(30_000);

/** Each with a word of its own, so that a leak says where it comes from. */
const planted = {
  token: "leak-auth-token-4711",
  webhookToken: "leak-webhook-token-4711",
  webhookSecret: `whsec_${Buffer.from("leak-webhook-secret-4711-leak").toString("base64")}`,
  webhookQuery: "leak-webhook-query-4711",
  providerEnv: "leak-provider-env-4711",
  agentEnv: "leak-agent-env-4711",
  projectToken: "leak-project-token-4711",
  projectQuery: "leak-project-query-4711",
  agentToken: "leak-agent-token-4711",
  patchedQuery: "leak-patched-query-4711",
  wrongToken: "leak-wrong-token-4711",
  envWebhookToken: "leak-env-webhook-token-4711",
};
/** What a child must not get. Its own environment is what the last two are for. */
const { providerEnv: _p, agentEnv: _a, ...notForChildren } = planted;

let box: Box;
let sink: ReturnType<typeof Bun.serve>;
const received: string[] = [];

beforeAll(async () => {
  sink = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      received.push(String(request.headers.get("authorization")));
      // An echo, as careless receivers do it, and a refusal that is kept with the attempt.
      return new Response(`you sent ${request.url}`, { status: 400 });
    },
  });
  box = await makeBox(
    {
      logLevel: "debug",
      webhook: {
        url: `http://127.0.0.1:${sink.port}/hook?key=${planted.webhookQuery}`,
        token: planted.webhookToken,
        secret: planted.webhookSecret,
      },
      providers: {
        "claude-code": {
          command: [process.execPath, join(FAKES, "claude.ts")],
          env: { PROVIDER_KEY: planted.providerEnv },
        },
      },
    },
    { AH_WEBHOOK_TOKEN: planted.envWebhookToken },
    planted.token,
  );
  await box.start();
});
afterAll(async () => {
  await box.close();
  await sink.stop(true);
});

function leaks(text: string, among: Record<string, string> = planted): string[] {
  return Object.entries(among)
    .filter(([, value]) => text.includes(value) || text.includes(encodeURIComponent(value)))
    .map(([name]) => name);
}

/** No agent here has a result or keeps its work: what their absence is answered with must not hold secrets either. */
function expectedOf(path: string): number {
  if (path.includes("{mid}") || path.endsWith("/result")) return 404;
  return /\/(changes|diff|patch)$/.test(path) ? 409 : 200;
}

test("no secret in any answer, event, file name or log line at debug level", async () => {
  const api = box.api();
  const answers: string[] = [];
  const call = async (
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${api.url}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${planted.token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    answers.push(`${method} ${path} ${response.status} ${JSON.stringify([...response.headers])} ${text}`);
    return { status: response.status, text };
  };
  const hook = (query: string, token: string) => ({ url: `http://user:${token}@127.0.0.1:1/hook?key=${query}`, token });

  // A turn that asks, one that crashes, one that fails: each speaks in its own way.
  await call("POST", "/projects", { name: "p", cwd: box.cwd });
  await call("POST", "/projects", {
    name: "q",
    cwd: box.cwd,
    webhook: hook(planted.projectQuery, planted.projectToken),
  });
  const make = (project: string, name: string, steps: unknown[], more: Record<string, unknown> = {}) =>
    call(
      "POST",
      `/projects/${project}/agents`,
      {
        provider: "claude-code",
        name,
        task: `SCRIPT ${JSON.stringify(steps)}`,
        env: { AGENT_KEY: planted.agentEnv },
        ...more,
      },
      { "idempotency-key": `k-${name}` },
    );
  await make("p", "asks", [{ ask: "Bash", input: { command: "ls" }, result: "" }]);
  await make("p", "crashes", [{ crash: true }]);
  await make("p", "fails", [{ fail: "rate_limit", message: "no" }], { webhook: hook("x", planted.agentToken) });
  await make("q", "works", [{ say: "done" }]);
  await call("PATCH", "/projects/q", { webhook: hook(planted.patchedQuery, planted.projectToken) });
  for (const each of ["p/agents/asks", "p/agents/crashes", "p/agents/fails", "q/agents/works"]) {
    await call("GET", `/projects/${each}/wait?until=idle,error,exited,waiting_input`);
  }
  await call("POST", "/webhook/test");
  await eventually(
    "webhooks to be tried",
    async () =>
      [...((await api.get("/deliveries"))["deliveries"] ?? [])].filter((each) => Number(each["attempts"]) > 0).length >=
      4,
  );

  // Wrong ones, which the answer and the log must not repeat.
  await call("POST", "/projects/p/agents", {
    provider: "claude-code",
    env: { AH_X: planted.agentEnv, "A B": planted.agentEnv },
  });
  await call("POST", "/projects", {
    name: "r",
    cwd: box.cwd,
    webhook: { url: `ftp://host/?${planted.projectQuery}`, token: `${planted.projectToken} ` },
  });
  await call("GET", "/projects", undefined, { authorization: `Bearer ${planted.wrongToken}` });

  // Every GET of the API, as its own description lists them.
  const { text } = await call("GET", "/openapi.json");
  const paths = JSON.parse(text).paths as Record<string, Record<string, unknown>>;
  const deliveries = [...((await api.get("/deliveries"))["deliveries"] ?? [])].map((each) => String(each["id"]));
  let asked = 0;
  for (const [path, methods] of Object.entries(paths)) {
    if (!("get" in methods) || !path.startsWith("/api/v1/") || path.endsWith("/events")) continue;
    const route = path.slice("/api/v1".length);
    const filled = route.includes("/deliveries/{id}")
      ? deliveries.map((id) => route.replace("{id}", id))
      : ["p asks", "p crashes", "p fails", "q works"].map((pair) =>
          route.replace("{name}", pair.split(" ")[0] ?? "").replace("{id}", pair.split(" ")[1] ?? ""),
        );
    for (const each of new Set(filled)) {
      expect([each, (await call("GET", each)).status]).toEqual([each, expectedOf(each)]);
      asked += 1;
    }
  }
  await call("GET", "/projects/p/agents/asks/output?stream=stderr");
  expect(asked).toBeGreaterThan(40);
  const events = JSON.stringify(await storedEvents(api, "", 0, { authorization: `Bearer ${planted.token}` }));
  expect(events).toContain("turn_ended");

  expect(
    answers.filter((each) => leaks(each).length > 0).map((each) => `${leaks(each)}: ${each.slice(0, 400)}`),
  ).toEqual([]);
  expect(leaks(events)).toEqual([]);
  expect(box.stderr()).toContain('"level":"debug"');
  expect(
    box
      .stderr()
      .split("\n")
      .filter((line) => leaks(line).length > 0),
  ).toEqual([]);
  // They were in use all the time.
  expect(received).toContain(`Bearer ${planted.envWebhookToken}`);
});

test("a child gets what was meant for it, and none of ours: not in its environment, not in an argument", () => {
  const [pid] = box.agentProcesses();
  const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
  expect(environment).toContain(planted.providerEnv);
  expect(environment).toContain(planted.agentEnv);
  expect(leaks(environment, notForChildren)).toEqual([]);
  for (const each of box.agentProcesses()) expect(leaks(readFileSync(`/proc/${each}/cmdline`, "latin1"))).toEqual([]);
});

test("files on disk that hold secrets are the user's alone", () => {
  expect(statSync(box.stateDir).mode & 0o077).toBe(0);
});

test("a config with secrets in wrong places is refused without repeating them", () => {
  const file = join(box.dir, "wrong.json");
  writeFileSync(
    file,
    JSON.stringify({
      auth: { token: [planted.token] },
      webhook: { url: `ftp://x/?${planted.webhookQuery}`, secret: planted.webhookToken },
    }),
  );
  const done = Bun.spawnSync([BINARY, "serve", "--config", file], { env: box.env });
  expect(done.exitCode).toBe(2);
  expect(leaks(done.stderr.toString())).toEqual([]);
});
