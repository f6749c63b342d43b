/** What the API shows of the inbox: deliveries with the state of each sink, newest first. Reads only. */
import type { Store } from "../store/sqlite.ts";
import { tryJson } from "../lib/json.ts";
import { hashRange, keyHash, shortId, webhookIdOf, webhookKey } from "./identity.ts";
import type { SendState } from "./inbox.ts";

export interface SendView {
  readonly state: SendState;
  readonly tries: number;
  /** Why the last try failed. */
  readonly reason: string | null;
  readonly nextAttemptAt: string | null;
  readonly settledAt: string | null;
  /** How often the receiver died between sending and recording: so often it may have been sent twice. */
  readonly interrupted: number;
}

export interface DeliveryView {
  readonly id: string;
  /** Order of arrival; the cursor for `before`. */
  readonly seq: number;
  readonly receivedAt: string;
  /** The sender's `webhook-id`, when it gave one. */
  readonly webhookId: string | null;
  readonly event: string;
  readonly project: string;
  readonly agentId: string;
  readonly sinks: Readonly<Record<string, SendView>>;
}

export interface ListFilter {
  readonly state: SendState | null;
  readonly sink: string | null;
  readonly before: number | null;
  readonly limit: number;
}

interface InboxRow {
  readonly seq: number;
  readonly hash: number;
  readonly key: string;
  readonly received_at: number;
  readonly event: string;
  readonly project: string;
  readonly agent: string;
}

interface SendRow {
  readonly sink: string;
  readonly state: SendState;
  readonly tries: number;
  readonly next_at: number;
  readonly interrupted: number;
  readonly reason: string | null;
  readonly settled_at: number | null;
}

const COLUMNS = "seq, hash, key, received_at, event, project, agent";

export function listDeliveries(store: Store, { state, sink, before, limit }: ListFilter): readonly DeliveryView[] {
  const rows = store.all<InboxRow>(
    `SELECT ${COLUMNS} FROM inbox WHERE seq < ?1 AND ((?2 IS NULL AND ?3 IS NULL) OR EXISTS
       (SELECT 1 FROM sends WHERE sends.seq = inbox.seq AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR sink = ?3)))
     ORDER BY seq DESC LIMIT ?4`,
    ...[before ?? Number.MAX_SAFE_INTEGER, state, sink, limit],
  );
  return rows.map((row) => view(store, row));
}

/** By short id (the newest, should two share one) or by the sender's `webhook-id`. */
export function findDelivery(store: Store, id: string): (DeliveryView & { readonly body: unknown }) | null {
  const key = webhookKey(id, new Uint8Array());
  const hash = keyHash(key);
  const { from, to } = hashRange(id) ?? { from: 0, to: 0 };
  const row = store.get<InboxRow & { body: string }>(
    `SELECT ${COLUMNS}, body FROM inbox WHERE (hash = ? AND key = ?) OR (hash >= ? AND hash < ?) ORDER BY seq DESC LIMIT 1`,
    ...[hash, key, from, to],
  );
  return row && { ...view(store, row), body: tryJson(row.body) };
}

export function countStored(store: Store): number {
  return store.get<{ n: number }>("SELECT count(*) AS n FROM inbox")?.n ?? 0;
}

function view(store: Store, row: InboxRow): DeliveryView {
  const sends = store.all<SendRow>(
    "SELECT sink, state, tries, next_at, interrupted, reason, settled_at FROM sends WHERE seq = ? ORDER BY sink",
    row.seq,
  );
  return {
    id: shortId(row.hash),
    seq: row.seq,
    receivedAt: new Date(row.received_at).toISOString(),
    webhookId: webhookIdOf(row.key),
    event: row.event,
    project: row.project,
    agentId: row.agent,
    sinks: Object.fromEntries(sends.map((send) => [send.sink, sendView(send)])),
  };
}

function sendView(row: SendRow): SendView {
  const { state, tries, reason, interrupted } = row;
  return {
    state,
    tries,
    reason,
    nextAttemptAt: state === "pending" ? new Date(row.next_at).toISOString() : null,
    settledAt: row.settled_at === null ? null : new Date(row.settled_at).toISOString(),
    interrupted,
  };
}
