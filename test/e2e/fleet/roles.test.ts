/** Boxes that log in as roles of their own: all of a fleet works, and none can write as another or listen to others. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { SQL } from "bun";
import { eventually } from "../../support/api.ts";
import { BINARY } from "../../support/binary.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { ECHO, testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";
import { sqlOf } from "../../support/readme-sql.ts";

setDefaultTimeout(60_000);

describe.skipIf(POSTGRES === null)("a fleet of a role for each box", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  let one: TestDaemon;
  let two: TestDaemon;
  const as = (role: string): string => postgres.url.replace("ah@", `${role}@`);
  const doctor = (role: string, roles: string): string => {
    const fleetConfig = { url: as(role), schema: fleet.schema, node: "x", roles };
    const config = `${one.dir}/doctor.json`;
    writeFileSync(config, JSON.stringify({ fleet: fleetConfig, stateDir: `${one.dir}/none` }));
    const env = { PATH: process.env["PATH"] ?? "", HOME: one.home };
    const { stdout } = Bun.spawnSync([BINARY, "doctor", "--config", config, "--json"], { env });
    const { checks } = JSON.parse(stdout.toString()) as { checks: { name: string; level: string; text: string }[] };
    const found = checks.find(({ name }) => name === "fleet rights");
    return `${found?.level}: ${found?.text}`;
  };

  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    const owner = await fleet.node("owner"); // makes the tables, and times that suit a test
    await owner.restart();
    await postgres.sql.unsafe("CREATE ROLE fleet_nodes NOLOGIN");
    for (const statement of sqlOf("nodes", { schema: fleet.schema })) await postgres.sql.unsafe(statement);
    for (const role of ["box_1", "box_2"]) await postgres.sql.unsafe(`CREATE ROLE ${role} LOGIN IN ROLE fleet_nodes`);
    await postgres.sql.unsafe("CREATE ROLE stranger LOGIN");
    one = await fleet.node("one", { url: as("box_1"), roles: "perNode", capacity: 0 });
    two = await fleet.node("two", { url: as("box_2"), roles: "perNode" }, { providers: ECHO });
    for (const daemon of [one, two]) await fleet.joined(daemon);
    await two.api().post("/projects", { name: "shop", cwd: two.cwd });
    await owner.close();
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  test("does all that a fleet does", async () => {
    const api = one.api();
    await eventually("its project is known", async () =>
      JSON.stringify(await api.get("/fleet/nodes")).includes('"shop"'),
    );
    const made = await api.post("/nodes/two/projects/shop/agents", { provider: "echo", task: "asked from one" });
    await eventually("it is mirrored", async () => {
      const { agents } = await api.get("/fleet/agents?node=two&status=idle");
      return [...(agents ?? [])].some((each) => String(each["agent"]?.["id"]) === String(made["agent"]?.["id"]));
    });
    const put = async (body: object): Promise<string> =>
      String(
        (await api.post("/fleet/tasks", { project: "shop", provider: "echo", task: "t", ...body }))["task"]?.["id"],
      );
    const state = async (id: string): Promise<string> =>
      String((await api.get(`/fleet/tasks/${id}`))["task"]?.["state"]);
    const id = await put({});
    await eventually("it is run", async () => (await state(id)) === "done");
    await api.post("/fleet/nodes/two/drain");
    const waits = await put({});
    await api.post(`/fleet/tasks/${waits}/cancel`);
    expect(await state(waits)).toBe("cancelled");
    await api.post("/fleet/nodes/two/undrain");
    expect((await api.call("DELETE", "/fleet/nodes/two")).body["error"] as unknown).toBe("NODE_LIVES");
    await eventually("the owner's node is lost", async () =>
      JSON.stringify((await api.get("/fleet"))["nodes"]).includes('"lost":1'),
    );
    expect((await api.call("DELETE", "/fleet/nodes/owner")).status).toBe(204);
    for (const daemon of [one, two]) expect(daemon.logs.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });

  test("and none of its roles writes as another box, or reads what others ask each other", async () => {
    const sql = new SQL({ url: as("box_1"), max: 1 });
    const table = fleet.table;
    const changed = async (statement: string): Promise<unknown> =>
      await sql.unsafe(statement).then(
        ({ count }) => count,
        (error: { errno?: string }) => error.errno,
      );
    const other = `(SELECT node_no FROM ${table("nodes")} WHERE name = 'two')`;
    try {
      await fleet.sql.unsafe(`INSERT INTO ${table("calls")} (id, node_no, asker, method, path, created_by, expires_at)
        SELECT 'theirs', node_no, node_no, 'GET', '/', 'two', now() - interval '1 hour' FROM ${table("nodes")} WHERE name = 'two'`);
      const REFUSED = "42501";
      const tries: readonly (readonly [string, unknown])[] = [
        [`UPDATE ${table("nodes")} SET public_key = 'mine' WHERE node_no = ${other}`, 0],
        [`UPDATE ${table("heartbeats")} SET session = 'mine' WHERE node_no = ${other}`, 0],
        [`DELETE FROM ${table("agents")} WHERE node_no = ${other}`, 0],
        [`UPDATE ${table("agents")} SET doc = '{}' WHERE node_no = ${other}`, 0],
        [`UPDATE ${table("cursors")} SET id = 0 WHERE node_no = ${other}`, 0],
        [`DELETE FROM ${table("events")} WHERE node_no = ${other}`, 0],
        [
          `INSERT INTO ${table("events")} (node_no, epoch, id, type, at, data) SELECT ${other}, 9, 9, 'note', now(), '{}'`,
          REFUSED,
        ],
        [
          `INSERT INTO ${table("events_rest")} (node_no, epoch, id, type, at, data) SELECT 1, 9, 9, 'note', now(), '{}'`,
          REFUSED,
        ],
        [
          `INSERT INTO ${table("calls")} (id, node_no, asker, method, path, created_by, expires_at)
          SELECT 'forged', ${other}, ${other}, 'POST', '/', 'two', now()`,
          REFUSED,
        ],
        [`SELECT * FROM ${table("calls")} WHERE id = 'theirs'`, 0],
        [`UPDATE ${table("tasks")} SET error = 'mine' WHERE claimed_by = ${other}`, 0],
        [`UPDATE ${table("meta")} SET min_reader = 99`, REFUSED],
        [`CREATE TABLE ${table("mine")} (a int)`, REFUSED],
      ];
      for (const [statement, expected] of tries)
        expect([statement, await changed(statement)]).toEqual([statement, expected]);
    } finally {
      await sql.close();
    }
  });

  test("a dashboard's role reads what is mirrored, and nothing that goes between boxes", async () => {
    await postgres.sql.unsafe("CREATE ROLE dashboard LOGIN");
    for (const statement of sqlOf("dashboard", { schema: fleet.schema })) await postgres.sql.unsafe(statement);
    const sql = new SQL({ url: as("dashboard"), max: 1 });
    const read = async (name: string): Promise<string> =>
      await sql.unsafe(`SELECT count(*) AS n FROM ${fleet.table(name)}`).then(
        ([row]) => (Number(row?.["n"]) > 0 ? "read" : "empty"),
        (error: { errno?: string }) => String(error.errno),
      );
    try {
      for (const name of ["nodes", "heartbeats", "agents", "messages", "events"])
        expect([name, await read(name)]).toEqual([name, "read"]);
      for (const name of ["calls", "call_bodies", "call_answers", "tasks", "task_keys"])
        expect([name, await read(name)]).toEqual([name, "42501"]);
      const deed = sql.unsafe(`SELECT "${fleet.schema}".drain_node(1, true)`);
      expect(await deed.then(String, (error: { errno?: string }) => error.errno)).toBe("42501");
    } finally {
      await sql.close();
    }
  });

  test("a box whose role lost a right says which, in an answer and not as a fault of its own", async () => {
    await postgres.sql.unsafe(`REVOKE SELECT ON ${fleet.table("tasks")} FROM fleet_nodes`);
    const answer = await one.api().call("GET", "/fleet/tasks");
    await postgres.sql.unsafe(`GRANT SELECT ON ${fleet.table("tasks")} TO fleet_nodes`);
    expect([answer.status, String(answer.body["error"])]).toEqual([503, "FLEET_SCHEMA"]);
    expect(String(answer.body["message"])).toMatch(/permission denied for table tasks.*agent-harness doctor/);
  });

  test("doctor says what a role lacks, and when it is no role of one box", () => {
    expect(doctor("box_1", "perNode")).toBe("ok: box_1, for this node alone");
    expect(doctor("stranger", "shared")).toBe(
      `FAIL: stranger lacks in ${fleet.schema}: USAGE on schema ${fleet.schema}`,
    );
    expect(doctor("dashboard", "shared")).toContain("DELETE on agents, DELETE on call_answers");
    expect(doctor("ah", "perNode")).toContain("ah may write as any node");
    expect(doctor("ah", "shared")).toBe("ok: ah, as the tables' owner");
  });

  test("a box that comes with another role is told so, and the owner can give it over", async () => {
    const taken = await fleet.node("three", { url: as("box_1") });
    await fleet.joined(taken);
    expect(doctor("box_1", "perNode")).toBe("FAIL: 2 nodes log in as box_1");
    const file = `${taken.dir}/harness.json`;
    const config = (await Bun.file(file).json()) as { fleet: Record<string, unknown> };
    await taken.restart(() =>
      Bun.write(file, JSON.stringify({ ...config, fleet: { ...config.fleet, url: as("box_2") } })).then(),
    );
    const refused = await eventually("it is refused", async () => {
      const { why } = await taken.api().get("/fleet");
      return String(why?.["error"]) === "FLEET_REFUSED" && String(why?.["message"]);
    });
    expect(refused).toContain('the database role "box_1"');
    await postgres.sql.unsafe(`UPDATE ${fleet.table("nodes")} SET role = NULL WHERE name = 'three'`);
    await fleet.joined(taken);
  });
});
