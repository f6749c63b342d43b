/**
 * Many nodes: twenty daemons that drain the pool together, and what a thousand simulated ones ask of the database, by
 * the program's own statements.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL } from "bun";
import { claimCalls } from "../../src/fleet/call.ts";
import type { Ask, Rows } from "../../src/fleet/database.ts";
import { INCARNATION } from "../../src/fleet/incarnation.ts";
import { beat, showAbilities } from "../../src/fleet/registry.ts";
import { SCHEMA, readMeta } from "../../src/fleet/schema.ts";
import { claimTasks, sweepTasks, tasksOf } from "../../src/fleet/task.ts";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import type { Postgres } from "../support/postgres.ts";
import { POSTGRES, startPostgres } from "../support/postgres.ts";
import { cpuMs } from "./machine.ts";
import type { Claim } from "./row.ts";
import type { Measurement } from "./world.ts";

const BOXES = 20;
const TASKS = 2000;
const FEW = 4;
const NODES = 1000;
const SECONDS = 15;
const EVENTS_PER_SECOND = 2000;

export const crowd: Measurement = async () => {
  if (POSTGRES === null) return [{ what: "a fleet of many", must: "be measured", skipped: "no PostgreSQL" }];
  const postgres = await startPostgres({ max_connections: "200", shared_buffers: "256MB" });
  const dir = mkdtempSync(join(tmpdir(), "ah-crowd-"));
  const journal = join(dir, "journal");
  writeFileSync(journal, "");
  const boxes: Box[] = [];
  try {
    const providers = {
      writes: { kind: "command", command: ["sh", "-c", `read line; echo "$line" >> ${journal}; echo "$line"`] },
      rests: { kind: "command", command: ["sleep", "1"] },
    };
    for (let n = 0; n < BOXES; n++) {
      const fleet = { url: postgres.url, node: `node-${n}`, capacity: 2 };
      const box = await makeBox({ providers, limits: { maxAgents: 2 * TASKS }, fleet });
      boxes.push(box);
      await (await box.start()).post("/projects", { name: "bench", cwd: box.cwd });
    }
    const [first] = boxes;
    if (first === undefined) throw new Error("there are boxes");
    await eventually("all are nodes", async () => {
      const { status, body } = await first.api().call("GET", "/fleet/nodes");
      return status === 200 && JSON.stringify(body).split('"bench"').length > BOXES;
    });
    const rows = [await scaled(first), await drained(first, journal)];
    for (const box of boxes) await box.kill();
    return [...rows, await thousand(postgres)];
  } finally {
    for (const box of boxes) await box.close();
    await postgres.close();
    rmSync(dir, { recursive: true, force: true });
  }
};

/** Puts tasks into the pool and waits until they are over; gives how many a second. */
async function drain(asker: Box, count: number, provider: string): Promise<number> {
  const over = async (): Promise<number> => {
    let [seen, before] = [0, ""];
    for (;;) {
      const page = await asker.api().get(`/fleet/tasks?state=done&limit=1000${before}`);
      seen += [...(page["tasks"] ?? [])].length;
      if ((page["next"] as unknown) === null) return seen;
      before = `&before=${String(page["next"])}`;
    }
  };
  const earlier = await over();
  const began = performance.now();
  for (let i = 0; i < count; i += 20)
    await Promise.all(
      Array.from({ length: Math.min(20, count - i) }, (_, n) =>
        asker.api().post("/fleet/tasks", { project: "bench", provider, task: `task-${i + n}` }),
      ),
    );
  await eventually("the pool is empty", async () => (await over()) - earlier === count, 600_000);
  return count / ((performance.now() - began) / 1000);
}

/** Tasks that only wait: what counts is how many boxes there are, not how many cores. */
async function scaled(asker: Box): Promise<Claim> {
  const drains = async (how: "drain" | "undrain"): Promise<void> => {
    for (let n = FEW; n < BOXES; n++) await asker.api().post(`/fleet/nodes/node-${n}/${how}`);
  };
  await drains("drain");
  const few = await drain(asker, 40, "rests");
  await drains("undrain");
  const ratio = (await drain(asker, 40 * (BOXES / FEW), "rests")) / few;
  return {
    what: `tasks/s of ${BOXES} boxes against ${FEW}, tasks that only wait`,
    ...{ measured: `${ratio.toFixed(1)} times`, must: "≥ 2 times (more boxes, more tasks)", fine: ratio >= 2 },
  };
}

async function drained(asker: Box, journal: string): Promise<Claim> {
  const perSecond = await drain(asker, TASKS, "writes");
  const lines = readFileSync(journal, "utf8").trim().split("\n");
  const once = lines.length === TASKS && new Set(lines).size === TASKS;
  return {
    what: `${TASKS} tasks of the pool, ${BOXES} boxes`,
    measured: `${perSecond.toFixed(0)} tasks/s, ${once ? "each once" : `${lines.length} runs of ${new Set(lines).size}`}`,
    ...{ must: "each once", fine: once },
  };
}

/** What each of a thousand asks in a second, all statements of a node at rest. */
async function thousand(postgres: Postgres): Promise<Claim> {
  await postgres.sql.unsafe(
    `INSERT INTO agent_harness.nodes (uuid, name, session, version, schema, labels, providers, projects, capacity, accept_calls, public_key)
     SELECT 'many-' || n, 'many-' || n, 's-' || n, '1', ${SCHEMA}, '{}', '[]', '[]', 4, true, '' FROM generate_series(1, ${NODES}) n`,
  );
  await postgres.sql.unsafe(
    `INSERT INTO agent_harness.heartbeats (node_no, session, seen_at, since, busy, ready, vouched)
     SELECT node_no, session, clock_timestamp(), clock_timestamp(), 0, true, ${INCARNATION.replaceAll("~", "agent_harness.")}
     FROM agent_harness.nodes WHERE name LIKE 'many-%'`,
  );
  const listed = await postgres.sql.unsafe(
    "SELECT node_no, session, name FROM agent_harness.nodes WHERE name LIKE 'many-%'",
  );
  await postgres.sql.unsafe("ANALYZE");
  const sql = new SQL({ url: postgres.url, max: 12 });
  let asked = 0;
  const ask: Ask = async (statement, ...params) => {
    asked += 1;
    const named = statement.replaceAll(/~(?=[a-z])/g, '"agent_harness".');
    return await sql.unsafe<Rows>(named, [...params]);
  };
  const meta = await readMeta(ask, "agent_harness");
  if (meta === null) throw new Error("there is no schema");
  const nodes = [...listed].map((row) => ({
    ...{
      no: Number(row["node_no"]),
      session: String(row["session"]),
      name: String(row["name"]),
      meta,
      mark: 0,
      uuid: "",
    },
  }));
  const insert = `INSERT INTO ~events (node_no, epoch, id, type, at, data)
    SELECT $1, 1, n, 'note', clock_timestamp(), '{"text":"something that was said"}' FROM generate_series($2::int, $3::int) n`;
  let [event, slow] = [1, 0];
  const second = async (): Promise<void> => {
    const deeds: (() => Promise<unknown>)[] = nodes.flatMap((node, i) => [
      () => tasksOf(ask, node, []),
      () => claimTasks(ask, node, 4),
      () => claimCalls(ask, node, "{}", 32),
      ...(i % 5 === asked % 5
        ? [
            () => beat(ask, meta, node, { busy: 0, ready: true }),
            () => showAbilities(ask, node, { providers: [], projects: [] }),
            () => sweepTasks(ask),
          ]
        : []),
    ]);
    for (let n = 0; n < EVENTS_PER_SECOND; n += 50)
      deeds.push(() => {
        const from = (event += 50);
        return ask(insert, nodes[(n / 50) % nodes.length]?.no, from, from + 49);
      });
    const queue = deeds.sort(() => Math.random() - 0.5);
    const lanes = Array.from({ length: 12 }, async () => {
      for (let deed = queue.pop(); deed !== undefined; deed = queue.pop()) await deed();
    });
    await Promise.all(lanes);
  };
  await second(); // statements are prepared
  const family = (): readonly number[] =>
    [
      postgres.pid(),
      ...readFileSync(`/proc/${postgres.pid()}/task/${postgres.pid()}/children`, "utf8").trim().split(" "),
    ]
      .map(Number)
      .filter((pid) => pid > 0);
  const used = (): Map<number, number> => new Map(family().map((pid) => [pid, cpuMs(pid)]));
  const [before, began] = [used(), asked];
  for (let n = 0; n < SECONDS; n++) {
    const from = performance.now();
    await second();
    const rest = 1000 - (performance.now() - from);
    if (rest > 0) await Bun.sleep(rest);
    else slow += 1;
  }
  const after = used();
  await sql.close({ timeout: 0 });
  const spent = [...after].reduce((sum, [pid, ms]) => sum + ms - (before.get(pid) ?? 0), 0);
  // By what was asked for, not by the time it took: where this machine is too busy, seconds are longer.
  const core = spent / (SECONDS * 1000);
  return {
    what: `PostgreSQL under ${NODES} nodes at rest and ${EVENTS_PER_SECOND} events/s`,
    measured: `${core.toFixed(2)} cores (${Math.round((asked - began) / SECONDS)} statements/s; ${slow} of ${SECONDS} s came late)`,
    ...{ must: "< 1 core", fine: core < 1 },
  };
}
