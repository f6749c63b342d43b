/** The log of a fleet does not grow for ever, and its questions walk along indexes. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("the log of a fleet", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let daemon: TestDaemon;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    daemon = await fleet.node("keeper", {}, { retention: { eventsDays: 7 } });
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });
  const names = async (): Promise<string[]> => {
    const rows: readonly { name: string }[] = await fleet.sql.unsafe(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = '${fleet.table("events")}'::regclass ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  };

  test("has a partition for each of the days to come", async () => {
    const made = await eventually("they are made", async () => {
      const all = await names();
      return all.length === 3 && all;
    });
    expect(made.map((name) => name.replace(/\d{8}/, "DAY"))).toEqual(["events_DAY", "events_DAY", "events_rest"]);
  });

  test("loses what is older than is kept, and a day that is empty", async () => {
    await fleet.sql.unsafe(
      `CREATE TABLE ${fleet.table("events_20200101")} PARTITION OF ${fleet.table("events")} FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`,
    );
    await fleet.sql.unsafe(`INSERT INTO ${fleet.table("events")} (node_no, epoch, id, day, type, at, data)
      SELECT node_no, 90, n, '2020-01-01', 'note', now(), '{}' FROM ${fleet.table("nodes")}, generate_series(1, 6000) n`);
    await daemon.restart();
    await eventually("the day is gone", async () => !(await names()).includes("events_20200101"));
    const [left] = await fleet.sql.unsafe(`SELECT count(*) AS n FROM ${fleet.table("events")} WHERE epoch = 90`);
    expect(Number(left?.["n"])).toBe(0);
  });

  test("and its tasks that are over go as well, when they are old and no other box's", async () => {
    const [tasks, keys, nodes] = ["tasks", "task_keys", "nodes"].map(fleet.table);
    const [me] = await fleet.sql.unsafe(`SELECT node_no AS no FROM ${nodes} WHERE name = 'keeper'`);
    const others = await fleet.sql.unsafe(
      `INSERT INTO ${nodes} (uuid, name, session, version, schema, labels, providers, projects, capacity, accept_calls, public_key, deleted_at)
       SELECT 'u-' || name, name, '', '1', 1, '{}', '[]', '[]', 1, true, '', gone
       FROM (VALUES ('other', NULL), ('removed', now())) AS those(name, gone) ORDER BY name RETURNING node_no AS no`,
    );
    const [mine, other, removed] = [me, ...others].map((row) => Number(row?.["no"]));
    const [old, young] = ["now() - interval '8 days'", "now() - interval '6 days'"];
    const rows: readonly (readonly [string, string, number | null | undefined, string, string])[] = [
      ["gone: mine", "done", mine, old, "other"],
      ["gone: of a box that was removed", "failed", removed, old, "other"],
      ["gone: put here, never taken", "cancelled", null, old, "keeper"],
      ["gone: put by a box that is none any more", "failed", null, old, "removed"],
      ["kept: young", "done", mine, young, "keeper"],
      ["kept: another box's", "done", other, old, "keeper"],
      ["kept: put elsewhere, never taken", "cancelled", null, old, "other"],
      ["kept: begun", "started", mine, "NULL", "keeper"],
      ["kept: waits", "queued", null, "NULL", "keeper"],
    ];
    for (const [id, state, by, ended, creator] of rows)
      await fleet.sql.unsafe(
        `INSERT INTO ${tasks} (id, state, claimed_by, project, labels, body, node, created_by, created_at, ended_at)
         VALUES ($1, $2, $3, 'none', '{}', '{}', 'nowhere', $4, now() - interval '9 days', ${ended})`,
        [id, state, by, creator],
      );
    await fleet.sql.unsafe(`INSERT INTO ${keys} SELECT 'key of ' || id, '', id FROM ${tasks}`);
    await fleet.sql.unsafe(
      `INSERT INTO ${tasks} (id, state, claimed_by, project, labels, body, created_by, ended_at)
       SELECT 'gone: one of many ' || n, 'done', ${mine}, 'none', '{}', '{}', 'keeper', ${old} FROM generate_series(1, 2500) n`,
    );
    await daemon.restart();
    await fleet.joined(daemon);
    const left = async (): Promise<string[]> =>
      (await fleet.sql.unsafe(`SELECT id FROM ${tasks} WHERE project = 'none' ORDER BY id`)).map(
        (row: { id: string }) => row.id,
      );
    await eventually("those that are to go are gone", async () => !(await left()).some((id) => id.startsWith("gone")));
    const kept = rows.map(([id]) => id).filter((id) => id.startsWith("kept"));
    expect(await left()).toEqual(kept.sort());
    const [lost] = await fleet.sql.unsafe(`SELECT count(*) AS n FROM ${keys}`);
    expect(Number(lost?.["n"])).toBe(kept.length);
    await fleet.sql.unsafe(`DELETE FROM ${tasks} WHERE project = 'none'`);
    await fleet.sql.unsafe(`DELETE FROM ${nodes} WHERE node_no <> ${mine}`);
  });

  test("is read along its indexes, however long it is", async () => {
    const [events, calls, tasks] = ["events", "calls", "tasks"].map((name) => fleet.table(name));
    await fleet.sql.unsafe(`INSERT INTO ${events} (node_no, epoch, id, type, agent, at, data)
      SELECT node_no, 50, n, 'note', lpad(to_hex(n % 1000), 8, '0'), now(), '{}' FROM ${fleet.table("nodes")}, generate_series(1, 100000) n`);
    await fleet.sql.unsafe(`INSERT INTO ${calls} (id, node_no, asker, method, path, state, created_by, expires_at)
      SELECT 'c' || n, node_no, node_no, 'GET', '/', 'done', 'x', now() FROM ${fleet.table("nodes")}, generate_series(1, 20000) n`);
    await fleet.sql.unsafe(`INSERT INTO ${tasks} (id, state, project, labels, body, created_by)
      SELECT 't' || n, 'done', 'p', '{}', '{}', 'x' FROM generate_series(1, 20000) n`);
    for (const table of [events, calls, tasks]) await fleet.sql.unsafe(`ANALYZE ${table}`);
    const plan = async (statement: string): Promise<string> => {
      const rows: readonly Record<string, unknown>[] = await fleet.sql.unsafe(`EXPLAIN ${statement}`);
      return rows.map((row) => Object.values(row).join()).join("\n");
    };
    const plans = {
      stream: `SELECT * FROM ${events} WHERE (xid, seq) > ('5'::xid8, 5) AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY xid, seq LIMIT 500`,
      forgotten: `SELECT * FROM ${events} WHERE node_no = 1 AND agent = '00000001'`,
      conflict: `SELECT * FROM ${events} WHERE node_no = 1 AND epoch = 50 AND id = 77`,
      calls: `SELECT * FROM ${calls} WHERE node_no = 1 AND state IN ('queued', 'claimed') AND expires_at > clock_timestamp() ORDER BY created_at LIMIT 32`,
      queue: `SELECT * FROM ${tasks} WHERE state = 'queued' ORDER BY seq LIMIT 4`,
      held: `SELECT * FROM ${tasks} WHERE claimed_by = 1 AND state IN ('claimed', 'starting', 'started')`,
      page: `SELECT * FROM ${tasks} WHERE seq < 500 ORDER BY seq DESC LIMIT 50`,
    };
    for (const [name, statement] of Object.entries(plans)) {
      const text = await plan(statement);
      expect([name, /Index|Bitmap/.test(text), /Seq Scan on (events_rest|calls|tasks)/.test(text) ? text : ""]).toEqual(
        [name, true, ""],
      );
    }
  });
});
