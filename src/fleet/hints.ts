/**
 * Hints of the database that something is there to be read. Everything works without them, only later: each NOTIFY
 * wakes every listener of the database, so a large fleet polls, and behind a pooler a LISTEN hears nothing. Whether
 * it hears is tried, not believed.
 */
import type { Clock } from "../lib/clock.ts";
import { waitUntil } from "../lib/wait.ts";
import type { Ask, Database } from "./database.ts";
import { DatabaseAway } from "./database.ts";
import { numberOf } from "./values.ts";

export interface Hints {
  /** Something may have come: hinted, or because it is time to look. */
  onHint(listener: () => void): void;
  /** Are hints heard now? Without them it has to be looked more often. */
  readonly heard: boolean;
  /** The database knows us. */
  begin(): void;
  stop(): void;
}

export interface HintDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly pooler: boolean;
  /** The channel of this box. */
  readonly channel: () => string | null;
  readonly nonce: () => string;
}

/** More listeners than these cost the database more than polling. */
const MAX_LISTENERS = 64;
const TRIAL_MS = 2000;
const RETRY_MS = 5000;

export const channelOf = (schema: string, node: number): string => `${schema}_${node}`;

/** In the transaction of what is hinted at. The row is the message. */
export async function hint(ask: Ask, channel: string): Promise<void> {
  await ask("SELECT pg_notify($1, '')", channel);
}

export function createHints({ database, clock, pooler, channel, nonce }: HintDeps): Hints {
  const listeners = new Set<() => void>();
  let heard = false;
  let stopped = false;
  let trying = false;
  const tell = (): void => {
    for (const each of listeners) each();
  };

  const attempt = async (): Promise<void> => {
    const name = channel();
    if (name === null || stopped) return;
    const [row] = await database.ask(
      "SELECT count(*) AS n FROM ~heartbeats h, ~meta m WHERE h.seen_at > clock_timestamp() - m.lost_ms * interval '1 ms'",
    );
    if (numberOf(row, "n") > MAX_LISTENERS) return;
    let came = false;
    const trial = `${name}_${nonce()}`;
    await database.listen(name, tell);
    await database.listen(trial, () => (came = true));
    await database.ask("SELECT pg_notify($1, '')", trial);
    await waitUntil(clock, () => came || stopped, TRIAL_MS);
    heard = came && !stopped;
    if (heard) tell();
  };

  const begin = (): void => {
    if (pooler || trying || heard || stopped) return;
    trying = true;
    attempt()
      .catch((error: unknown) => {
        // Not allowed to listen, or gone again: it is polled meanwhile.
        if (error instanceof DatabaseAway) clock.setTimer(RETRY_MS, begin);
      })
      .finally(() => (trying = false));
  };
  database.onDrop(() => {
    heard = false;
    if (!stopped) clock.setTimer(RETRY_MS, begin);
  });

  return {
    onHint: (listener) => void listeners.add(listener),
    get heard() {
      return heard;
    },
    begin,
    stop: () => void (stopped = true),
  };
}
