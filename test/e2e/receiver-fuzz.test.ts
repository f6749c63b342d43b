/** 10 000 mutated webhooks: only a 2xx or a 4xx, never a crash, memory flat, and what was taken makes a legal post. */
import { beforeAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { startFakeDiscord } from "../fakes/discord.ts";
import { event, makeBox, receiverBinary, until } from "./receiver-helpers.ts";
import { seedOf, seeded } from "../support/random.ts";

const BODIES = 10_000;
const WARM_UP = 3000;

beforeAll(async () => void (await receiverBinary()), 60_000);

const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  "",
  " ",
  "x".repeat(5000),
  "🎉".repeat(3000),
  "\ud800",
  "\u0000\u001b[31m",
  "```",
  "@everyone <@1>",
  [],
  [[]],
  {},
  { a: 1 },
  "2026-13-45T99:99:99Z",
  "agent_error",
  "agent_waiting_input",
  "__proto__",
  "\u202e",
];
const KEYS = [
  ...Object.keys(event),
  "name",
  "error",
  "turns",
  "turnId",
  "permission",
  "metadata",
  "truncated",
  "__proto__",
  "constructor",
  "toString",
  "neu",
];

function mutate(random: () => number): { body: Uint8Array; headers: Record<string, string> } {
  const pick = <T>(from: readonly T[]): T => {
    const one = from[Math.floor(random() * from.length)];
    if (one === undefined) throw new Error("nothing to pick from");
    return one;
  };
  const value: Record<string, unknown> = {
    ...event,
    timestamp: new Date(1.7e12 + random() * 1e11).toISOString(),
    lastMessage: String(random()),
  };
  const headers: Record<string, string> = { "Content-Type": "application/json" };
  const odd = (): unknown => (random() < 0.1 ? null : ODD[Math.floor(random() * ODD.length)]);
  for (let i = Math.floor(random() * 4); i > 0; i--) {
    const key = pick(KEYS);
    const choice = random();
    if (choice < 0.2) delete value[key];
    else if (choice < 0.7)
      Object.defineProperty(value, key, { value: odd(), enumerable: true, configurable: true, writable: true });
    else
      Object.defineProperty(value, key, {
        value: { [pick(KEYS)]: odd(), title: odd(), k: odd(), message: odd() },
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  let bytes = new TextEncoder().encode(JSON.stringify(value));
  for (let i = random() < 0.4 ? Math.floor(random() * 5) + 1 : 0; i > 0; i--) {
    const at = Math.floor(random() * bytes.length);
    const choice = random();
    if (choice < 0.4) bytes[at] = Math.floor(random() * 256);
    else if (choice < 0.6) bytes = bytes.slice(0, at);
    else if (choice < 0.8)
      bytes = new Uint8Array([
        ...bytes.slice(0, at),
        ...Array.from({ length: 8 }, () => Math.floor(random() * 256)),
        ...bytes.slice(at),
      ]);
    else bytes = new Uint8Array([...bytes, ...bytes.slice(at)]);
  }
  if (random() < 0.01) bytes = new TextEncoder().encode(pick(["[", '{"a":', '"'] as const).repeat(20_000));
  if (random() < 0.01) bytes = new Uint8Array(256 * 1024 + Math.floor(random() * 3) - 1).fill(0x20);
  if (random() < 0.05)
    headers["Content-Type"] = pick([
      "text/plain",
      "application/json; charset=utf-16",
      "application/json;charset=UTF-8",
      "multipart/form-data",
    ]);
  if (random() < 0.05) headers["webhook-id"] = pick(["x".repeat(300), "a b", "ok-1", `id-${random()}`]);
  if (random() < 0.03) headers["Content-Encoding"] = pick(["gzip", "identity", "br"]);
  return { body: bytes, headers };
}

const rssMb = (pid: number): number => Number(readFileSync(`/proc/${pid}/statm`, "latin1").split(" ")[1]) / 256;

test(`${BODIES} mutated bodies`, async () => {
  const seed = seedOf("fuzz of the receiver");
  const random = seeded(seed);
  const box = makeBox();
  const discord = startFakeDiscord();
  try {
    box.configure({ discord: { webhookUrl: discord.webhookUrl, allowOtherHost: true } });
    const receiver = await box.start();
    const answers = new Map<number, number>();
    const accepted = new Set<string>();
    const sendUpTo = async (count: number): Promise<void> => {
      for (let sent = 0; sent < count; sent += 8) {
        await Promise.all(
          Array.from({ length: Math.min(8, count - sent) }, async () => {
            const { body, headers } = mutate(random);
            const response = await fetch(`${receiver.url}/harness-webhook`, { method: "POST", headers, body });
            const text = await response.text();
            answers.set(response.status, (answers.get(response.status) ?? 0) + 1);
            const json = JSON.parse(text);
            if (response.status === 202) accepted.add(json.id);
            else if (response.status !== 200 && !(typeof json.error === "string" && json.message.length > 10))
              throw new Error(`an answer without words: ${response.status} ${text}`);
          }),
        );
      }
    };
    await sendUpTo(WARM_UP);
    const warmMb = rssMb(receiver.pid);
    await sendUpTo(BODIES - WARM_UP);
    const endMb = rssMb(receiver.pid);
    console.log(
      `fuzz (seed ${seed}): ${JSON.stringify(Object.fromEntries([...answers].sort()))}, RSS ${warmMb.toFixed(0)} → ${endMb.toFixed(0)} MB`,
    );

    const unexpected = [...answers.keys()].filter(
      (status) => ![200, 202].includes(status) && (status < 400 || status >= 500),
    );
    expect([`seed ${seed}`, unexpected]).toEqual([`seed ${seed}`, []]);
    for (const status of [202, 400, 413, 415]) expect(answers.get(status) ?? 0).toBeGreaterThan(0);
    expect(endMb - warmMb).toBeLessThan(40);
    await until(
      "every accepted one to be posted",
      async () => {
        const { stored, sinks } = (await (await fetch(`${receiver.url}/health`)).json()) as {
          stored: number;
          sinks: { discord: { pending: number; dead: number } };
        };
        expect([`seed ${seed}`, sinks.discord.dead, stored]).toEqual([`seed ${seed}`, 0, accepted.size]);
        return sinks.discord.pending === 0;
      },
      60_000,
    );
    expect(discord.posts).toHaveLength(accepted.size);
    expect(discord.posts.every((post) => post.payload.embeds !== undefined)).toBe(true);
    expect(
      receiver
        .log()
        .split("\n")
        .filter((line) => line.includes(`"level":"error"`)),
    ).toEqual([]);
    expect(await receiver.end("SIGTERM")).toBe(0);
  } finally {
    await box.close();
    discord.stop();
  }
}, 180_000);
