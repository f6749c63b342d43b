/**
 * Attack table: clients that are slow, many, greedy or dead, against the compiled receiver; the daemon's own crowds,
 * and those who read nothing of what they ask for. Whatever they do, health answers at once, memory stays where it was,
 * and a webhook of the one who may is stored and posted.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { eventually } from "../../support/api.ts";
import type { FakeDiscord } from "../../fakes/discord.ts";
import { startFakeDiscord } from "../../fakes/discord.ts";
import type { RunningReceiver } from "../receiver-helpers.ts";
import { makeBox, postEvent, receiverBinary } from "../receiver-helpers.ts";
import { crowdsAt, many, rssMib } from "./crowds.ts";

const TOKEN = "right";
const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
const AUTH = `Authorization: Bearer ${TOKEN}\r\n`;
const box = makeBox();
let discord: FakeDiscord;
let receiver: RunningReceiver;
let sent = 0;
const crowds = crowdsAt({
  port: () => Number(new URL(receiver.url).port),
  open: "/health",
  closed: "/deliveries",
  post: "/harness-webhook",
  auth: AUTH,
});

beforeAll(async () => {
  await receiverBinary();
  discord = startFakeDiscord();
  discord.limit = null;
  box.configure({ token: TOKEN, secret: SECRET, discord: { webhookUrl: discord.webhookUrl, allowOtherHost: true } });
  receiver = await box.start();
}, 120_000);

afterAll(async () => {
  crowds.close();
  await box.close();
  discord.stop();
});

const health = async () =>
  (await (await fetch(`${receiver.url}/health`)).json()) as {
    readonly stored: number;
    readonly sinks: { readonly discord: { readonly pending: number } };
  };

/** Signed, as the daemon sends it. */
const send = (agentId: string): Promise<Response> =>
  postEvent(receiver.url, { agentId }, { id: `msg-${agentId}`, token: TOKEN, secret: SECRET });

/** The box is loaded by other tests, too: told from the seconds that a hanging loop would take. */
async function isServing(): Promise<void> {
  const begun = performance.now();
  await health();
  expect(performance.now() - begun).toBeLessThan(9000);
  expect((await send(`good${++sent}`)).status).toBe(202);
}

test.each([
  ...crowds.all,
  [
    "20 that ask for everything a hundred times and read nothing",
    () =>
      many(50, () => crowds.open(`GET /deliveries?limit=500 HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}\r\n`.repeat(100))),
  ] as const,
  [
    "50 that say they may, and sign nothing",
    () =>
      many(50, () =>
        crowds.open(
          `POST /harness-webhook HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 262144\r\n\r\n${" ".repeat(262_144)}`,
        ),
      ),
  ] as const,
])(
  "%s",
  async (_name, crowd) => {
    const before = rssMib(receiver.pid);
    const present = crowd();
    await isServing();
    await isServing();
    for (const socket of present) socket.destroy();
    await eventually("memory to be where it was, or near", () => rssMib(receiver.pid) < Math.max(before, 60) + 120);
  },
  60_000,
);

test("a thousand webhooks at once and each of them twice are stored once each", async () => {
  const { stored } = await health();
  const answers = new Map<number, number>();
  const flood = async (from: number): Promise<void> => {
    for (let n = from; n < 1000; n += 50) {
      for (const response of await Promise.all([send(`flood${n}`), send(`flood${n}`)])) {
        await response.text();
        answers.set(response.status, (answers.get(response.status) ?? 0) + 1);
      }
    }
  };
  await Promise.all([...Array.from({ length: 50 }, (_, from) => flood(from)), health()]);
  expect([...answers].sort()).toEqual([
    [200, 1000],
    [202, 1000],
  ]);
  expect((await health()).stored).toBe(stored + 1000);
}, 60_000);

test("a request that is never finished is ended by us", async () => {
  const ended = await Promise.all(
    [
      "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-",
      `POST /harness-webhook HTTP/1.1\r\nHost: 127.0.0.1\r\n${AUTH}Content-Type: application/json\r\nContent-Length: 9\r\n\r\n{`,
      "",
    ].map((text) => new Promise((resolve) => crowds.open(text, () => undefined).once("close", () => resolve(true)))),
  );
  expect(ended).toEqual([true, true, true]);
}, 60_000);

test("after all of it nothing of a stranger was stored or posted, and the receiver ends in order", async () => {
  expect((await health()).stored).toBe(sent + 1000);
  const strangers = discord.posts.filter(({ payload }) => !/good|flood/.test(JSON.stringify(payload)));
  expect(strangers).toEqual([]);
  const errors = receiver.log().split("\n");
  expect(errors.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  expect(await receiver.end("SIGTERM")).toBe(0);
}, 60_000);
