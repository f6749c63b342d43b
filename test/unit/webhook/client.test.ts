import { afterEach, describe, expect, test } from "bun:test";
import { createServer, type Socket } from "node:net";
import { systemClock } from "../../../src/lib/clock.ts";
import { decodeSigningSecret, verify } from "../../../src/lib/signature.ts";
import { VERSION } from "../../../src/lib/version.ts";
import { postWebhook, RESPONSE_BODY_MAX_BYTES, type AttemptRequest } from "../../../src/webhook/client.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

interface Seen {
  readonly method: string;
  readonly headers: Headers;
  readonly body: string;
}

function serve(answer: (req: Request) => Response | Promise<Response>): { url: string; seen: Seen[] } {
  const seen: Seen[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(req) {
      seen.push({ method: req.method, headers: req.headers, body: await req.text() });
      return answer(req);
    },
  });
  closers.push(() => void server.stop(true));
  return { url: `http://127.0.0.1:${server.port}/hook`, seen };
}

/** Raw bytes for every connection, then whatever `after` does to the socket. */
async function serveRaw(bytes: string, after: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => {
      if (bytes) socket.write(bytes);
      after(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("no port");
  return `http://127.0.0.1:${address.port}/hook`;
}

const post = (url: string, more: Partial<AttemptRequest> = {}) =>
  postWebhook({ url, id: "msg_1", body: '{"a":"é🎉"}', clock: systemClock, timeoutMs: 10_000, ...more });

describe("one webhook attempt", () => {
  test("sends the body as it is, with the Standard Webhooks headers, bearer token and our user agent", async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
    const { url, seen } = serve(() => new Response("thanks", { status: 202 }));
    const result = await post(url, { token: "t-1", secret });
    expect(result).toMatchObject({ outcome: { type: "delivered" }, status: 202, responseBody: "thanks" });
    const [got] = seen;
    if (!got) throw new Error("nothing arrived");
    expect(got.method).toBe("POST");
    expect(got.body).toBe('{"a":"é🎉"}');
    expect(got.headers.get("authorization")).toBe("Bearer t-1");
    expect(got.headers.get("content-type")).toBe("application/json");
    expect(got.headers.get("user-agent")).toBe(`agent-harness/${VERSION}`);
    const given = {
      id: got.headers.get("webhook-id"),
      timestamp: got.headers.get("webhook-timestamp"),
      signature: got.headers.get("webhook-signature"),
    };
    expect(given.id).toBe("msg_1");
    expect(verify(decodeSigningSecret(secret) ?? new Uint8Array(), given, got.body, { nowMs: Date.now() })).toBe(
      "valid",
    );
  });

  test("sends neither token nor signature when none is configured", async () => {
    const { url, seen } = serve(() => new Response());
    await post(url);
    expect(seen[0]?.headers.has("authorization")).toBe(false);
    expect(seen[0]?.headers.has("webhook-signature")).toBe(false);
  });

  test("does not follow a redirect, so the token goes nowhere else", async () => {
    const other = serve(() => new Response());
    const { url } = serve(() => Response.redirect(other.url, 307));
    const result = await post(url, { token: "t-1" });
    expect(result).toMatchObject({ status: 307, outcome: { type: "retry" } });
    expect(other.seen).toHaveLength(0);
  });

  test("keeps at most 4 KiB of the answer", async () => {
    const { url } = serve(() => new Response("y".repeat(1_000_000), { status: 500 }));
    const result = await post(url);
    expect(result.responseBody).toBe("y".repeat(RESPONSE_BODY_MAX_BYTES));
    expect(result.outcome).toEqual({ type: "retry", reason: "the receiver answered 500" });
  });

  test("reads Retry-After in seconds and as a date", async () => {
    const seconds = serve(() => new Response("", { status: 429, headers: { "Retry-After": "7" } }));
    expect((await post(seconds.url)).outcome).toMatchObject({ type: "retry", retryAfterMs: 7000 });
    const date = serve(
      () => new Response("", { status: 503, headers: { "Retry-After": new Date(Date.now() + 60_000).toUTCString() } }),
    );
    const { outcome } = await post(date.url);
    expect(outcome.type === "retry" && outcome.retryAfterMs).toBeGreaterThan(55_000);
  });

  test("a refused connection, a hang, garbage and a cut answer are retried and say why", async () => {
    const closed = serve(() => new Response());
    closers.pop()?.();
    expect(await post(closed.url)).toMatchObject({
      status: null,
      outcome: { type: "retry", reason: "connection refused" },
    });
    const hang = await serveRaw("", () => {});
    expect(await post(hang, { timeoutMs: 150 })).toMatchObject({
      status: null,
      outcome: { type: "retry", reason: "no answer within 150 ms" },
    });
    const garbage = await serveRaw("SSH-2.0-OpenSSH_9.2\r\n", (socket) => socket.end());
    expect(await post(garbage)).toMatchObject({ status: null, outcome: { type: "retry" } });
    const cut = await serveRaw("HTTP/1.1 200 OK\r\nContent-Le", (socket) => socket.destroy());
    expect(await post(cut)).toMatchObject({ status: null, outcome: { type: "retry" } });
  });

  test("a 2xx whose body hangs or breaks off is delivered: the status has answered", async () => {
    const hang = await serveRaw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal", () => {});
    expect(await post(hang, { timeoutMs: 3000 })).toMatchObject({
      status: 200,
      outcome: { type: "delivered" },
      responseBody: "hal",
    });
    const cut = await serveRaw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhal", (socket) => socket.end());
    expect(await post(cut)).toMatchObject({ status: 200, outcome: { type: "delivered" } });
  });

  test("ends early when its signal says so", async () => {
    const hang = await serveRaw("", () => {});
    const abort = new AbortController();
    const attempt = post(hang, { signal: abort.signal });
    abort.abort();
    expect(await attempt).toMatchObject({ status: null, outcome: { type: "retry" } });
  });

  test("refuses to send unsigned when the secret is not usable", async () => {
    const { url, seen } = serve(() => new Response());
    expect(post(url, { secret: "whsec_short" })).rejects.toThrow("cannot sign");
    expect(seen).toHaveLength(0);
  });
});
