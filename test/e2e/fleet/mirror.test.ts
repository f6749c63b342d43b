/** What a box has committed is mirrored once, in order, whatever happens to the database or to the store meanwhile. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database } from "bun:sqlite";
import { cpSync, lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../../support/api.ts";
import type { TestDaemon } from "../../support/daemon.ts";
import type { TestFleet } from "../../support/fleet.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(60_000);

/** A pipe of an agent cannot be copied, and holds nothing. */
const copy = (from: string, to: string): void =>
  cpSync(from, to, { recursive: true, filter: (source) => !lstatSync(source).isFIFO() });

interface Mirrored {
  readonly epoch: number;
  readonly id: number;
  readonly type: string;
  readonly data: string;
}

describe.skipIf(POSTGRES === null)("the mirror", () => {
  let postgres: Postgres;
  let fleet: TestFleet;
  beforeAll(async () => {
    postgres = await startPostgres();
    fleet = await testFleet(postgres);
    await fleet.node("first");
  });
  afterAll(async () => {
    await fleet.close();
    await postgres.close();
  });

  const mirroredOf = async (node: string): Promise<Mirrored[]> => {
    const rows: readonly Record<string, unknown>[] = await fleet.sql.unsafe(
      `SELECT e.* FROM ${fleet.table("events")} e JOIN ${fleet.table("nodes")} n USING (node_no) WHERE n.name = $1 ORDER BY epoch, id`,
      [node],
    );
    return rows.map((row) => ({
      epoch: Number(row["epoch"]),
      id: Number(row["id"]),
      type: String(row["type"]),
      data: String(row["data"]),
    }));
  };
  /** Everything that the box has is there, once, and nothing else. */
  const complete = async (daemon: TestDaemon, node: string): Promise<Mirrored[]> => {
    const db = new Database(join(daemon.dir, "state", "harness.db"), { readonly: true });
    try {
      return await eventually("everything is mirrored", async () => {
        const local = db.query<{ id: number; type: string }, []>("SELECT id, type FROM events ORDER BY id").all();
        const all = await mirroredOf(node);
        const newest = Math.max(...all.map(({ epoch }) => epoch));
        const there = all.filter(({ epoch, type }) => epoch === newest && type !== "mirror_epoch" && type !== "gap");
        return (
          local.length > 0 &&
          Bun.deepEquals(
            there.map(({ id, type }) => ({ id, type })),
            local,
          ) &&
          all
        );
      });
    } finally {
      db.close();
    }
  };
  const task = async (daemon: TestDaemon, text: string): Promise<string> => {
    await daemon.api().call("POST", "/projects", { name: "shop", cwd: daemon.cwd });
    const { agent } = await daemon.api().post("/projects/shop/agents", { provider: "echo", task: text });
    const id = String(agent?.["id"]);
    await daemon.api().get(`/projects/shop/agents/${id}/wait?until=idle&timeout=20`);
    return id;
  };
  const docs = async (table: string, node: string): Promise<Record<string, unknown>[]> =>
    await fleet.sql.unsafe(
      `SELECT t.* FROM ${fleet.table(table)} t JOIN ${fleet.table("nodes")} n USING (node_no) WHERE n.name = $1`,
      [node],
    );

  test("has every event once and in order, the agent as it stands, and what was said", async () => {
    const daemon = await fleet.node("whole");
    const id = await task(daemon, "say this");
    await complete(daemon, "whole");
    const [agent] = await docs("agents", "whole");
    expect([agent?.["id"], agent?.["status"], agent?.["project"]]).toEqual([id, "idle", "shop"]);
    const said = (await docs("messages", "whole")).map((row) => JSON.parse(String(row["doc"])).text);
    expect(said.filter((text: string) => text.includes("say this"))).toHaveLength(2);
    const { agents } = await daemon.api().get("/fleet/agents?status=idle&node=whole");
    expect([...(agents ?? [])].map((each) => String(each["agent"]?.["id"]))).toEqual([id]);
  });

  test("holds no NUL and no half of a character, whatever an agent prints", async () => {
    const daemon = await fleet.node(
      "dirty",
      {},
      {
        providers: { echo: { kind: "command", command: ["sh", "-c", "printf 'a\\000b\\355\\240\\200c\\\\u0000'"] } },
      },
    );
    await task(daemon, "print");
    await complete(daemon, "dirty");
    const rows: readonly Record<string, unknown>[] = await fleet.sql.unsafe(
      `SELECT count(data::jsonb) AS read FROM ${fleet.table("events")}`, // what is text can be read as JSON
    );
    expect(Number(rows[0]?.["read"])).toBeGreaterThan(0);
    const [said] = (await docs("messages", "dirty")).map((row) => JSON.parse(String(row["doc"])).text).slice(-1);
    expect(said).toContain("a\ufffdb");
    expect(said).toContain("c\\u0000");
  });

  test("forgets the words of an agent that is deleted", async () => {
    const daemon = await fleet.node("forgetful");
    const id = await task(daemon, "remember-me-not");
    await complete(daemon, "forgetful");
    await daemon.api().call("DELETE", `/projects/shop/agents/${id}`);
    const all = await complete(daemon, "forgetful");
    expect(all.map(({ data }) => data).join()).not.toContain("remember-me-not");
    expect(await docs("messages", "forgetful")).toEqual([]);
    const [tombstone] = await docs("agents", "forgetful");
    expect([tombstone?.["deleted"], tombstone?.["doc"]]).toEqual([true, "{}"]);
  });

  test("goes on from where it was when the database was killed in the middle", async () => {
    const daemon = await fleet.node("killed");
    await task(daemon, "before");
    const work = Array.from({ length: 5 }, (_, i) => task(daemon, `during ${i}`));
    postgres.signal("SIGKILL");
    await Promise.all(work);
    await postgres.start();
    await task(daemon, "after");
    await complete(daemon, "killed");
  });

  test("sends again what a database that was restored from a backup has lost", async () => {
    const daemon = await fleet.node("older");
    await task(daemon, "in the backup");
    await complete(daemon, "older");
    const mine = `node_no = (SELECT node_no FROM ${fleet.table("nodes")} WHERE name = 'older')`;
    const [then]: readonly Record<string, unknown>[] = await fleet.sql.unsafe(
      `SELECT id, before, digest FROM ${fleet.table("cursors")} WHERE ${mine}`,
    );
    await task(daemon, "not in the backup");
    await complete(daemon, "older");
    await daemon.restart(async () => {
      await fleet.sql.unsafe(`DELETE FROM ${fleet.table("events")} WHERE ${mine} AND id > $1::bigint`, [then?.["id"]]);
      await fleet.sql.unsafe(
        `UPDATE ${fleet.table("cursors")} SET id = $1::bigint, before = $2, digest = $3 WHERE ${mine}`,
        [then?.["id"], then?.["before"], then?.["digest"]],
      );
    });
    const all = await complete(daemon, "older");
    expect(all.filter(({ type }) => type === "mirror_epoch")).toHaveLength(1);
  });

  test("begins anew, and says so, when the store itself was restored from a backup", async () => {
    const daemon = await fleet.node("restored");
    const state = join(daemon.dir, "state");
    await task(daemon, "kept");
    await daemon.restart(() => copy(state, `${state}.backup`));
    await task(daemon, "forgotten by the restore");
    await complete(daemon, "restored");
    await daemon.restart(() => {
      rmSync(state, { recursive: true });
      copy(`${state}.backup`, state);
    });
    await task(daemon, "another history");
    await eventually("it begins anew", async () => (await mirroredOf("restored")).some(({ epoch }) => epoch === 2));
    const all = await complete(daemon, "restored");
    expect(all.filter(({ type }) => type === "mirror_epoch").map(({ epoch }) => epoch)).toEqual([1, 2]);
    const agents = (await docs("agents", "restored")).filter((row) => row["deleted"] === false);
    expect(agents).toHaveLength(2);
  });

  test("says what nobody keeps any more", async () => {
    const daemon = await fleet.node("pruned");
    await task(daemon, "first");
    await complete(daemon, "pruned");
    await daemon.restart(async () => {
      await fleet.sql.unsafe(`UPDATE ${fleet.table("cursors")} SET id = 2 WHERE node_no =
        (SELECT node_no FROM ${fleet.table("nodes")} WHERE name = 'pruned')`);
      await fleet.sql.unsafe(`DELETE FROM ${fleet.table("events")} WHERE id > 2 AND node_no =
        (SELECT node_no FROM ${fleet.table("nodes")} WHERE name = 'pruned')`);
      const db = new Database(join(daemon.dir, "state", "harness.db"));
      db.exec("DELETE FROM events WHERE id <= 4");
      db.close();
    });
    const gap = await eventually("the gap is told", async () =>
      (await mirroredOf("pruned")).find(({ type }) => type === "gap"),
    );
    expect([gap.id, JSON.parse(gap.data)]).toEqual([4, { from: 3, to: 4 }]);
    expect((await mirroredOf("pruned")).filter(({ id, type }) => id > 2 && id < 5 && type !== "gap")).toEqual([]);
  });

  test("leaves out the one row that the database refuses, says so, and goes on", async () => {
    await fleet.sql.unsafe(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF NEW.data LIKE '%poison%' AND NEW.type = 'message' THEN
        RAISE EXCEPTION 'no such character' USING ERRCODE = '22P05'; END IF; RETURN NEW; END $$`);
    await fleet.sql.unsafe(`CREATE TRIGGER refuse BEFORE INSERT ON ${fleet.table("events_rest")}
      FOR EACH ROW EXECUTE FUNCTION refuse()`);
    const daemon = await fleet.node("poisoned");
    await task(daemon, "poison");
    await task(daemon, "good again");
    const all = await eventually("what follows is mirrored", async () => {
      const rows = await mirroredOf("poisoned");
      return rows.some(({ type, data }) => type === "message" && data.includes("good again")) && rows;
    });
    const gaps = all.filter(({ type }) => type === "gap").map(({ data }) => JSON.parse(data));
    expect(gaps.map(({ reason }) => String(reason))).toEqual(["no such character", "no such character"]);
    await fleet.sql.unsafe(`DROP TRIGGER refuse ON ${fleet.table("events_rest")}`);
    await daemon.restart(); // the row that stands for another does not look like another history
    await task(daemon, "later");
    await eventually("it goes on", async () =>
      (await mirroredOf("poisoned")).some(({ type, data }) => type === "message" && data.includes("later")),
    );
    expect((await mirroredOf("poisoned")).filter(({ type }) => type === "mirror_epoch")).toHaveLength(1);
  });
});
