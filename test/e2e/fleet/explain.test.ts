/**
 * Every statement of a fleet finds its rows by an index, however many there are: its plan is asked of a database that
 * is filled as a fleet fills it in months. `AH_TEST_FLEET_ROWS`: so many rows in each large table (`make plans`: a
 * million).
 *
 * file-timeout: 400 s
 */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createDatabase } from "../../../src/fleet/database.ts";
import { migrateFleet } from "../../../src/fleet/schema.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { sqlOf } from "../../support/readme-sql.ts";
import { fleetStatements, hiddenQuestions } from "./statements.ts";

setDefaultTimeout(300_000);

const ROWS = Number(process.env["AH_TEST_FLEET_ROWS"] ?? 60_000);
const NODES = 20;
const SCHEMA = "filled";
/** What grows: in these nothing may be looked for from end to end. */
const LARGE = /^(events\w*|agents|permissions|messages|calls|call_bodies|call_answers|tasks|task_keys)$/;

/** Where what the owner of the tables does stands. */
const OWNERS = /^(roles|schema|.*-step)\.ts$/;

/** In its name those that are read from end to end on purpose. */
const ON_PURPOSE: Readonly<Record<string, string>> = {
  "DELETE FROM ~call_answers a USING ~calls c": "holds what nobody has fetched, and that is what goes",
};

/** A fleet after months: nearly everything is over, a little is under way. */
const FILL: readonly string[] = [
  `INSERT INTO ~nodes (uuid, name, session, version, schema, labels, providers, projects, capacity, accept_calls, public_key)
   SELECT 'u' || n, 'node-' || n, 's' || n, '1', 1, '{}', '["echo"]', '["shop"]', 4, true, '' FROM generate_series(1, ${NODES}) n`,
  `INSERT INTO ~heartbeats SELECT node_no, session, clock_timestamp(), clock_timestamp(), 0, true FROM ~nodes`,
  `INSERT INTO ~cursors (node_no, epoch, id, before, digest, newest) SELECT node_no, 1, ${ROWS}, '', '', ${ROWS} FROM ~nodes`,
  `INSERT INTO ~events (node_no, epoch, id, day, type, project, agent, at, data)
   SELECT 1 + n % ${NODES}, 1, n / ${NODES}, (clock_timestamp() AT TIME ZONE 'UTC')::date - n * 20 / ${ROWS}, 'note', 'shop',
     'agent-' || n / 50, clock_timestamp(), '{"text":"something that was said"}' FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO ~agents (node_no, id, epoch, rev, project, name, provider, status, deleted, doc)
   SELECT 1 + n % ${NODES}, 'agent-' || n, 1, n, 'project-' || n % 40, 'name-' || n, 'echo', 'idle', n % 10 < 5, '{}'
   FROM generate_series(1, ${ROWS / 4}) n`,
  `INSERT INTO ~permissions (node_no, agent, id, epoch, rev, state, created_at, doc)
   SELECT 1 + n % ${NODES}, 'agent-' || n / 3, 'p' || n, 1, n, CASE WHEN n % 1000 = 0 THEN 'pending' ELSE 'allowed' END,
     clock_timestamp() - n * interval '1 s', '{}' FROM generate_series(1, ${ROWS / 4}) n`,
  `INSERT INTO ~messages (node_no, agent, id, epoch, rev, doc)
   SELECT 1 + n % ${NODES}, 'agent-' || n / 40, n, 1, n, '{"role":"assistant","text":"something that was said"}'
   FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO ~calls (id, node_no, asker, method, path, state, created_by, created_at, expires_at, done_at, read_at)
   SELECT 'c' || n, 1 + n % ${NODES}, 1, 'POST', '/', CASE WHEN n % 2000 = 0 THEN 'queued' ELSE 'done' END, 'node-1',
     clock_timestamp() - n * interval '86400 s' / ${ROWS}, clock_timestamp() + interval '1 min', clock_timestamp() - n * interval '86400 s' / ${ROWS},
     CASE WHEN n % 500 > 0 THEN clock_timestamp() END FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO ~call_bodies SELECT 'c' || n, 'x' FROM generate_series(1, ${ROWS / 4}) n`,
  `INSERT INTO ~call_answers SELECT 'c' || n / 2, n % 2, 'x' FROM generate_series(2, ${ROWS / 4}) n`,
  `INSERT INTO ~tasks (id, state, project, labels, body, created_by, claimed_by, session, ended_at, expires_at)
   SELECT 't' || n, CASE WHEN n % 500 = 0 THEN 'queued' WHEN n % 500 = 1 THEN 'started' WHEN n % 5000 = 2 THEN 'claimed' ELSE 'done' END,
     'shop', '{}', '{"task":"something to do"}', 'node-1', 1 + n % ${NODES}, 's', clock_timestamp(),
     CASE WHEN n % 1000 = 0 THEN clock_timestamp() + interval '1 h' END FROM generate_series(1, ${ROWS}) n`,
  `INSERT INTO ~task_keys SELECT 'k' || n, '', 't' || n FROM generate_series(1, ${ROWS}) n`,
];

interface Plan {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Index Name"?: string;
  readonly "Index Cond"?: string;
  readonly "Recheck Cond"?: string;
  readonly Filter?: string;
  readonly Plans?: readonly Plan[];
}

describe.skipIf(POSTGRES === null)("every statement of a fleet", () => {
  let postgres: Postgres;
  const named = (sql: string): string => sql.replaceAll(/~(?=[a-z])/g, `"${SCHEMA}".`);
  const all = async (sql: string): Promise<readonly Record<string, unknown>[]> => await postgres.sql.unsafe(named(sql));

  beforeAll(async () => {
    postgres = await startPostgres({ shared_buffers: "256MB", synchronous_commit: "off", max_wal_size: "2GB" });
    const log = createLogger({ level: "error", write: () => undefined, clock: systemClock });
    const config = { url: postgres.url, schema: SCHEMA, pooler: false };
    const database = createDatabase({ config, clock: systemClock, log, random: Math.random });
    await migrateFleet(database, SCHEMA);
    await database.close();
    const began = performance.now();
    // The rows are given as they are: whom they belong to is known.
    await all("SET session_replication_role = replica");
    for (const statement of FILL) await all(statement);
    await all("RESET session_replication_role");
    await all("ANALYZE");
    console.log(`${ROWS} rows in each large table, filled in ${Math.round(performance.now() - began)} ms`);
    await all("SET plan_cache_mode = force_generic_plan"); // as it is for whatever values
  });
  afterAll(async () => {
    await postgres.close();
  });

  test("is a literal that can be read here", () => {
    expect(hiddenQuestions()).toEqual([]);
    expect(fleetStatements().length).toBeGreaterThan(80);
  });

  /** Indexes that hold only the few rows of a state: read from end to end they are short. */
  const partial = async (): Promise<ReadonlySet<string>> =>
    new Set(
      (
        await all(
          "SELECT c.relname AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indpred IS NOT NULL",
        )
      ).map(({ name }) => String(name)),
    );

  const explained = async (sql: string): Promise<Plan> => {
    await all(`PREPARE asked AS ${sql}`);
    const count = Math.max(0, ...[...sql.matchAll(/\$(\d+)/g)].map(([, n]) => Number(n)));
    const values = count === 0 ? "" : `(${Array.from({ length: count }, () => "NULL").join(", ")})`;
    const [row] = await all(`EXPLAIN (FORMAT JSON) EXECUTE asked${values}`);
    await all("DEALLOCATE asked");
    const text = row?.["QUERY PLAN"];
    const plans = (typeof text === "string" ? JSON.parse(text) : text) as readonly { readonly Plan: Plan }[];
    const [first] = plans;
    if (first === undefined) throw new Error(`no plan for ${sql}`);
    return first.Plan;
  };

  /** Those that read a large table from end to end. */
  const flawsOf = async (statements: ReturnType<typeof fleetStatements>): Promise<readonly string[]> => {
    const few = await partial();
    const flaws: string[] = [];
    for (const { file, sql } of statements) {
      const plan = await explained(sql);
      const onPurpose = Object.keys(ON_PURPOSE).some((each) => sql.includes(each));
      const look = (node: Plan, limited: boolean): void => {
        const table = node["Relation Name"] ?? "";
        const type = node["Node Type"];
        const index = node["Index Name"] ?? "";
        const cond = node["Index Cond"] ?? node["Recheck Cond"];
        const found =
          type === "Seq Scan"
            ? limited && node.Filter === undefined
            : !/^Index (Only )?Scan/.test(type) || cond !== undefined || few.has(index) || limited;
        const whole = LARGE.test(table) && !found && !onPurpose;
        if (whole) flaws.push(`${file}: ${type} of ${table} ${index}: ${sql.replaceAll(/\s+/g, " ").trim()}`);
        for (const each of node.Plans ?? [])
          look(each, type === "Limit" || (limited && !/Sort|Aggregate|Hash|Merge/.test(type)));
      };
      look(plan, false);
    }
    return flaws;
  };

  test("reads no large table from end to end", async () => {
    expect(await flawsOf(fleetStatements())).toEqual([]);
  });

  test("reads none so under the rules about rows either, as a box that has a role of its own", async () => {
    await all("CREATE ROLE fleet_nodes NOLOGIN");
    for (const statement of sqlOf("nodes", { schema: SCHEMA })) await postgres.sql.unsafe(statement);
    await all("CREATE ROLE box_1 IN ROLE fleet_nodes");
    await all("UPDATE ~nodes SET role = 'box_1' WHERE node_no = 1");
    await all("SET ROLE box_1");
    try {
      const ruled = JSON.stringify(await explained("UPDATE ~tasks SET error = $1 WHERE id = $2"));
      expect(ruled).toContain("claimed_by IS NULL"); // of the rule, and of no word of ours
      // What the owner's functions do is not held by the rules.
      expect(await flawsOf(fleetStatements().filter(({ file }) => !OWNERS.test(file)))).toEqual([]);
    } finally {
      await all("RESET ROLE");
    }
  });

  test("that deletes a row finds what goes with it by an index", async () => {
    const unindexed = await all(
      `SELECT c.conrelid::regclass::text AS name, c.conname FROM pg_constraint c
       WHERE c.contype = 'f' AND c.confdeltype = 'c' AND c.connamespace = '${SCHEMA}'::regnamespace AND NOT EXISTS (
         SELECT 1 FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])`,
    );
    expect(unindexed).toEqual([]);
  });
});
