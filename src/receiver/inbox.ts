/**
 * The inbox: every accepted webhook, and for each sink what became of it. A send is marked before it goes out and
 * recorded after, so that after a crash it is known which posts may have been made twice.
 */
import { CLOCK_SPANS } from "../store/age.ts";
import { openSqlite, type Store } from "../store/sqlite.ts";
import { shortId } from "./identity.ts";
import { createGroupCommit } from "../store/group-commit.ts";
import { readEvent } from "./event.ts";
import type { Delivery, SinkName } from "./sink.ts";

/** `sending` is only seen between mark and record. */
export type SendState = "pending" | "sending" | "delivered" | "dead";

const STEPS: readonly string[] = [
  `CREATE TABLE inbox (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, hash INTEGER NOT NULL, key TEXT NOT NULL, received_at INTEGER NOT NULL,
    event TEXT NOT NULL, project TEXT NOT NULL, agent TEXT NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE INDEX inbox_by_hash ON inbox (hash);
  CREATE TABLE sends (
    sink TEXT NOT NULL, seq INTEGER NOT NULL REFERENCES inbox(seq) ON DELETE CASCADE, state TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, first_at INTEGER, next_at INTEGER NOT NULL, batch INTEGER,
    interrupted INTEGER NOT NULL DEFAULT 0, reason TEXT, settled_at INTEGER,
    PRIMARY KEY (seq, sink)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX sends_open ON sends (sink, state, seq) WHERE state <> 'delivered';`,
  // What was waited is counted, not read off a clock that may be set. `notes`: what a sink must not forget.
  `ALTER TABLE sends ADD COLUMN delay_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE sends ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;
  UPDATE sends SET delay_ms = 3600000, waited_ms = max(0, next_at - first_at) WHERE state = 'pending' AND first_at IS NOT NULL;
  ALTER TABLE sends DROP COLUMN first_at;
  CREATE TABLE notes (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;`,
  CLOCK_SPANS,
];
/** The planner uses the partial index only when its condition stands in the query. */
const OPEN = "state <> 'delivered'";
const DUE = "seq, next_at, tries, waited_ms, batch";

/** In pages of 4 KiB. Checkpointing after every 4 MiB, the default, cost a fifth of the throughput. */
const CHECKPOINT_PAGES = 8000;

export interface NewWebhook {
  /** What makes two webhooks the same. */
  readonly key: string;
  /**
   * 52 bits of it: what is indexed, because an index of long random keys touches a page per webhook at every commit.
   */
  readonly hash: number;
  readonly receivedMs: number;
  readonly event: string;
  readonly project: string;
  readonly agentId: string;
  readonly body: string;
}

export interface Due {
  readonly atMs: number;
  readonly seq: number;
  readonly tries: number;
  readonly waitedMs: number;
  /** Deliveries that were once sent together are sent together again. */
  readonly batch: number | null;
  /** The head of the line is not due yet: what arrives now stands behind it and changes nothing. */
  readonly blocked: boolean;
}

export interface SendRecord {
  readonly state: Exclude<SendState, "sending">;
  readonly reason: string | null;
  /** Until the next try. */
  readonly delayMs: number;
  /** The try was no try: the other side did not look at it. */
  readonly free: boolean;
}

interface DueRow {
  readonly seq: number;
  readonly next_at: number;
  readonly tries: number;
  readonly waited_ms: number;
  readonly batch: number | null;
}

export interface Inbox {
  readonly store: Store;
  accept(webhook: NewWebhook): Promise<{ readonly duplicate: boolean }>;
  /**
   * The next delivery of a sink, due or not. Oldest first; those that failed `stepAsideAfter` times only stand in line
   * by their time.
   */
  next(sink: SinkName, nowMs: number, stepAsideAfter: number): Due | null;
  /** This one, when it waits, due or not. */
  waiting(sink: SinkName, seq: number): Due | null;
  /** A younger one was delivered: the way is clear, what fails now fails for a reason of its own. */
  wasPassed(sink: SinkName, seq: number): boolean;
  /** The wall clock was set back: what waits keeps its distance. */
  shift(sink: SinkName, byMs: number): Promise<void>;
  /** What may go out with `due`, itself included, in order. */
  candidates(sink: SinkName, due: Due, limit: number): readonly Delivery[];
  markSending(sink: SinkName, seqs: readonly number[]): Promise<void>;
  record(sink: SinkName, seqs: readonly number[], record: SendRecord, nowMs: number): Promise<void>;
  /** What a sink must not forget. */
  note(key: string): string | null;
  setNote(key: string, value: string | null): void;
  count(sink: SinkName, state: "pending" | "sending" | "dead"): number;
  /** Due now for these sinks, from the beginning; what is on its way at this moment stays as it is. */
  redeliver(seq: number, sinks: readonly SinkName[], nowMs: number): Promise<void>;
  /** One transaction of forgetting what is older; true when there may be more. */
  prune(olderThanMs: number, nowMs: number): Promise<boolean>;
  close(): void;
}

export function openInbox(path: string, sinks: readonly SinkName[], nowMs: number): Inbox {
  const store = openSqlite(path, STEPS);
  const { run, get, all } = store;
  store.db.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  const group = createGroupCommit(store);
  store.transact(() => {
    // Whoever died between sending and recording leaves `sending` behind: it must go out again, and may be a double.
    run(
      `UPDATE sends SET state = 'pending', next_at = 0, interrupted = interrupted + 1 WHERE state = 'sending' AND ${OPEN}`,
    );
    // No wait is longer than it was made: a stored time further ahead is of a clock that was wrong.
    run(
      `UPDATE sends SET next_at = ?1 + delay_ms WHERE state = 'pending' AND ${OPEN} AND next_at > ?1 + delay_ms`,
      nowMs,
    );
  });
  let pruneAfter = 0;

  return {
    store,
    accept: ({ key, hash, receivedMs, event, project, agentId, body }) =>
      group.write(() => {
        if (get("SELECT seq FROM inbox WHERE hash = ? AND key = ?", hash, key)) return { duplicate: true };
        const { lastId } = run(
          "INSERT INTO inbox (hash, key, received_at, event, project, agent, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
          ...[hash, key, receivedMs, event, project, agentId, body],
        );
        for (const sink of sinks) {
          run("INSERT INTO sends (sink, seq, state, next_at) VALUES (?, ?, 'pending', ?)", sink, lastId, receivedMs);
        }
        return { duplicate: false };
      }),

    next(sink, nowMs, stepAsideAfter) {
      const inLine = `SELECT ${DUE} FROM sends WHERE sink = ? AND state = 'pending' AND ${OPEN}`;
      const head = get<DueRow>(`${inLine} AND tries < ? ORDER BY seq LIMIT 1`, sink, stepAsideAfter);
      if (head && head.next_at <= nowMs) return toDue(head, false);
      const aside = get<DueRow>(`${inLine} AND tries >= ? ORDER BY next_at LIMIT 1`, sink, stepAsideAfter);
      const first = head && aside ? (aside.next_at < head.next_at ? aside : head) : (head ?? aside);
      return first && toDue(first, head !== null);
    },

    waiting(sink, seq) {
      const row = get<DueRow>(`SELECT ${DUE} FROM sends WHERE sink = ? AND seq = ? AND state = 'pending'`, sink, seq);
      return row && toDue(row, false);
    },

    wasPassed: (sink, seq) =>
      get("SELECT 1 FROM sends WHERE sink = ? AND seq > ? AND state = 'delivered' LIMIT 1", sink, seq) !== null,

    shift: (sink, byMs) =>
      group.write(
        () =>
          void run(
            `UPDATE sends SET next_at = max(0, next_at + ?) WHERE sink = ? AND state = 'pending' AND ${OPEN}`,
            byMs,
            sink,
          ),
      ),

    candidates(sink, due, limit) {
      const together =
        due.batch === null ? "sends.batch IS NULL AND sends.tries = 0 AND sends.seq >= ?" : "sends.batch = ?";
      const rows = all<{ seq: number; hash: number; body: string }>(
        `SELECT inbox.seq, inbox.hash, inbox.body FROM sends JOIN inbox USING (seq) WHERE sink = ? AND state = 'pending' AND ${OPEN} AND ${together} ORDER BY seq LIMIT ?`,
        ...[sink, due.batch ?? due.seq, limit],
      );
      return rows.map(({ seq, hash, body }) => ({ seq, id: shortId(hash), event: storedEvent(body) }));
    },

    markSending: (sink, seqs) =>
      group.write(() => {
        for (const seq of seqs) {
          run(
            "UPDATE sends SET state = 'sending', tries = tries + 1, batch = coalesce(batch, ?) WHERE seq = ? AND sink = ?",
            ...[seqs[0] ?? seq, seq, sink],
          );
        }
      }),

    record: (sink, seqs, { state, reason, delayMs, free }, nowMs) =>
      group.write(() => {
        for (const seq of seqs) {
          run(
            `UPDATE sends SET state = ?, reason = ?, next_at = ?, delay_ms = ?, waited_ms = waited_ms + ?, tries = tries - ?,
               settled_at = ? WHERE seq = ? AND sink = ? AND state = 'sending'`,
            ...[state, reason, nowMs + delayMs, delayMs, free ? 0 : delayMs, free ? 1 : 0],
            ...[state === "pending" ? null : nowMs, seq, sink],
          );
        }
      }),

    note: (key) => get<{ value: string }>("SELECT value FROM notes WHERE key = ?", key)?.value ?? null,

    setNote(key, value) {
      if (value === null) run("DELETE FROM notes WHERE key = ?", key);
      else
        run(
          "INSERT INTO notes (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
          key,
          value,
        );
    },

    count: (sink, state) =>
      get<{ n: number }>(`SELECT count(*) AS n FROM sends WHERE sink = ? AND state = ? AND ${OPEN}`, sink, state)?.n ??
      0,

    redeliver: (seq, to, nowMs) =>
      group.write(() => {
        for (const sink of to) {
          run(
            `INSERT INTO sends (sink, seq, state, next_at) VALUES (?, ?, 'pending', ?)
             ON CONFLICT (seq, sink) DO UPDATE SET state = 'pending', tries = 0, delay_ms = 0, waited_ms = 0, batch = NULL, next_at = excluded.next_at, settled_at = NULL
             WHERE sends.state <> 'sending'`,
            ...[sink, seq, nowMs],
          );
        }
      }),

    prune: (olderThanMs, nowMs) =>
      group.write(() => {
        const rows = all<{ seq: number; received_at: number }>(
          "SELECT seq, received_at FROM inbox WHERE seq > ? ORDER BY seq LIMIT 200",
          pruneAfter,
        );
        const old = rows.filter((row) => row.received_at < olderThanMs);
        for (const { seq } of old) {
          run(
            "UPDATE sends SET state = 'dead', reason = 'expired: not sent within the retention', settled_at = ? WHERE seq = ? AND state = 'pending'",
            nowMs,
            seq,
          );
          run(
            "DELETE FROM inbox WHERE seq = ? AND NOT EXISTS (SELECT 1 FROM sends WHERE sends.seq = inbox.seq AND (settled_at IS NULL OR settled_at >= ?))",
            ...[seq, olderThanMs],
          );
        }
        const more = rows.length === 200 && old.length === 200;
        pruneAfter = more ? (old.at(-1)?.seq ?? 0) : 0;
        return more;
      }),

    close() {
      group.flush();
      store.close();
    },
  };
}

function toDue(row: DueRow, blocked: boolean): Due {
  return { atMs: row.next_at, seq: row.seq, tries: row.tries, waitedMs: row.waited_ms, batch: row.batch, blocked };
}

/** Bodies are checked before they are stored; a failure here is a bug of ours and must be loud. */
function storedEvent(body: string): Delivery["event"] {
  const read = readEvent(JSON.parse(body) as unknown);
  if (!read.ok) throw new TypeError(`a stored webhook is no longer readable: ${read.issues[0]?.message ?? ""}`);
  return read.event;
}
