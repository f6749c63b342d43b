/**
 * Rows of runs: one process of an agent each, with the read offset and the codec's state, which are stored together.
 */
import { toJson } from "../lib/json.ts";
import { aText, listOf, shapeOf } from "../lib/stored.ts";
import { fromColumn } from "./columns.ts";
import type { Store } from "./database.ts";

/**
 * A prompt line that was decided, but is not yet known to have reached the program whole; `id` names its spool file.
 */
export interface OutboxLine {
  readonly id: string;
  readonly line: string;
}

export interface Run {
  readonly agent: string;
  readonly n: number;
  readonly nonce: string;
  readonly state: "spawning" | "running" | "ended";
  readonly identity: unknown;
  readonly codec: unknown;
  readonly offset: number;
  readonly frames: number;
  readonly unknownFrames: number;
  readonly skippedLines: number;
  readonly version: string | null;
  readonly outbox: readonly OutboxLine[];
  readonly exitCode: number | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** Of its control group; null while it runs, and without one. */
  readonly cpuMs: number | null;
  readonly memoryPeakBytes: number | null;
}

const COLUMNS = `agent, n, nonce, state, identity, codec, read_offset AS "offset", frames,
  unknown_frames AS unknownFrames, skipped_lines AS skippedLines, version, outbox, exit_code AS exitCode,
  started_at AS startedAt, ended_at AS endedAt, cpu_ms AS cpuMs, memory_peak_bytes AS memoryPeakBytes`;

const outboxLines = listOf(shapeOf<OutboxLine>({ id: aText, line: aText }));

type Json = "identity" | "codec" | "outbox";
type RunRow = Omit<Run, Json> & Readonly<Record<Json, string | null>>;

export function insertRun(store: Store, agent: string, n: number, nonce: string, now: number): void {
  store.run(
    "INSERT INTO runs (agent, n, nonce, state, started_at) VALUES (?, ?, ?, 'spawning', ?)",
    agent,
    n,
    nonce,
    now,
  );
}

/** Who pays for what it does. */
export function saveRunAccount(store: Store, agent: string, n: number, account: string): void {
  store.run("UPDATE runs SET account = ? WHERE agent = ? AND n = ?", account, agent, n);
}

export function accountOfRun(store: Store, agent: string, n: number): string | null {
  return (
    store.get<{ account: string | null }>("SELECT account FROM runs WHERE agent = ? AND n = ?", agent, n)?.account ??
    null
  );
}

export function saveRunIdentity(store: Store, agent: string, n: number, identity: unknown): void {
  store.run("UPDATE runs SET state = 'running', identity = ? WHERE agent = ? AND n = ?", toJson(identity), agent, n);
}

export interface RunProgress {
  readonly codec: unknown;
  readonly offset: number;
  readonly frames: number;
  readonly unknownFrames: number;
  readonly skippedLines: number;
  readonly version: string | null;
  readonly outbox: readonly OutboxLine[];
}

export function saveRunProgress(store: Store, agent: string, n: number, progress: RunProgress): void {
  store.run(
    "UPDATE runs SET codec = ?, read_offset = ?, frames = ?, unknown_frames = ?, skipped_lines = ?, version = ?, outbox = ? WHERE agent = ? AND n = ?",
    toJson(progress.codec ?? null),
    progress.offset,
    progress.frames,
    progress.unknownFrames,
    progress.skippedLines,
    progress.version,
    progress.outbox.length === 0 ? null : toJson(progress.outbox),
    agent,
    n,
  );
}

/** `used`: what the run's control group counted, where it had one. */
export function endRun(
  store: Store,
  agent: string,
  n: number,
  exitCode: number | null,
  now: number,
  used: { readonly cpuMs: number | null; readonly memoryPeakBytes: number | null } | null = null,
): void {
  store.run(
    `UPDATE runs SET state = 'ended', exit_code = ?, ended_at = ?, cpu_ms = ?, memory_peak_bytes = ?
     WHERE agent = ? AND n = ?`,
    exitCode,
    now,
    used?.cpuMs ?? null,
    used?.memoryPeakBytes ?? null,
    agent,
    n,
  );
}

/** Of all its runs, and of a check under way: what carries one of them in its environment was started by the agent. */
export function noncesOf(store: Store, agent: string): string[] {
  return store
    .all<{ nonce: string }>(
      "SELECT nonce FROM runs WHERE agent = ?1 UNION ALL SELECT nonce FROM checks WHERE agent = ?1",
      agent,
    )
    .map(({ nonce }) => nonce);
}

export function getRun(store: Store, agent: string, n: number): Run | null {
  const row = store.get<RunRow>(`SELECT ${COLUMNS} FROM runs WHERE agent = ? AND n = ?`, agent, n);
  if (row === null) return null;
  return {
    ...row,
    identity: fromJson(row.identity),
    codec: fromJson(row.codec),
    outbox: fromColumn(outboxLines, row.outbox, []),
  };
}

/** What is no JSON is handed out as the text that it is: whoever reads it says that it cannot be read. */
function fromJson(json: string | null): unknown {
  if (json === null) return null;
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return json;
  }
}
