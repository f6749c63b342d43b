/** Tables that an older program made: what its roles could, they still can, and its nodes are the same ones. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { createDatabase } from "../../../src/fleet/database.ts";
import { SCHEMA, migrateFleet } from "../../../src/fleet/schema.ts";
import { eventually } from "../../support/api.ts";
import { testDaemon } from "../../support/daemon.ts";
import { ECHO } from "../../support/fleet.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

test.skipIf(POSTGRES === null)("a fleet of before rules about rows goes on, under the role that it had", async () => {
  const postgres = await startPostgres();
  const log = createLogger({ level: "error", write: () => undefined, clock: systemClock });
  const config = { url: postgres.url, schema: "agent_harness", pooler: false };
  const database = createDatabase({ config, clock: systemClock, log, random: Math.random });
  const url = postgres.url.replace("ah@", "box-1@");
  const daemon = await testDaemon({ providers: ECHO, fleet: { url, node: "one", capacity: 2 } });
  try {
    expect(await migrateFleet(database, "agent_harness", 4)).toEqual({ from: 0, to: 4 });
    for (const statement of [
      `CREATE ROLE "box-1" LOGIN`,
      `GRANT USAGE ON SCHEMA agent_harness TO "box-1"`,
      `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA agent_harness TO "box-1"`,
      `GRANT USAGE ON ALL SEQUENCES IN SCHEMA agent_harness TO "box-1"`,
      `CREATE TABLE agent_harness.events_20200101 PARTITION OF agent_harness.events FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')`,
      // A node that an older program made: lost long ago, of no role.
      `INSERT INTO agent_harness.nodes (uuid, session, name, version, schema, labels, providers, projects, capacity, accept_calls, public_key)
       VALUES ('u', 's', 'older', '1', 4, '{}', '[]', '[]', 1, true, '')`,
      `INSERT INTO agent_harness.heartbeats SELECT node_no, 's', now() - interval '1 day', now() - interval '2 days', 0, true FROM agent_harness.nodes`,
    ])
      await postgres.sql.unsafe(statement);
    const refused = await eventually("a newer program says what it lacks", async () => {
      const { why } = await daemon.api().get("/fleet");
      return String(why?.["error"]) === "FLEET_SCHEMA" && String(why?.["message"]);
    });
    expect(refused).toContain("agent-harness fleet migrate");
    expect(await migrateFleet(database, "agent_harness")).toEqual({ from: 4, to: SCHEMA });
    await eventually("it joins", async () => String((await daemon.api().get("/fleet"))["joined"]) === "true");
    await daemon.api().post("/projects", { name: "shop", cwd: daemon.cwd });
    const { task } = await daemon.api().post("/fleet/tasks", { project: "shop", provider: "echo", task: "t" });
    await eventually("its task is run", async () => {
      const { task: now } = await daemon.api().get(`/fleet/tasks/${String(task?.["id"])}`);
      return String(now?.["state"]) === "done";
    });
    expect((await daemon.api().post("/fleet/nodes/older/drain"))["node"]?.["draining"] as unknown).toBe(true);
    const [open] = await postgres.sql.unsafe(
      "SELECT count(*) AS n FROM pg_class WHERE relname LIKE 'events\\_%' AND relkind = 'r' AND NOT relrowsecurity",
    );
    expect(Number(open?.["n"])).toBe(0);
    expect(daemon.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  } finally {
    await daemon.close();
    await database.close();
    await postgres.close();
  }
});
