/**
 * What stands between the programs and cuts, garbles and swallows on request: the receiver's door (it notes each
 * webhook and what was answered), and a TCP proxy before the API.
 */
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import type { Random } from "../support/random.ts";
import type { Arrival } from "./evidence.ts";

/** Nothing of it is a refusal for good: such a receiver would be believed. */
export const NONSENSE = ["500", "503", "404", "403", "429", "hang", "cut", "garbage", "page", "taken-and-cut"] as const;
export type Nonsense = (typeof NONSENSE)[number];

export interface Door {
  readonly url: string;
  readonly arrivals: Arrival[];
  /** Answers each request with one of these while set. */
  nonsense: Nonsense | null;
  close(): void;
}

export async function openDoor(receiverUrl: string): Promise<Door> {
  const arrivals: { -readonly [K in keyof Arrival]: Arrival[K] }[] = [];
  const door: { nonsense: Nonsense | null } = { nonsense: null };
  const pass = async (req: IncomingMessage, body: string): Promise<{ status: number; text: string }> => {
    const headers: Record<string, string> = {};
    for (const name of ["content-type", "authorization", "webhook-id", "webhook-timestamp", "webhook-signature"])
      if (typeof req.headers[name] === "string") headers[name] = req.headers[name];
    try {
      const response = await fetch(receiverUrl, { method: "POST", headers, body, signal: AbortSignal.timeout(10_000) });
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 502, text: "" };
    }
  };
  const server = createHttp((req, res) => {
    const chunks: Buffer[] = [];
    req.on("error", () => undefined);
    req.on("data", (chunk: Buffer) => chunks.push(chunk));
    req.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const arrival: (typeof arrivals)[number] = {
        id: String(req.headers["webhook-id"] ?? ""),
        body,
        how: door.nonsense,
        status: null,
      };
      arrivals.push(arrival);
      const { nonsense } = door;
      void (async () => {
        if (nonsense === null) {
          const { status, text } = await pass(req, body);
          arrival.status = status;
          res.writeHead(status, { "content-type": "application/json" }).end(text);
        } else if (nonsense === "taken-and-cut") {
          await pass(req, body);
          res.socket?.destroy();
        } else arrival.status = misbehave(res, nonsense);
      })();
    });
  });
  server.on("connection", (socket) => socket.on("error", () => undefined));
  const port = await listening(server);
  return Object.assign(door, {
    url: `http://127.0.0.1:${port}/harness-webhook`,
    arrivals,
    close() {
      server.closeAllConnections();
      server.close();
    },
  });
}

/** Gives the status that went out. */
function misbehave(res: ServerResponse, nonsense: Exclude<Nonsense, "taken-and-cut">): number | null {
  switch (nonsense) {
    case "hang":
      setTimeout(() => res.socket?.destroy(), 3000);
      return null;
    case "cut":
      res.socket?.write("HTTP/1.1 200 OK\r\nContent-Le");
      res.socket?.destroy();
      return null;
    case "garbage":
      res.socket?.write("\u0000\u0001 I am no web server\r\n\r\n");
      res.socket?.destroy();
      return null;
    case "page":
      res.writeHead(502, { "content-type": "text/html" }).end("<html>bad gateway</html>");
      return 502;
    default:
      res.writeHead(Number(nonsense), { "retry-after": "1" }).end(JSON.stringify({ message: "chaos" }));
      return Number(nonsense);
  }
}

export interface Proxy {
  readonly port: number;
  /** Share of the chunks at which a connection is cut. */
  cutting: number;
  close(): void;
}

/** Passes bytes to a port of this machine, and cuts. */
export async function openProxy(target: number, random: Random): Promise<Proxy> {
  const proxy = { cutting: 0 };
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(target, "127.0.0.1");
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on("error", end);
      from.on("close", () => {
        sockets.delete(from);
        end();
      });
      from.on("data", (bytes: Buffer) => (proxy.cutting > 0 && random.chance(proxy.cutting) ? end() : to.write(bytes)));
    }
  });
  const port = await listening(server);
  return Object.assign(proxy, {
    port,
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  });
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
