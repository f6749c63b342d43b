/**
 * Attack table: clients that are slow, many, greedy or dead, against the compiled daemon. Whatever they do, health
 * answers at once, memory stays where it was, and an agent that works goes on working.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { Api } from "../../support/api.ts";
import { eventually } from "../../support/api.ts";
import type { Box } from "../../support/binary.ts";
import { makeBox } from "../../support/binary.ts";

const TOKEN = "right";
const AUTH = `Authorization: Bearer ${TOKEN}\r\n`;
let box: Box;
let api: Api;
let port: number;
const sockets: Socket[] = [];

beforeAll(async () => {
  box = await makeBox({ providers: { sh: { kind: "command", command: ["/bin/sh", "-c", "echo done"] } } }, {}, TOKEN);
  api = await box.start();
  port = Number(new URL(api.url).port);
  await api.post("/projects", { name: "p", cwd: box.cwd });
  await api.post("/projects/p/agents", { provider: "sh", name: "quiet" });
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await box.close();
});

function open(first: string, onData?: (text: string) => void): Socket {
  const socket = connect(port, "127.0.0.1", () => socket.write(first));
  socket.on("error", () => undefined);
  if (onData === undefined) socket.pause();
  else socket.on("data", (bytes) => onData(bytes.toString("latin1")));
  sockets.push(socket);
  return socket;
}

/** Resident memory of the daemon. */
const rssMib = (): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${box.pid()}/status`, "utf8"))?.[1]) / 1024;

/** The box is loaded by other tests, too: told from the seconds that a hanging loop would take. */
async function isServing(): Promise<void> {
  const begun = performance.now();
  expect((await fetch(`${api.url}/healthz`)).status).toBe(200);
  expect(performance.now() - begun).toBeLessThan(5000);
  const { agent } = await api.post("/projects/p/agents", { provider: "sh", task: "go" });
  const path = `/projects/p/agents/${String(agent?.["id"])}`;
  const { agent: done } = await api.get(`${path}/wait?timeout=20`);
  expect(done?.["turn"] as unknown).toMatchObject({ outcome: "completed" });
  await api.call("DELETE", path);
}

/** Each gives sockets that stay, doing what they do, while the daemon has to serve others. */
const CROWDS: readonly (readonly [string, () => readonly Socket[]])[] = [
  ["150 that send half a head", () => many(150, () => open("GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-"))],
  [
    "50 that send a head byte by byte",
    () =>
      many(50, () => {
        const socket = open("G");
        const drip = setInterval(() => socket.write("X"), 500);
        socket.on("close", () => clearInterval(drip));
        return socket;
      }),
  ],
  [
    "50 that announce a body and send a byte of it",
    () =>
      many(50, () =>
        open(
          `POST /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 60000\r\n\r\n{`,
        ),
      ),
  ],
  [
    "50 that follow all events and read none",
    () => many(50, () => open(`GET /api/v1/events?since=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}\r\n`)),
  ],
  [
    "50 that wait for an hour each",
    () =>
      many(50, () =>
        open(
          `GET /api/v1/projects/p/agents/quiet/wait?until=error&timeout=3600 HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}\r\n`,
        ),
      ),
  ],
  [
    "20 that send a hundred requests each without waiting for an answer",
    () => many(20, () => open(`GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`.repeat(100))),
  ],
  [
    "200 wrong tokens at once",
    () =>
      many(200, (n) =>
        open(
          `GET /api/v1/agents HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer wrong${n}\r\n\r\n`,
          () => undefined,
        ),
      ),
  ],
  [
    "100 that send no HTTP at all",
    () => many(100, () => open(Buffer.from(crypto.getRandomValues(new Uint8Array(512))).toString("latin1"))),
  ],
  ["20 that send chunks without end", () => many(20, endlessChunks)],
];

function many(n: number, make: (n: number) => Socket): readonly Socket[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

function endlessChunks(): Socket {
  const chunk = `1000\r\n${"x".repeat(0x1000)}\r\n`;
  const socket = open(
    `POST /api/v1/projects/p/agents HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`,
    () => undefined,
  );
  const more = (): void => {
    if (!socket.destroyed) socket.write(chunk, () => setTimeout(more, 1));
  };
  socket.once("connect", more);
  return socket;
}

test.each(CROWDS)(
  "%s",
  async (_name, crowd) => {
    const before = rssMib();
    const present = crowd();
    await isServing();
    await isServing();
    for (const socket of present) socket.destroy();
    await eventually("memory to be where it was, or near", () => rssMib() < Math.max(before, 60) + 120);
  },
  60_000,
);

test("a request that is never finished is ended by us", async () => {
  const ended = await Promise.all(
    [
      "GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-",
      `POST /api/v1/projects HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
      "",
    ].map((text) => new Promise((resolve) => open(text, () => undefined).once("close", () => resolve(true)))),
  );
  expect(ended).toEqual([true, true, true]);
}, 60_000);

test("after all of it nothing of a stranger was stored, and the daemon ends in order", async () => {
  const { projects } = await api.get("/projects");
  expect([...(projects ?? [])].map((each) => String(each["name"]))).toEqual(["p"]);
  expect(await box.kill("SIGTERM")).toBe(0);
}, 60_000);
