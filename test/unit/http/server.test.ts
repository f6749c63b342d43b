/** What only a real socket shows. */
import { afterAll, afterEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "../../../src/http/answer.ts";
import { createAuth } from "../../../src/http/auth.ts";
import { createGuard } from "../../../src/http/guard.ts";
import { quietPort } from "../../support/hook.ts";
import { createApp, route } from "../../../src/http/router.ts";
import { type Listener, listen } from "../../../src/http/server.ts";
import type { Address } from "../../../src/lib/address.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";

const dir = mkdtempSync(join(tmpdir(), "ah-server-"));
const LIMIT = 4096;
const listeners: Listener[] = [];
afterEach(async () => {
  for (const listener of listeners.splice(0)) await listener.stop({ graceMs: 0 });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function serve(
  address: Address = { type: "tcp", host: "127.0.0.1", port: 0 },
  gate: Promise<void> = Promise.resolve(),
  entered = (): void => undefined,
): Promise<Listener> {
  const app = createApp({
    routes: [
      route({ method: "GET", path: "/health", summary: "health", auth: false, handler: () => json({ ok: true }) }),
      route({ method: "GET", path: "/secret", summary: "secret", handler: () => json({ ok: true }) }),
      route({
        method: "POST",
        path: "/raw",
        summary: "raw",
        auth: false,
        body: "raw",
        handler: ({ body }) => json({ bytes: body.length }),
      }),
      route({
        method: "GET",
        path: "/slow",
        summary: "slow",
        auth: false,
        handler: async () => {
          entered();
          await gate;
          return json({ slow: true });
        },
      }),
      route({
        method: "GET",
        path: "/ends",
        summary: "a stream that ends",
        auth: false,
        handler: ({ keepOpen }) => {
          keepOpen();
          return new Response(new Blob([": over\n\n"]).stream(), { headers: { "Content-Type": "text/event-stream" } });
        },
      }),
    ],
    auth: createAuth({ token: "right", clock: systemClock }),
    guard: createGuard({ allowedHosts: [], ownNames: [] }),
    log: silentLogger,
    limits: { bodyBytes: LIMIT },
  });
  const listener = await listen({ address, app, maxBodyBytes: LIMIT });
  listeners.push(listener);
  return listener;
}

/** Sends bytes as they are, gives all that comes until the server closes or `quietMs` pass behind a byte. */
function raw(target: { port: number } | { path: string }, text: string, quietMs = 300): Promise<string> {
  return new Promise((resolve) => {
    const socket = "port" in target ? connect(target.port, "127.0.0.1") : connect(target.path);
    let answer = "";
    socket.setTimeout(20_000, () => socket.destroy());
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      socket.setTimeout(quietMs);
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(answer));
    socket.write(text);
  });
}

test("a stream that ends takes its connection with it", async () => {
  const { port } = await serve();
  const begun = performance.now();
  const answer = await raw({ port: port ?? 0 }, "GET /ends HTTP/1.1\r\nHost: localhost\r\n\r\n", 8000);
  expect(answer).toContain(": over");
  expect(performance.now() - begun).toBeLessThan(6000);
});

describe("raw requests", () => {
  test.each([
    ["no Host in HTTP/1.0", "GET /health HTTP/1.0\r\n\r\n", "403", "FORBIDDEN_HOST"],
    ["an empty Host", "GET /health HTTP/1.1\r\nHost:\r\n\r\n", "403", "FORBIDDEN_HOST"],
    ["two Hosts", "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", "403", "FORBIDDEN_HOST"],
    ["a foreign Host", "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", "403", "FORBIDDEN_HOST"],
    [
      "a foreign absolute target behind a good Host",
      "GET http://evil.example/health HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "200",
      '"ok":true',
    ],
    [
      "two right tokens",
      "GET /secret HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\nAuthorization: Bearer right\r\n\r\n",
      "401",
      "UNAUTHORIZED",
    ],
    [
      "one right token",
      "GET /secret HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer right\r\n\r\n",
      "200",
      '"ok":true',
    ],
    [
      "dots in the path, which are resolved before the match",
      "GET /x/../health HTTP/1.1\r\nHost: localhost\r\n\r\n",
      "200",
      '"ok":true',
    ],
    ["a star as target", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", "40", ""],
    [
      "chunks over the limit",
      `POST /raw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${(LIMIT + 1).toString(16)}\r\n${"x".repeat(LIMIT + 1)}\r\n0\r\n\r\n`,
      "413",
      "TOO_LARGE",
    ],
    [
      "a declared length over the limit",
      `POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${LIMIT + 1}\r\n\r\n${"x".repeat(LIMIT + 1)}`,
      "413",
      "TOO_LARGE",
    ],
    [
      "chunks at the limit",
      `POST /raw HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n${LIMIT.toString(16)}\r\n${"x".repeat(LIMIT)}\r\n0\r\n\r\n`,
      "200",
      '"bytes":4096',
    ],
    [
      "a length far over the limit",
      "POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nx",
      "413",
      "",
    ],
    [
      "two lengths",
      "POST /raw HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
      "400",
      "",
    ],
    ["no HTTP at all", "hello\r\n\r\n", "400", ""],
  ])("%s", async (_, request, status, part) => {
    const { port } = await serve();
    const answer = await raw({ port: port ?? 0 }, request);
    expect(answer).toStartWith(`HTTP/1.1 ${status}`);
    expect(answer).toContain(part);
    // It is well afterwards.
    expect((await fetch(`http://127.0.0.1:${port}/health`)).status).toBe(200);
  });

  test("HEAD has the length and no body", async () => {
    const { port } = await serve();
    const answer = await raw(
      { port: port ?? 0 },
      "HEAD /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    );
    expect(answer.toLowerCase()).toContain("content-length: 12");
    expect(answer).toEndWith("\r\n\r\n");
  });
});

describe("binding", () => {
  test("a busy port is one clear error", async () => {
    const { port } = await serve();
    const again = serve({ type: "tcp", host: "127.0.0.1", port: port ?? 0 });
    expect(again).rejects.toMatchObject({
      code: "ADDRESS_IN_USE",
      message: expect.stringContaining(`127.0.0.1:${port}: another program uses it`),
    });
    await again.catch(() => {});
  });

  test("an address of another machine is one clear error", async () => {
    const failed = await serve({ type: "tcp", host: "192.0.2.1", port: 0 }).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: "LISTEN_FAILED",
      message: "cannot listen on 192.0.2.1:0: this machine has no such address",
    });
  });

  test("IPv6 stands in brackets in the URL", async () => {
    const listener = await serve({ type: "tcp", host: "::1", port: 0 });
    expect(listener.url).toBe(`http://[::1]:${listener.port}`);
    expect((await fetch(`${listener.url}/health`)).status).toBe(200);
  });

  test("a unix socket is the owner's alone, guarded like TCP, and gone after stop", async () => {
    const path = join(dir, "a.sock");
    const before = process.umask();
    const listener = await serve({ type: "unix", path });
    expect(process.umask()).toBe(before);
    expect([listener.url, listener.port]).toEqual([`unix:${path}`, null]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await raw({ path }, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")).toStartWith("HTTP/1.1 200");
    expect(await raw({ path }, "GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n")).toStartWith("HTTP/1.1 403");
    expect(await raw({ path }, "GET /secret HTTP/1.1\r\nHost: localhost\r\n\r\n")).toStartWith("HTTP/1.1 401");
    await listener.stop();
    expect(existsSync(path)).toBe(false);
  });

  test("a socket that a killed process left behind is replaced, a live one is not", async () => {
    const path = join(dir, "b.sock");
    const left = Bun.spawn(
      [
        process.execPath,
        "-e",
        `Bun.serve({ unix: ${JSON.stringify(path)}, fetch: () => new Response("") }); console.log("up")`,
      ],
      { stdout: "pipe" },
    );
    await left.stdout.getReader().read();
    left.kill("SIGKILL");
    await left.exited;
    expect(existsSync(path)).toBe(true);
    await serve({ type: "unix", path });
    const second = await serve({ type: "unix", path }).catch((error: unknown) => error);
    expect(second).toMatchObject({ code: "ADDRESS_IN_USE" });
    expect(await raw({ path }, "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")).toStartWith("HTTP/1.1 200");
  });

  test.each(["tcp", "unix"] as const)(
    "an address (%s) that is held for a moment longer is waited for",
    async (type) => {
      const path = join(dir, "held.sock");
      const asked = Promise.withResolvers<void>();
      const handlers = { socket: { open: () => asked.resolve(), data: () => undefined } };
      const port = await quietPort();
      const host = "127.0.0.1";
      const held =
        type === "tcp" ? Bun.listen({ ...handlers, hostname: host, port }) : Bun.listen({ ...handlers, unix: path });
      const listening = serve(type === "tcp" ? { type, host, port } : { type, path });
      if (type === "unix") await asked.promise; // the other has been tried before this line
      held.stop(true);
      expect((await listening).url).toBe(type === "tcp" ? `http://${host}:${port}` : `unix:${path}`);
    },
  );

  test("a file in the way is not deleted", async () => {
    const path = join(dir, "file");
    writeFileSync(path, "precious");
    expect(await serve({ type: "unix", path }).catch((error: unknown) => error)).toMatchObject({
      code: "LISTEN_FAILED",
    });
    expect(existsSync(path)).toBe(true);
  });

  test("a folder that is not there is one clear error", async () => {
    const failed = await serve({ type: "unix", path: join(dir, "none", "x.sock") }).catch((error: unknown) => error);
    expect(failed).toMatchObject({
      code: "LISTEN_FAILED",
      message: expect.stringContaining("there is no such folder"),
    });
  });
});

describe("stop", () => {
  test("a running request is answered, a new one is refused, and it takes no longer than needed", async () => {
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const arrived = Promise.withResolvers<void>();
    const { url, stop } = await serve(undefined, gate, arrived.resolve);
    // A second, idle connection must not hold it up.
    await (await fetch(`${url}/health`)).text();
    const slow = fetch(`${url}/slow`);
    await arrived.promise;
    const startedAt = Date.now();
    const stopped = stop({ graceMs: 5000 });
    const late = await fetch(`${url}/health`).then(
      (response) => response.status,
      () => "refused",
    );
    expect(["refused", 503]).toContain(late);
    open();
    expect(await (await slow).json()).toEqual({ slow: true });
    await stopped;
    expect(Date.now() - startedAt).toBeLessThan(4000);
    await stop();
  });

  test("a request that does not end is cut after the grace", async () => {
    const arrived = Promise.withResolvers<void>();
    const { url, stop } = await serve(undefined, new Promise(() => {}), arrived.resolve);
    const slow = fetch(`${url}/slow`).then(
      () => "answered",
      () => "cut",
    );
    await arrived.promise;
    const startedAt = Date.now();
    await stop({ graceMs: 100 });
    expect(await slow).toBe("cut");
    expect(Date.now() - startedAt).toBeLessThan(4000);
  });
});
