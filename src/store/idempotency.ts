/** Answers kept under an `Idempotency-Key`, so that a client that never saw its 201 or 202 can ask again. */
import { HarnessError } from "../lib/errors.ts";
import type { Store } from "./database.ts";

export const IDEMPOTENCY_TTL_MS = 24 * 60 * 60 * 1000;

export interface KeptAnswer {
  /** null: it was begun, and nobody knows how it ended. */
  readonly status: number | null;
  /** JSON text; empty: there is none. */
  readonly answer: string;
}

interface KeyOf {
  readonly scope: string;
  readonly key: string;
  readonly hash: string;
}

interface Ended {
  readonly status: number;
  readonly answer: string;
  readonly input: number | null;
  readonly agent: string | null;
}

/** What stands for the status of what was begun. */
const BEGUN = 0;

/** Keys of inputs go with their agent; those that made agents outlive it, and go with their project. */
export const inputScope = (agent: string): string => `input ${agent}`;
export const createScope = (project: string): string => `create ${project}`;

/** Throws IDEMPOTENCY_MISMATCH when the key was used with another body. */
export function keptAnswer(store: Store, scope: string, key: string, bodyHash: string): KeptAnswer | null {
  const row = store.get<{ body_hash: string; status: number; answer: string }>(
    "SELECT body_hash, status, answer FROM idempotency WHERE scope = ? AND key = ?",
    scope,
    key,
  );
  if (row === null) return null;
  if (row.body_hash !== bodyHash) {
    throw new HarnessError(
      "IDEMPOTENCY_MISMATCH",
      "this Idempotency-Key was used with another body: use a new key for a new request",
    );
  }
  return { status: row.status === BEGUN ? null : row.status, answer: row.answer };
}

const INSERT =
  "INSERT INTO idempotency (scope, key, body_hash, status, answer, input, agent, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

/** In the transaction of what the answer tells. `age` is the store's. */
export function keepAnswer(store: Store, kept: KeyOf & Ended, age: number): void {
  const { scope, key, hash, status, answer, input, agent } = kept;
  store.run(INSERT, scope, key, hash, status, answer, input, agent, age);
}

/** Before something is done that a rollback would not undo. */
export function beginAnswer(store: Store, { scope, key, hash }: KeyOf, age: number): void {
  store.run(INSERT, scope, key, hash, BEGUN, "", null, null, age);
}

export function endAnswer(store: Store, { scope, key }: KeyOf, { status, answer, agent }: Ended): void {
  store.run(
    "UPDATE idempotency SET status = ?, answer = ?, agent = ? WHERE scope = ? AND key = ?",
    status,
    answer,
    agent,
    scope,
    key,
  );
}

/** The project is gone: one of the same name is another. */
export function forgetCreateKeys(store: Store, project: string): void {
  store.run("DELETE FROM idempotency WHERE scope = ?", createScope(project));
}

/**
 * Old keys go, but never one whose input is still on its way: those made before the store was `age` old. One small
 * batch; returns how many went.
 */
export function pruneIdempotency(store: Store, age: number, limit: number): number {
  return store.run(
    `DELETE FROM idempotency WHERE (scope, key) IN (
       SELECT k.scope, k.key FROM idempotency k LEFT JOIN inputs i ON i.id = k.input
       WHERE k.created_at < ? AND (i.id IS NULL OR i.state IN ('ended', 'unknown', 'cancelled')) LIMIT ?)`,
    age,
    limit,
  ).changes;
}
