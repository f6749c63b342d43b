/** The fleet at a glance, on a box that has its database and on one that has not. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("the fleet at a glance", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let one: TestDaemon;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    one = await fleet.node("one");
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  test("counts what waits: for a person, in the pool, and for the mirror", async () => {
    await one.api().post("/fleet/tasks", { project: "none", task: "t" });
    await fleet.sql
      .unsafe(`INSERT INTO ${fleet.table("permissions")} (node_no, agent, id, epoch, rev, state, created_at, doc)
      SELECT node_no, '00000001', id, 1, 1, state, now(), '{}' FROM ${fleet.table("nodes")},
        (VALUES ('p1', 'pending'), ('p2', 'allowed')) p(id, state)`);
    const glance = await eventually("all is mirrored", async () => {
      const found = await one.api().get("/fleet");
      return Number(found["lag"]) === 0 && found;
    });
    expect(glance as unknown).toMatchObject({
      ...{ joined: true, database: "up", nodes: { live: 1, late: 0, lost: 0 } },
      ...{ permissions: 1, tasks: { queued: 1, held: 0 }, mirrorStopped: null },
    });
  });

  test("tells how far the mirror lags while the database is away, and that it has caught up", async () => {
    postgres.signal("SIGKILL");
    for (const name of ["a", "b", "c"]) await one.api().post("/projects", { name, cwd: one.cwd });
    const away = await eventually("it is away", async () => {
      const found = await one.api().get("/fleet");
      return String(found["database"]) === "away" && found;
    });
    expect(Number(away["lag"])).toBeGreaterThanOrEqual(3);
    expect([away["nodes"], away["permissions"], away["tasks"]] as unknown).toEqual([null, null, null]);
    await postgres.start();
    await eventually("it has caught up", async () => Number((await one.api().get("/fleet"))["lag"]) === 0, 40_000);
  });

  test("what was asked and never begun does not stay when its time is over", async () => {
    const call = (id: string, expires: string): string =>
      `INSERT INTO ${fleet.table("calls")} (id, node_no, asker, method, path, created_by, expires_at)
       SELECT '${id}', node_no, node_no, 'POST', '/', 'one', now() + interval '${expires}' FROM ${fleet.table("nodes")}`;
    await fleet.sql.unsafe(call("over", "-11 minutes"));
    await fleet.sql.unsafe(call("late", "-9 minutes"));
    await fleet.sql.unsafe(`INSERT INTO ${fleet.table("call_bodies")} VALUES ('over', 'x'), ('late', 'x')`);
    await fleet.sql.unsafe(`SELECT "${fleet.schema}".tidy_calls()`);
    const left: readonly { call: string }[] = await fleet.sql.unsafe(`SELECT call FROM ${fleet.table("call_bodies")}`);
    expect(left.map((row) => row.call)).toEqual(["late"]);
  });
});
