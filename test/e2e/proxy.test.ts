/**
 * Under a proxy of the environment: nothing that stays on this machine is told to it, from no client of ours. Here the
 * webhook, the bridge and the command line; the receiver's sinks in receiver-serve; where it was looked for in all:
 * unit/lib/request.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { isObject } from "../../src/lib/check.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { BINARY, FAKES, makeBox } from "../support/binary.ts";

setDefaultTimeout(60_000);

const heard: string[] = [];
const posts: string[] = [];
const proxy = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch({ method, url }) {
    heard.push(`${method} ${url}`);
    return new Response("proxy", { status: 502 });
  },
});
const hook = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  async fetch(req) {
    const body: unknown = await req.json();
    posts.push(isObject(body) ? String(body["event"]) : "no object");
    return new Response("ok");
  },
});
const through = { HTTP_PROXY: proxy.url.href, http_proxy: proxy.url.href, HTTPS_PROXY: proxy.url.href };

let box: Box;
beforeAll(async () => {
  box = await makeBox(
    {
      providers: { opencode: { command: [process.execPath, join(FAKES, "opencode.ts")] } },
      webhook: { url: hook.url.href },
    },
    through,
    "the-token",
  );
  await (await box.start()).post("/projects", { name: "p", cwd: box.cwd });
});
afterAll(async () => {
  await box.close();
  await Promise.all([proxy.stop(true), hook.stop(true)]);
});

test("a program behind the bridge works, and its webhook arrives", async () => {
  const task = JSON.stringify([{ say: "hello" }]);
  const { agent } = await box.api().post("/projects/p/agents", { provider: "opencode", task });
  const { agent: done } = await box
    .api()
    .get(`/projects/p/agents/${String(agent?.["id"])}/wait?until=idle,error,exited&timeout=30`);
  expect(String(done?.["status"])).toBe("idle");
  await eventually("the webhook", () => posts.length > 0);
  expect([posts, heard]).toEqual([["agent_completed"], []]);
});

test("the command line asks the daemon directly, with its token", async () => {
  const url = box.api().url;
  const { exitCode, stdout } = Bun.spawnSync([BINARY, "status", "--url", url], {
    env: { ...box.env, AH_AUTH_TOKEN: "the-token" },
  });
  expect([exitCode, stdout.toString().includes(url), heard]).toEqual([0, true, []]);
});
