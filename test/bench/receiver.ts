/** The receiver against Debian's `webhook` that runs /bin/true, on the same payload; and what a kill -9 costs it. */
import { Database } from "bun:sqlite";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import { generator, requestsPerSecond } from "./load.ts";
import type { Claim } from "./row.ts";
import { median } from "./row.ts";
import { freePort } from "./world.ts";
import type { Measurement, Served, Skipped, World } from "./world.ts";

const ROUNDS = 5;
const SECONDS = 1;
const CONNECTIONS = 32;
const SENDERS = 16;
const BODY = JSON.stringify({
  event: "agent_completed",
  project: "lumen-fix-123",
  agentId: "a3f2b1c0",
  provider: "claude-code",
  status: "idle",
  lastMessage: "The login test was flaky because two clocks were compared. I pass one clock in now; 412 tests pass.",
  timestamp: "2026-02-18T10:00:00.000Z",
});
const HEADERS = { "Content-Type": "application/json", Authorization: "Bearer bench-token" };

export const receiver: Measurement = async (world) => {
  const stateDir = world.folder("receiver");
  return [await faster(world, stateDir), await nothingLost(world, stateDir)];
};

async function faster(world: World, stateDir: string): Promise<Claim | Skipped> {
  const row = { what: `webhooks accepted/s, ${generator()}`, must: "more than webhook running /bin/true" };
  if (Bun.which("webhook") === null) return { ...row, skipped: "no `webhook` in PATH: apt-get install webhook" };
  // Started for each round alone: webhook answers first and runs its commands later, in the time of whoever comes next.
  const rate = async (start: () => Promise<Served>, path: string, round: number): Promise<number> => {
    const served = await start();
    const post = { body: BODY, headers: HEADERS, idPrefix: `round-${round}-` };
    const perSecond = await requestsPerSecond(world, {
      url: `${served.url}${path}`,
      seconds: SECONDS,
      connections: CONNECTIONS,
      post,
    });
    await served.kill();
    return perSecond;
  };
  const rounds: { ours: number; theirs: number }[] = [];
  for (let n = 0; n < ROUNDS; n++) {
    const theirs = await rate(() => startWebhook(world), "/hooks/true", n);
    rounds.push({ theirs, ours: await rate(() => startReceiver(world, stateDir), "/harness-webhook", n) });
  }
  const ratio = median(rounds.map((round) => round.ours / round.theirs));
  const [mine, other] = [median(rounds.map((round) => round.ours)), median(rounds.map((round) => round.theirs))];
  return {
    ...row,
    measured: `${ratio.toFixed(1)} x (${Math.round(mine)}/s, webhook ${Math.round(other)}/s)`,
    fine: ratio > 1,
  };
}

/**
 * Sends until the receiver is killed in the middle of it; what was answered 202 must be in the inbox of the next one.
 */
async function nothingLost(world: World, stateDir: string): Promise<Claim> {
  const first = await startReceiver(world, stateDir);
  const accepted: string[] = [];
  let dead = false;
  const send = async (sender: number): Promise<void> => {
    for (let n = 0; !dead; n++) {
      const id = `kill-${sender}-${n}`;
      try {
        const response = await fetch(`${first.url}/harness-webhook`, {
          method: "POST",
          headers: { ...HEADERS, "webhook-id": id },
          body: BODY,
        });
        if (response.status === 202) accepted.push(id);
      } catch {
        return; // killed
      }
    }
  };
  const senders = Array.from({ length: SENDERS }, (_, sender) => send(sender));
  await eventually("some webhooks to be accepted", () => accepted.length >= 1000);
  await first.kill("SIGKILL");
  dead = true;
  await Promise.all(senders);
  const second = await startReceiver(world, stateDir);
  await second.kill("SIGTERM");
  const inbox = new Database(join(stateDir, "inbox.db"), { readonly: true });
  const stored = new Set(
    inbox
      .query<{ key: string }, []>("SELECT key FROM inbox")
      .all()
      .map(({ key }) => key),
  );
  inbox.close();
  const lost = accepted.filter((id) => !stored.has(`id ${id}`)).length;
  return {
    what: "accepted webhooks lost over kill -9",
    measured: `${lost} of ${accepted.length}`,
    must: "0",
    fine: lost === 0,
  };
}

async function startReceiver(world: World, stateDir: string): Promise<Served> {
  const file = join(stateDir, "receiver.json");
  const port = freePort();
  writeFileSync(file, JSON.stringify({ port, stateDir, token: "bench-token", logLevel: "error" }));
  return await startOn(world, port, "/health", [world.receiver, "serve", "--config", file]);
}

/** Answers at once and runs the command beside it, as it does by default. */
async function startWebhook(world: World): Promise<Served> {
  const file = join(world.dir, "hooks.json");
  const bearer = {
    match: { type: "value", value: "Bearer bench-token", parameter: { source: "header", name: "Authorization" } },
  };
  writeFileSync(
    file,
    JSON.stringify([{ id: "true", "execute-command": "/bin/true", "http-methods": ["POST"], "trigger-rule": bearer }]),
  );
  const port = freePort();
  return await startOn(world, port, "/", ["webhook", "-hooks", file, "-ip", "127.0.0.1", "-port", String(port)]);
}

async function startOn(world: World, port: number, path: string, argv: readonly string[]): Promise<Served> {
  const served = world.start(argv, `http://127.0.0.1:${port}`);
  await eventually(`${argv[0]} to answer`, () =>
    fetch(`${served.url}${path}`).then(
      () => true,
      () => false,
    ),
  );
  return served;
}
