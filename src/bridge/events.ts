/**
 * The server's event stream, followed for as long as the server lives: connects again after every break and says so,
 * because what happened in the gap must be asked for.
 */
import type { Clock } from "../lib/clock.ts";
import { pause } from "../lib/wait.ts";
import type { Client } from "./client.ts";
import { createEventReader } from "./event-reader.ts";

export interface Follow {
  /** The first connection stands. Rejects when it cannot be had. */
  readonly connected: Promise<void>;
  /** Stops reading; resolves when nothing more will be given out. */
  close(): Promise<void>;
}

export interface FollowOptions {
  readonly client: Client;
  readonly onEvent: (json: unknown) => void;
  /** A later connection stands. */
  readonly onAgain: () => void;
  readonly clock: Clock;
}

/** The server sends a heartbeat every 10 s. */
const SILENCE_MS = 35_000;
const FIRST_ATTEMPTS = 20;

export function followEvents({ client, onEvent, onAgain, clock }: FollowOptions): Follow {
  const { promise: connected, resolve, reject } = Promise.withResolvers<void>();
  let current = new AbortController();
  let closed = false;
  let connections = 0;

  async function connection(): Promise<void> {
    current = new AbortController();
    const stop = current;
    let silence = clock.setTimer(SILENCE_MS, () => stop.abort());
    try {
      const reader = createEventReader();
      for await (const bytes of await client.stream("/event", stop.signal)) {
        silence.cancel();
        silence = clock.setTimer(SILENCE_MS, () => stop.abort());
        for (const json of reader.push(bytes)) {
          // Only now does the server's subscription stand: from here on nothing is missed.
          if (isConnected(json)) {
            connections += 1;
            if (connections === 1) resolve();
            else onAgain();
          } else onEvent(json);
        }
      }
    } finally {
      silence.cancel();
    }
  }

  async function run(): Promise<void> {
    for (let failures = 0; !closed;) {
      const before = connections;
      try {
        await connection();
      } catch (error) {
        if (connections === 0 && failures >= FIRST_ATTEMPTS) return reject(error);
      }
      failures = connections > before ? 0 : failures + 1;
      if (!closed) await pause(clock, Math.min(2000, 100 * 2 ** Math.min(failures, 5)));
    }
  }

  const running = run();
  return {
    connected,
    async close() {
      closed = true;
      current.abort();
      await Promise.race([running, pause(clock, 500)]);
    },
  };
}

function isConnected(json: unknown): boolean {
  return typeof json === "object" && json !== null && "type" in json && json.type === "server.connected";
}
