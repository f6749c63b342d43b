/**
 * Clients that are slow, many, greedy or dead, against one port. Each crowd gives sockets that stay and do what they do
 * while the program has to serve others.
 */
import type { Socket } from "node:net";
import { connect } from "node:net";
import { readFileSync } from "node:fs";

export interface Crowds {
  /** A connection that writes this; without `onData` it reads nothing. */
  open(first: string, onData?: (text: string) => void): Socket;
  readonly all: readonly (readonly [string, () => readonly Socket[]])[];
  close(): void;
}

export interface Target {
  readonly port: () => number;
  /** A path that everybody may GET, one that needs the token, and one that takes a JSON body of any size. */
  readonly open: string;
  readonly closed: string;
  readonly post: string;
  /** With its line end. */
  readonly auth: string;
}

export function crowdsAt({ port, open: openPath, closed, post, auth }: Target): Crowds {
  const sockets: Socket[] = [];
  const host = "Host: 127.0.0.1\r\n";
  const head = `POST ${post} HTTP/1.1\r\n${host}${auth}Content-Type: application/json\r\n`;

  const open: Crowds["open"] = (first, onData) => {
    const socket = connect(port(), "127.0.0.1", () => socket.write(first, "latin1"));
    socket.on("error", () => undefined);
    if (onData === undefined) socket.pause();
    else socket.on("data", (bytes) => onData(bytes.toString("latin1")));
    sockets.push(socket);
    return socket;
  };

  const drip = (first: string, byte: string): Socket => {
    const socket = open(first);
    const timer = setInterval(() => socket.write(byte), 500);
    socket.on("close", () => clearInterval(timer));
    return socket;
  };

  const endlessChunks = (): Socket => {
    const chunk = `1000\r\n${"x".repeat(0x1000)}\r\n`;
    const socket = open(`${head}Transfer-Encoding: chunked\r\n\r\n`, () => undefined);
    const more = (): void => {
      if (!socket.destroyed) socket.write(chunk, () => setTimeout(more, 1));
    };
    socket.once("connect", more);
    return socket;
  };

  return {
    open,
    all: [
      ["150 that send half a head", () => many(150, () => open(`GET ${openPath} HTTP/1.1\r\n${host}X-`))],
      ["50 that send a head byte by byte", () => many(50, () => drip("G", "X"))],
      [
        "50 that announce a body and send a byte of it",
        () => many(50, () => open(`${head}Content-Length: 60000\r\n\r\n{`)),
      ],
      ["50 that send a body byte by byte", () => many(50, () => drip(`${head}Content-Length: 60000\r\n\r\n{`, " "))],
      [
        "50 that send a body byte by byte, and not who they are",
        () => many(50, () => drip(`${head.replace(auth, "")}Content-Length: 60000\r\n\r\n{`, " ")),
      ],
      [
        "20 that send a hundred requests each without waiting for an answer",
        () => many(20, () => open(`GET ${openPath} HTTP/1.1\r\n${host}\r\n`.repeat(100))),
      ],
      [
        "200 wrong tokens at once",
        () =>
          many(200, (n) =>
            open(`GET ${closed} HTTP/1.1\r\n${host}Authorization: Bearer wrong${n}\r\n\r\n`, () => undefined),
          ),
      ],
      [
        "100 that send no HTTP at all",
        () => many(100, () => open(Buffer.from(crypto.getRandomValues(new Uint8Array(512))).toString("latin1"))),
      ],
      [
        "100 that hang up in the middle of a body",
        () => many(100, () => open(`${head}Content-Length: 900\r\n\r\n{`).end()),
      ],
      ["20 that send chunks without end", () => many(20, endlessChunks)],
    ],
    close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

export function many(n: number, make: (n: number) => Socket): readonly Socket[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/** Resident memory of a process. */
export const rssMib = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
