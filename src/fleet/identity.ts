/**
 * Who this box is in a fleet. It stands in the store, not in a file beside it: what is copied or restored is copied and
 * restored with it, so that two of one identity find out about each other.
 */
import type { Store } from "../store/database.ts";

export interface Identity {
  readonly uuid: string;
  /** Another one when the store was found to be an older copy of itself: its numbers may repeat. */
  readonly epoch: number;
  /** Of the daemon that joined last, and of those since that may have joined without hearing of it. */
  readonly sessions: readonly string[];
  /** Opens what was sealed for this box (PKCS #8, base64). */
  readonly privateKey: string;
  /** X25519, raw, base64. */
  readonly publicKey: string;
}

const read = (store: Store, key: string): string | null =>
  store.get<{ value: string }>("SELECT value FROM meta WHERE key = ?", `fleet.${key}`)?.value ?? null;

const write = (store: Store, key: string, value: string): void =>
  void store.run("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", `fleet.${key}`, value);

/** The one of this store; made when there is none. */
export async function identityOf(store: Store, newUuid: () => string): Promise<Identity> {
  if (read(store, "uuid") === null) {
    const { secret, open } = await newKeys();
    store.transact(() => {
      write(store, "uuid", newUuid());
      write(store, "epoch", "1");
      write(store, "key.secret", secret);
      write(store, "key.open", open);
    });
  }
  return {
    uuid: read(store, "uuid") ?? "",
    epoch: Number(read(store, "epoch")),
    sessions: sessionsOf(store),
    privateKey: read(store, "key.secret") ?? "",
    publicKey: read(store, "key.open") ?? "",
  };
}

async function newKeys(): Promise<{ readonly secret: string; readonly open: string }> {
  const pair = await crypto.subtle.generateKey({ name: "X25519" }, true, ["deriveBits"]);
  if (!("publicKey" in pair) || !("privateKey" in pair)) throw new Error("the runtime made one key instead of two");
  const { privateKey, publicKey } = pair as CryptoKeyPair; // both are there
  const [secret, open] = await Promise.all([
    crypto.subtle.exportKey("pkcs8", privateKey),
    crypto.subtle.exportKey("raw", publicKey),
  ]);
  return { secret: Buffer.from(secret).toString("base64"), open: Buffer.from(open).toString("base64") };
}

function sessionsOf(store: Store): readonly string[] {
  const stored: unknown = JSON.parse(read(store, "sessions") ?? "[]");
  return Array.isArray(stored) ? stored.filter((each) => typeof each === "string") : [];
}

/** So many starts may go by without one that joined. */
const SESSIONS_KEPT = 50;

/** Before the database is asked: whether it heard of us may never be known. */
export function addSession(store: Store, session: string): void {
  const sessions = [...sessionsOf(store), session].slice(-SESSIONS_KEPT);
  store.transact(() => write(store, "sessions", JSON.stringify(sessions)));
}

/** It joined: the ones before are over. */
export function keepSession(store: Store, session: string): void {
  store.transact(() => write(store, "sessions", JSON.stringify([session])));
}

export function saveEpoch(store: Store, epoch: number): void {
  store.transact(() => write(store, "epoch", String(epoch)));
}

/** How far the mirror got, as it was known last: what retention goes by while the database is away. */
export function saveMirrored(store: Store, id: number): void {
  store.transact(() => write(store, "mirrored", String(id)));
}

export const mirroredOf = (store: Store): number => Number(read(store, "mirrored") ?? 0);

/** The last beat of this node that the database was known to have; 0: it knew none. */
export const markOf = (store: Store): number => Number(read(store, "mark") ?? 0);

export function saveMark(store: Store, mark: number): void {
  store.transact(() => write(store, "mark", String(mark)));
}

/** The database was found to be an older one, and it does not know that yet. */
export const foundRestored = (store: Store): boolean => read(store, "restored") !== null;

/** Before the database hears of it: it is to hear of it, whoever dies meanwhile. */
export function noteRestored(store: Store): void {
  store.transact(() => write(store, "restored", "1"));
}

/** What it has now is what counts from here on. */
export function settleRestored(store: Store, mark: number): void {
  store.transact(() => {
    write(store, "mark", String(mark));
    store.run("DELETE FROM meta WHERE key = 'fleet.restored'");
  });
}
