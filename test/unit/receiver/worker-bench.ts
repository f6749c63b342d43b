/** A sink's worker with a real inbox, a clock that the test moves and a sink that answers from a list. */
import { afterEach, beforeEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakeClock, type FakeClock } from "../../../src/lib/clock.ts";
import { silentLogger } from "../../../src/lib/log.ts";
import { openInbox, type Inbox } from "../../../src/receiver/inbox.ts";
import { keyHash } from "../../../src/receiver/identity.ts";
import { findDelivery } from "../../../src/receiver/listing.ts";
import type { SendOutcome, SendResult, Sink, SinkName, SinkRetry } from "../../../src/receiver/sink.ts";
import { startWorker, type Worker, type WorkerOptions } from "../../../src/receiver/worker.ts";

let dir: string;
/** Of the running test. */
export const world = {} as { inbox: Inbox; clock: FakeClock };
const workers: Worker[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "ah-worker-"));
  world.clock = fakeClock();
  world.inbox = openInbox(join(dir, "inbox.db"), ["discord", "openclaw"], world.clock.now());
});
afterEach(async () => {
  const stopped = workers.splice(0).map((worker) => worker.stop(0));
  world.clock.advance(0);
  await Promise.all(stopped);
  world.inbox.close();
  rmSync(dir, { recursive: true });
});

export const RETRY: SinkRetry = {
  delaysMs: [1000, 2000, 5000],
  maxTries: 6,
  giveUpAfterMs: 3_600_000,
  stepAsideAfter: 4,
  slowMs: 60_000,
  gapMs: 0,
};

export interface Played extends Sink {
  readonly sent: string[];
}

/** A sink that answers from a list, then delivers. */
export function playedSink(
  name: SinkName,
  answers: (SendOutcome | SendResult | "hang")[],
  change: Partial<Sink> = {},
): Played {
  const sent: string[] = [];
  return {
    name,
    retry: RETRY,
    lookAhead: 1,
    choose: (waiting) => waiting.slice(0, 1),
    async send(batch, signal) {
      sent.push(batch.map((delivery) => delivery.event.agentId).join("+"));
      const answer = answers.shift() ?? { type: "delivered", detail: "" };
      if (answer === "hang") {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        return { outcome: { type: "retry", reason: "aborted" } };
      }
      return "outcome" in answer ? answer : { outcome: answer };
    },
    probe: async () => [],
    sent,
    ...change,
  };
}

export function start(sink: Sink, more: Partial<WorkerOptions> = {}): Worker {
  const worker = startWorker({
    sink,
    ...world,
    log: silentLogger,
    random: () => 0,
    scrub: (text) => text.replaceAll("s3cret", "[redacted]"),
    ...more,
  });
  workers.push(worker);
  return worker;
}

export async function accept(...names: string[]): Promise<void> {
  for (const name of names) {
    const body = JSON.stringify({
      event: "agent_completed",
      project: "p",
      agentId: name,
      provider: "x",
      status: "idle",
      lastMessage: null,
      timestamp: "2026-01-01T00:00:00Z",
    });
    await world.inbox.accept({
      key: `id ${name}`,
      hash: keyHash(`id ${name}`),
      receivedMs: world.clock.now(),
      event: "agent_completed",
      project: "p",
      agentId: name,
      body,
    });
  }
  for (const worker of workers) worker.wake();
}

/** Lets everything run that waits for no world.clock. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}
export async function pass(ms: number): Promise<void> {
  world.clock.advance(ms);
  await settle();
}
export const state = (name: string, sink: SinkName) => findDelivery(world.inbox.store, name)?.sinks[sink];
export const down: SendOutcome = { type: "retry", reason: "down" };
