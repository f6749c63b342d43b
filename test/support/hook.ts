/**
 * A receiver of webhooks that behaves as badly as a test wants, path by path. It keeps every request it got to the end.
 */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Json } from "./api.ts";

export interface Seen {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly id: string;
  /** The bytes as they came. */
  readonly raw: string;
  readonly body: Json;
  readonly atMs: number;
}

export type Manner =
  | {
      readonly status: number;
      readonly headers?: Record<string, string>;
      readonly body?: string;
      readonly afterMs?: number;
    }
  /** Takes the request and never answers. */
  | "hang"
  /** Half of an answer's head, then the connection is closed. */
  | "cut"
  /** A whole head, then the connection is closed in the middle of the body. */
  | "cut-body"
  | "garbage"
  /** 200 and a body without end. */
  | "endless"
  /** 500 and the request's own headers as the body. */
  | "echo";

export interface Hook {
  readonly port: number;
  url(path?: string): string;
  readonly seen: Seen[];
  /** What came for an agent, in order. */
  of(agent: string): Seen[];
  /** How the path answers from now on; a list is used up, then it answers 204. */
  on(path: string, manner: Manner | readonly Manner[]): void;
  /** Drops the port and every connection. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function startHook(port = 0): Promise<Hook> {
  const seen: Seen[] = [];
  const manners = new Map<string, Manner | Manner[]>();
  const sockets = new Set<Socket>();
  const server = createServer((req, res) => {
    const chunks: Buffer[] = [];
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const raw = Buffer.concat(chunks).toString("utf8");
      const path = req.url ?? "/";
      const id = String(req.headers["webhook-id"] ?? "");
      seen.push({ path, headers: req.headers, id, raw, body: JSON.parse(raw) as Json, atMs: Date.now() });
      const manner = manners.get(path.split("?")[0] ?? path);
      void answer(req, res, (Array.isArray(manner) ? manner.shift() : manner) ?? { status: 204 });
    });
    req.on("error", () => undefined);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  const listen = (at: number): Promise<void> =>
    new Promise((resolve, reject) => server.once("error", reject).listen(at, "127.0.0.1", resolve));
  await listen(port);
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the hook has no port");
  return {
    port: address.port,
    url: (path = "/hook") => `http://127.0.0.1:${address.port}${path}`,
    seen,
    of: (agent) => seen.filter((each) => String(each.body["agentId"]) === agent),
    on: (path, manner) =>
      void manners.set(path, typeof manner === "object" && "length" in manner ? [...manner] : manner),
    async down() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
    up: () => listen(address.port),
  };
}

async function answer(req: IncomingMessage, res: ServerResponse, manner: Manner): Promise<void> {
  const { socket } = req;
  switch (manner) {
    case "hang":
      return;
    case "cut":
      socket.write("HTTP/1.1 200 OK\r\nContent-Le");
      return void socket.end();
    case "cut-body":
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf");
      return void socket.end();
    case "garbage":
      socket.write("\u0000\u0001 I am no web server\r\n\r\n");
      return void socket.end();
    case "endless": {
      res.writeHead(200, { "content-type": "text/plain" });
      const more = (): void => {
        while (!socket.destroyed && res.write("x".repeat(65_536)));
      };
      res.on("drain", more);
      return more();
    }
    case "echo":
      return void res.writeHead(500).end(JSON.stringify(req.headers));
    default:
      if (manner.afterMs !== undefined) await Bun.sleep(manner.afterMs);
      res.writeHead(manner.status, manner.headers ?? {}).end(manner.body ?? "");
  }
}

/** A port outside the range of outgoing connections, so that nobody takes it while its server is down. */
export async function quietPort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const probe = createServer();
    const free = await new Promise<boolean>((resolve) =>
      probe.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)),
    );
    await new Promise((resolve) => probe.close(resolve));
    if (free) return port;
  }
}
