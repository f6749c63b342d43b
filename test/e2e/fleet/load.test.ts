/** Much at once: ten thousand tasks that wait, and answers of megabytes from one box to another. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Database } from "../../../src/fleet/database.ts";
import { createDatabase } from "../../../src/fleet/database.ts";
import { INCARNATION } from "../../../src/fleet/incarnation.ts";
import type { Member } from "../../../src/fleet/member.ts";
import { join } from "../../../src/fleet/registry.ts";
import { migrateFleet, readMeta } from "../../../src/fleet/schema.ts";
import { askStart, claimTasks, markStarted, reportEnd } from "../../../src/fleet/task.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { createLogger } from "../../../src/lib/log.ts";
import { eventually } from "../../support/api.ts";
import { testFleet } from "../../support/fleet.ts";
import type { Postgres } from "../../support/postgres.ts";
import { POSTGRES, startPostgres } from "../../support/postgres.ts";

setDefaultTimeout(120_000);

const TASKS = 10_000;
const MIB = 1024 * 1024;
const log = createLogger({ level: "error", write: () => undefined, clock: systemClock });

describe.skipIf(POSTGRES === null)("a fleet with much to do", () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(async () => {
    await postgres.close();
  });

  const queue = (schema: string, project: string, count: number) =>
    postgres.sql.unsafe(
      `INSERT INTO "${schema}".tasks (id, project, labels, body, created_by)
       SELECT '${project}-' || n, '${project}', '{}', '{"task":"t"}', 'test' FROM generate_series(1, ${count}) n`,
    );
  /** Of what is held up now and then the quicker ones were held up least. */
  const quartile = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 2] ?? 0;

  test("gives each of ten thousand waiting tasks to one node, and the last as fast as the first", async () => {
    const schema = "many";
    const databases: Database[] = [];
    const open = (): Database => {
      const config = { url: postgres.url, schema, pooler: false };
      const database = createDatabase({ config, clock: systemClock, log, random: Math.random });
      databases.push(database);
      return database;
    };
    try {
      const first = open();
      await migrateFleet(first, schema);
      await queue(schema, "shop", TASKS);
      const meta = await readMeta(first.ask, schema);
      if (meta === null) throw new Error("there is no schema");
      const taken: string[] = [];
      const times: number[] = [];
      const joined = async (n: number): Promise<[Database, Member]> => {
        const database = n === 0 ? first : open();
        const session = `session-${n}`;
        const card = {
          ...{ uuid: `uuid-${n}`, name: `node-${n}`, session, version: "1", labels: {}, providers: [], keys: [] },
          ...{ projects: ["shop"], capacity: 32, acceptCalls: true, publicKey: "" },
        };
        const { no, beat: mark } = await join(database, meta, card, []);
        return [database, { no, session, name: card.name, meta, mark }];
      };
      const node = async ([database, me]: [Database, Member]): Promise<void> => {
        for (;;) {
          const began = performance.now();
          const got = await claimTasks(database.ask, me, 32);
          times.push(performance.now() - began);
          if (got.length === 0) return;
          taken.push(...got.map(({ id }) => id));
          const [one] = got; // one of them is brought to its end: rows are left that no queue needs
          if (one === undefined) continue;
          expect(await askStart(database.ask, me, one.id, one.claim)).toBe(true);
          await markStarted(database.ask, me, one.id, one.claim, "agent");
          await reportEnd(database.ask, me, one.id, one.claim, { end: "done", agent: null, error: null });
        }
      };
      const nodes = await Promise.all(Array.from({ length: 8 }, (_, n) => joined(n)));
      await first.ask(`UPDATE ~heartbeats SET vouched = ${INCARNATION}`);
      await Promise.all(nodes.map(node));
      expect(taken.length).toBe(TASKS);
      expect(new Set(taken).size).toBe(TASKS);
      const [early, late] = [quartile(times.slice(0, 100)), quartile(times.slice(-108, -8))];
      console.log(`claims of 32 by 8 nodes: the first ${early.toFixed(1)} ms, the last ${late.toFixed(1)} ms`);
      expect(late).toBeLessThan(Math.max(5 * early, 50));
    } finally {
      await Promise.all(databases.map((database) => database.close()));
    }
  });

  test("finds the one task that a box can take behind ten thousand that nobody can, and lists them in pages", async () => {
    const fleet = await testFleet(postgres);
    try {
      const daemon = await fleet.node("busy");
      await daemon.api().post("/projects", { name: "shop", cwd: daemon.cwd });
      await queue(fleet.schema, "nowhere", TASKS);
      await eventually("its project is known", async () => {
        const { nodes } = await daemon.api().get("/fleet/nodes");
        return JSON.stringify(nodes).includes("shop");
      });
      const { task } = await daemon.api().post("/fleet/tasks", { project: "shop", provider: "echo", task: "t" });
      const began = performance.now();
      await eventually("it is done", async () => {
        const now = await daemon.api().get(`/fleet/tasks/${String(task?.["id"])}`);
        return String(now["task"]?.["state"]) === "done";
      });
      expect(performance.now() - began).toBeLessThan(10_000);
      let [pages, seen] = [0, 0];
      for (let before = ""; ; pages++) {
        const page = await daemon.api().get(`/fleet/tasks?state=queued&limit=1000${before}`);
        const tasks = [...(page["tasks"] ?? [])];
        seen += tasks.length;
        expect(String(tasks[0]?.["blockedBy"])).toContain("nowhere");
        if ((page["next"] as unknown) === null) break;
        before = `&before=${String(page["next"])}`;
      }
      expect([pages + 1, seen]).toEqual([10, TASKS]);
    } finally {
      await fleet.close();
    }
  });

  test("hands an answer of nearly eight megabytes from box to box, and refuses a larger one by name", async () => {
    const fleet = await testFleet(postgres);
    try {
      const asker = await fleet.node("asks");
      const owner = await fleet.node("owns");
      await fleet.joined(owner);
      await owner.api().post("/projects", { name: "shop", cwd: owner.cwd });
      // A message has its text twice.
      const text = "0123456789abcdef".repeat((1.95 * MIB) / 16);
      const at = "/projects/shop/agents/large";
      await owner.api().post("/projects/shop/agents", { provider: "echo", name: "large", task: text });
      await owner.api().get(`${at}/wait?until=idle&timeout=30`);
      const there = await owner.api().get(`${at}/messages`);
      const size = JSON.stringify(there).length;
      expect(size).toBeGreaterThan(7.7 * MIB);
      const here = await asker.api().call("GET", `/nodes/owns${at}/messages`);
      expect(here.status).toBe(200);
      expect(Bun.deepEquals(here.body, there)).toBe(true);
      await owner.api().post(`${at}/input`, { text: "0123456789abcdef".repeat(MIB / 32) });
      await owner.api().get(`${at}/wait?until=idle&timeout=30`);
      const refused = await asker.api().call("GET", `/nodes/owns${at}/messages`);
      expect([refused.status, String(refused.body["error"])]).toEqual([413, "TOO_LARGE"]);
      expect(String(refused.body["message"])).toContain("ask for a smaller page");
      const page = await asker.api().call("GET", `/nodes/owns${at}/messages?limit=1`);
      expect(page.status).toBe(200);
      const [left] = await postgres.sql.unsafe(`SELECT count(*) AS n FROM ${fleet.table("call_answers")}`);
      expect(Number(left?.["n"])).toBe(0);
    } finally {
      await fleet.close();
    }
  });
});
