/**
 * What speaks to this machine goes past every proxy of the environment; what leaves it goes as the environment says.
 * Looked at: every client of both programs. The command line, `doctor`'s look at the receiver, the webhooks, the bridge
 * (`opencode serve`) and the receiver's sinks (Discord, OpenClaw's hook and gateway) each had a `fetch` of their own;
 * all go through this one door now, which a rule holds (unit/rules). Not HTTP of ours, and so not touched: the fleet's
 * connection to its database, which knows no proxies, git when it clones, and programs that we start, which get the
 * environment's proxies and its NO_PROXY as they stand.
 */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { hostname, networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { hostOf, isLoopback } from "../../../src/lib/ip.ts";
import { request, staysHere } from "../../../src/lib/request.ts";

const VARIABLES = ["HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"];
const TOKEN = { Authorization: "Bearer secret" };
const saved = new Map(VARIABLES.map((name) => [name, process.env[name]]));
let dir = "";
let heard: string[] = [];
let proxy: Bun.Server<undefined>;
let here: Bun.Server<undefined>;
let behind: Bun.Server<undefined>;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-door-"));
  proxy = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(req) {
      heard.push(`${req.url} ${req.headers.get("authorization")}`);
      return new Response("proxy");
    },
  });
  here = Bun.serve({
    port: 0,
    hostname: "0.0.0.0",
    fetch: ({ url }) => (url.endsWith("/away") ? Response.redirect("http://box.example/", 302) : new Response("here")),
  });
  behind = Bun.serve({ unix: join(dir, "s"), fetch: () => new Response("socket") });
});
afterAll(async () => {
  await Promise.all([proxy, here, behind].map((server) => server.stop(true)));
  rmSync(dir, { recursive: true });
});
beforeEach(() => {
  heard = [];
  for (const name of VARIABLES) process.env[name] = name.toLowerCase() === "no_proxy" ? "" : proxy.url.href;
});
afterEach(() => {
  for (const [name, value] of saved)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

const own = Object.values(networkInterfaces())
  .flatMap((each) => each ?? [])
  .find(({ internal, family }) => !internal && family === "IPv4")?.address;

test.each(["127.0.0.1", "localhost", "LOCALHOST", "127.1", ...(own === undefined ? [] : [own])])(
  "%s is asked directly, with the token, whatever the environment says",
  async (host) => {
    const response = await request(`http://${host}:${here.port}/`, { headers: TOKEN });
    expect([await response.text(), heard]).toEqual(["here", []]);
  },
);

test("a unix socket is spoken to directly", async () => {
  const response = await request("http://box.example/", { unix: join(dir, "s"), headers: TOKEN });
  expect([await response.text(), heard]).toEqual(["socket", []]);
});

test("another machine is asked through the proxy of the environment", async () => {
  const response = await request("http://box.example/x", { headers: TOKEN });
  expect([await response.text(), heard]).toEqual(["proxy", ["http://box.example/x Bearer secret"]]);
});

test.each(["box.example", ".example", "other.test, example", "*"])("unless NO_PROXY says %p", async (none) => {
  process.env["NO_PROXY"] = process.env["no_proxy"] = none;
  const asked = await request("http://box.example/x", { signal: AbortSignal.timeout(3000) }).then(
    () => "answered",
    () => "no such host",
  );
  expect([asked, heard]).toEqual(["no such host", []]);
});

test("a redirect is an answer: nothing is sent on to where it points", async () => {
  const response = await request(`http://127.0.0.1:${here.port}/away`, { headers: TOKEN });
  expect([response.status, heard]).toEqual([302, []]);
});

test("the machine's own name and addresses stay here", () => {
  const machine = () => ({ name: "Box", addresses: ["192.0.2.7", "2001:db8::1"] });
  const stays = (url: string): boolean => staysHere(hostOf(url), machine);
  expect(["http://box/", "http://192.0.2.7:7070/", "http://[2001:db8::1]/", "http://[::1]/"].map(stays)).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(["http://box.example/", "http://192.0.2.8/", "http://boxer/"].map(stays)).toEqual([false, false, false]);
  expect(staysHere(hostname().toLowerCase(), () => ({ name: hostname(), addresses: [] }))).toBe(true);
});

test.each([
  ["127.0.0.1", true],
  ["127.8.8.8", true],
  ["::1", true],
  ["[::1]", true],
  ["0:0:0:0:0:0:0:1", true],
  ["::ffff:127.0.0.1", true],
  ["::FFFF:7f00:1", true],
  ["localhost", true],
  ["LOCALHOST.", true],
  ["127.0.0.999", false],
  ["127.1.example", false],
  ["127.0.0.1.example", false],
  ["localhost.example.com", false],
  ["localhost..", false],
  ["0.0.0.0", false],
  ["::", false],
  ["::ffff:128.0.0.1", false],
  ["::1:7f00:1", false],
  ["192.168.1.1", false],
  ["box", false],
  ["", false],
])("%p is loopback: %p", (host, expected) => expect(isLoopback(host)).toBe(expected));
