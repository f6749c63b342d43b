/** Where the tokens and secrets of webhooks must never turn up, whatever a receiver answers. */
import { afterEach, expect, setDefaultTimeout, test } from "bun:test";
import type { Json } from "../support/api.ts";
import { createApi, eventually } from "../support/api.ts";
import { makeBox } from "../support/binary.ts";
import { startHook } from "../support/hook.ts";
import type { ToldAgent } from "../support/told.ts";
import { makeAgent } from "../support/told.ts";

setDefaultTimeout(30_000);

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const list = (value: Json | undefined): Json[] => [...(value ?? [])];

test("no token or secret stands in any answer, event or log line, even when a receiver repeats it", async () => {
  const secrets = {
    auth: "auth-token-4711",
    config: "config-token-4711",
    project: "project-token-4711",
    agent: "agent-token-4711",
    secret: `whsec_${Buffer.alloc(32, 7).toString("base64")}`,
  };
  const hook = await startHook();
  for (const path of ["/config", "/project", "/agent"]) hook.on(path, "echo");
  const webhook = { url: hook.url("/config"), token: secrets.config, secret: secrets.secret };
  const providers = { cat: { kind: "command", command: ["cat"] } };
  const box = await makeBox({ providers, webhook, logLevel: "debug" }, {}, secrets.auth);
  closers.push(
    () => box.close(),
    () => hook.down(),
  );
  const api = await box.start();
  const own = (name: "project" | "agent") => ({ url: `${hook.url(`/${name}`)}?key=query-4711`, token: secrets[name] });
  await api.post("/projects", { name: "plain", cwd: box.cwd });
  await api.post("/projects", { name: "own", cwd: box.cwd, webhook: own("project") });
  const cat = (project: string, more: Record<string, unknown> = {}): Promise<ToldAgent> =>
    makeAgent(box, hook, project, "x", { provider: "cat", ...more });
  const agents = [await cat("plain"), await cat("own"), await cat("own", { webhook: own("agent") })];
  for (const agent of agents)
    await eventually("its attempt", async () => Number((await agent.deliveries())[0]?.["attempts"]) > 0);
  expect([...new Set(hook.seen.map((each) => each.headers.authorization))].sort()).toEqual(
    [secrets.agent, secrets.config, secrets.project].map((token) => `Bearer ${token}`).sort(),
  );
  await createApi(api.url, { authorization: "Bearer wrong-token-4711" }).call("GET", "/projects");
  await api.call("PATCH", "/projects/own", { webhook: { ...own("project"), events: ["no_such_event"] } });

  const rows = list((await api.get("/deliveries"))["deliveries"]);
  const paths = [
    "/projects",
    "/projects/own",
    "/agents",
    "/deliveries",
    "/providers",
    "/health",
    "/metrics",
    "/openapi.json",
  ];
  paths.push(
    ...rows.map((row) => `/deliveries/${row["id"]}`),
    ...agents.flatMap(({ path }) => [path, `${path}/debug`, `${path}/inputs`]),
  );
  const answers: string[] = [];
  for (const path of paths) {
    const response = await fetch(`${api.url}/api/v1${path}`, { headers: { authorization: `Bearer ${secrets.auth}` } });
    expect([path, response.status]).toEqual([path, 200]);
    answers.push(await response.text());
  }
  const stop = new AbortController();
  const events = await fetch(`${api.url}/api/v1/events?since=0`, {
    headers: { authorization: `Bearer ${secrets.auth}` },
    signal: stop.signal,
  });
  const reader = (events.body ?? new ReadableStream<Uint8Array>()).getReader();
  while (!answers.at(-1)?.includes('"turn_ended"')) answers.push(new TextDecoder().decode((await reader.read()).value));
  stop.abort();
  await box.kill("SIGTERM");
  const everything = `${answers.join("\n")}\n${box.stderr()}`;
  expect(everything).toContain("[redacted]");
  for (const secret of [...Object.values(secrets), secrets.secret.slice(6), "query-4711", "wrong-token-4711"])
    expect(everything).not.toContain(secret);
});
