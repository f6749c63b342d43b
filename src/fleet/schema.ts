/**
 * The tables of a fleet, in numbered steps that only add: a program works with every schema that says it may
 * (`min_reader`). What an agent can influence is JSON in a `text` column; `jsonb` holds what is compared in SQL and
 * nothing else. Never drops or renames: an older program may be running.
 */
import { HarnessError, errorText } from "../lib/errors.ts";
import type { Ask, Database } from "./database.ts";
import { BATCH_DEADLINE_MS, DatabaseAway, sqlState } from "./database.ts";
import { OVER_STEP } from "./over-step.ts";
import { RESTORE_STEP } from "./restore-step.ts";
import { BODIES_STEP, ROLE_STEP } from "./roles.ts";
import { SUPERSEDED_STEP } from "./superseded-step.ts";
import { numberOf, textOf } from "./values.ts";

/** Statements of a step, run in order in one transaction. */
const STEPS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE ~meta (
       one boolean PRIMARY KEY DEFAULT true CHECK (one), schema int NOT NULL, min_reader int NOT NULL,
       generation text NOT NULL DEFAULT gen_random_uuid()::text,
       beat_ms int NOT NULL DEFAULT 5000, late_ms int NOT NULL DEFAULT 15000, lost_ms int NOT NULL DEFAULT 60000)`,
    "INSERT INTO ~meta (schema, min_reader) VALUES (0, 1)",
    `CREATE TABLE ~nodes (
       node_no serial PRIMARY KEY, uuid text NOT NULL UNIQUE, name text NOT NULL, session text NOT NULL,
       version text NOT NULL, schema int NOT NULL, labels jsonb NOT NULL, providers jsonb NOT NULL,
       projects jsonb NOT NULL, capacity int NOT NULL, accept_calls boolean NOT NULL, public_key text NOT NULL,
       draining boolean NOT NULL DEFAULT false, told_lost text, joined_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       deleted_at timestamptz)`,
    "CREATE UNIQUE INDEX nodes_by_name ON ~nodes (name) WHERE deleted_at IS NULL",
    // Rewritten every few seconds: half empty pages and no index on what changes keep it from growing.
    `CREATE TABLE ~heartbeats (
       node_no int PRIMARY KEY REFERENCES ~nodes, session text NOT NULL, seen_at timestamptz NOT NULL,
       since timestamptz NOT NULL, busy int NOT NULL, ready boolean NOT NULL)
     WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 1000)`,
    `CREATE TABLE ~cursors (
       node_no int PRIMARY KEY REFERENCES ~nodes, epoch int NOT NULL, id bigint NOT NULL, before text NOT NULL,
       digest text NOT NULL, newest bigint NOT NULL, whole boolean NOT NULL DEFAULT false, at timestamptz NOT NULL DEFAULT clock_timestamp())
     WITH (fillfactor = 50)`,
    "CREATE SEQUENCE ~events_seq CACHE 100",
    `CREATE TABLE ~events (
       node_no int NOT NULL, epoch int NOT NULL, id bigint NOT NULL,
       day date NOT NULL DEFAULT (clock_timestamp() AT TIME ZONE 'UTC')::date,
       seq bigint NOT NULL DEFAULT nextval('~events_seq'), xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
       type text NOT NULL, project text, agent text, at timestamptz NOT NULL, data text NOT NULL,
       PRIMARY KEY (node_no, epoch, id, day)) PARTITION BY RANGE (day)`,
    "CREATE INDEX events_by_commit ON ~events (xid, seq)",
    "CREATE INDEX events_by_agent ON ~events (node_no, agent) WHERE agent IS NOT NULL",
    // What comes in while nobody may make the day's own partition.
    "CREATE TABLE ~events_rest PARTITION OF ~events DEFAULT",
    `CREATE TABLE ~agents (
       node_no int NOT NULL REFERENCES ~nodes, id text NOT NULL, epoch int NOT NULL, rev bigint NOT NULL,
       project text NOT NULL, name text, provider text NOT NULL, status text NOT NULL, deleted boolean NOT NULL,
       doc text NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (node_no, id))`,
    "CREATE INDEX agents_by_project ON ~agents (project, name) WHERE NOT deleted",
    "CREATE INDEX agents_by_id ON ~agents (id) WHERE NOT deleted",
    `CREATE TABLE ~permissions (
       node_no int NOT NULL, agent text NOT NULL, id text NOT NULL, epoch int NOT NULL, rev bigint NOT NULL,
       state text NOT NULL, created_at timestamptz NOT NULL, doc text NOT NULL, PRIMARY KEY (node_no, agent, id))`,
    "CREATE INDEX permissions_waiting ON ~permissions (created_at, node_no, agent, id) WHERE state = 'pending'",
    `CREATE TABLE ~messages (
       node_no int NOT NULL, agent text NOT NULL, id bigint NOT NULL, epoch int NOT NULL, rev bigint NOT NULL,
       doc text NOT NULL, PRIMARY KEY (node_no, agent, id))`,
    `CREATE TABLE ~calls (
       id text PRIMARY KEY, node_no int NOT NULL REFERENCES ~nodes, asker int NOT NULL REFERENCES ~nodes,
       method text NOT NULL, path text NOT NULL, state text NOT NULL DEFAULT 'queued', claim int NOT NULL DEFAULT 0,
       session text, status int, created_by text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
       expires_at timestamptz NOT NULL, done_at timestamptz, read_at timestamptz)
     WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000)`,
    "CREATE INDEX calls_waiting ON ~calls (node_no, created_at) WHERE state IN ('queued', 'claimed')",
    "CREATE INDEX calls_by_asker ON ~calls (asker, done_at) WHERE read_at IS NULL",
    "CREATE INDEX calls_by_age ON ~calls (created_at)",
    `CREATE TABLE ~call_bodies (
       call text PRIMARY KEY REFERENCES ~calls ON DELETE CASCADE, sealed bytea NOT NULL)`,
    `CREATE TABLE ~call_answers (
       call text NOT NULL REFERENCES ~calls ON DELETE CASCADE, n int NOT NULL, part bytea NOT NULL,
       PRIMARY KEY (call, n))`,
    `CREATE TABLE ~tasks (
       id text PRIMARY KEY, seq bigserial, state text NOT NULL DEFAULT 'queued', claim int NOT NULL DEFAULT 0,
       project text NOT NULL, provider text, node text, labels jsonb NOT NULL, repo text, body text NOT NULL,
       claimed_by int REFERENCES ~nodes, session text, agent text, error text, refused jsonb NOT NULL DEFAULT '{}',
       created_by text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(), expires_at timestamptz,
       claimed_at timestamptz, started_at timestamptz, ended_at timestamptz)
     WITH (fillfactor = 70)`,
    "CREATE INDEX tasks_queued ON ~tasks (seq) WHERE state = 'queued'",
    "CREATE INDEX tasks_held ON ~tasks (claimed_by) WHERE state IN ('claimed', 'starting', 'started')",
    "CREATE INDEX tasks_by_seq ON ~tasks (seq)",
    `CREATE TABLE ~task_keys (
       key text PRIMARY KEY, hash text NOT NULL, task text NOT NULL REFERENCES ~tasks ON DELETE CASCADE)`,
  ],
  ["ALTER TABLE ~tasks ADD COLUMN cancel boolean NOT NULL DEFAULT false"],
  ["ALTER TABLE ~tasks ADD COLUMN sealed_with text", "ALTER TABLE ~nodes ADD COLUMN keys jsonb NOT NULL DEFAULT '[]'"],
  // Without it each task that is deleted has all keys read.
  ["CREATE INDEX task_keys_by_task ON ~task_keys (task)"],
  ROLE_STEP,
  BODIES_STEP,
  RESTORE_STEP,
  OVER_STEP,
  SUPERSEDED_STEP,
];

/** The schema that this program writes. */
export const SCHEMA = STEPS.length;

/** One at a time, in all of the database. */
const LOCK = "SELECT pg_advisory_xact_lock(hashtext('agent-harness fleet ' || $1))";

/** What a fleet says about itself: its schema, and the times that all nodes go by. */
export interface FleetMeta {
  readonly schema: number;
  readonly minReader: number;
  /** Of the database: another one after a restore into a new cluster. */
  readonly generation: string;
  readonly beatMs: number;
  readonly lateMs: number;
  readonly lostMs: number;
}

/**
 * Brings the schema up to date. `schema` is its name; gives the number before and after. `to`: an older one, for tests.
 */
export async function migrateFleet(
  database: Database,
  schema: string,
  to = SCHEMA,
): Promise<{ from: number; to: number }> {
  return await database.transact(async (ask) => {
    await ask(LOCK, schema);
    const from = await schemaNumber(ask, schema);
    if (from === null) await ask(`CREATE SCHEMA IF NOT EXISTS "${schema}"`);
    for (let step = from ?? 0; step < to; step++) {
      for (const statement of STEPS[step] ?? []) await ask(statement);
      await ask("UPDATE ~meta SET schema = $1", step + 1);
    }
    return { from: from ?? 0, to: Math.max(from ?? 0, to) };
  }, BATCH_DEADLINE_MS);
}

async function schemaNumber(ask: Ask, schema: string): Promise<number | null> {
  const [there] = await ask("SELECT to_regclass($1) IS NOT NULL AS there", `"${schema}".meta`);
  if (there?.["there"] !== true) return null;
  const [row] = await ask("SELECT schema FROM ~meta");
  return numberOf(row, "schema");
}

/** null: there is none yet. */
export async function readMeta(ask: Ask, schema: string): Promise<FleetMeta | null> {
  if ((await schemaNumber(ask, schema)) === null) return null;
  const [row] = await ask("SELECT * FROM ~meta");
  return {
    schema: numberOf(row, "schema"),
    minReader: numberOf(row, "min_reader"),
    generation: textOf(row, "generation"),
    beatMs: numberOf(row, "beat_ms"),
    lateMs: numberOf(row, "late_ms"),
    lostMs: numberOf(row, "lost_ms"),
  };
}

/** The schema as it is usable, brought up to date when we may. Throws FLEET_SCHEMA when it cannot be used. */
export async function usableSchema(database: Database, schema: string): Promise<FleetMeta> {
  let meta = await readMeta(database.ask, schema);
  let refused = "";
  if (meta === null || meta.schema < SCHEMA) {
    try {
      await migrateFleet(database, schema);
    } catch (error) {
      if (error instanceof DatabaseAway || sqlState(error) === null) throw error;
      refused = errorText(error); // most often: this role may not; an older schema may still do
    }
    meta = await readMeta(database.ask, schema);
  }
  if (meta === null || meta.schema < SCHEMA)
    throw new HarnessError(
      "FLEET_SCHEMA",
      `the fleet's schema "${schema}" is ${meta === null ? "missing" : `version ${meta.schema}, this program needs ${SCHEMA}`} and this role cannot make it (${refused}): run agent-harness fleet migrate as its owner`,
    );
  if (meta.minReader > SCHEMA)
    throw new HarnessError(
      "FLEET_SCHEMA",
      `the fleet's schema "${schema}" wants programs that know version ${meta.minReader}, this one knows ${SCHEMA}: install the newer program`,
    );
  return meta;
}
