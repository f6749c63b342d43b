/**
 * A fleet of two boxes on a PostgreSQL of its own: how soon another box answers and is heard, and how fast it copies.
 */
import { Database } from "bun:sqlite";
import { join } from "node:path";
import { eventually } from "../support/api.ts";
import type { Box } from "../support/binary.ts";
import { makeBox } from "../support/binary.ts";
import type { Postgres } from "../support/postgres.ts";
import { POSTGRES, startPostgres } from "../support/postgres.ts";
import type { Claim } from "./row.ts";
import { median, ms, quantile } from "./row.ts";
import type { Measurement } from "./world.ts";

const CALLS = 200;
const NOTICES = 40;
const BACKLOG = 100_000;
const TASKS = 60;

export const fleet: Measurement = async () => {
  if (POSTGRES === null)
    return [
      { what: "a fleet of two boxes", must: "be measured", skipped: "no PostgreSQL: apt-get install postgresql" },
    ];
  const postgres = await startPostgres();
  const boxes: Box[] = [];
  try {
    for (const node of ["one", "two"]) {
      const says = { kind: "command", command: ["cat"] };
      const box = await makeBox({ providers: { says }, fleet: { url: postgres.url, node, capacity: 4 } });
      boxes.push(box);
      await (await box.start()).post("/projects", { name: "bench", cwd: box.cwd });
    }
    const [one, two] = boxes;
    if (one === undefined || two === undefined) throw new Error("there are two boxes");
    await eventually("both are nodes", async () => {
      const { status, body } = await one.api().call("GET", "/fleet/nodes");
      return (
        status === 200 && [...(body["nodes"] ?? [])].length === 2 && JSON.stringify(body).split("bench").length > 2
      );
    });
    await Bun.sleep(3000); // whether hints are heard is known by then
    return [...(await relayed(one)), await heard(one, two), await copied(two, postgres), await drained(one)];
  } finally {
    for (const box of boxes) await box.close();
    await postgres.close();
  }
};

async function relayed(asker: Box): Promise<readonly Claim[]> {
  const times: number[] = [];
  for (let i = 0; i < CALLS; i++) {
    const began = performance.now();
    await asker.api().get("/nodes/two/projects/bench");
    times.push(performance.now() - began);
  }
  const [middle, worst] = [median(times), quantile(times, 0.99)];
  return [
    { what: "relayed GET, p50", measured: ms(middle), must: "≤ 15 ms", fine: middle <= 15, absolute: true },
    { what: "relayed GET, p99", measured: ms(worst), must: "≤ 60 ms", fine: worst <= 60, absolute: true },
  ];
}

/** From the request that makes the event on one box to the other box's stream: more than the promise counts. */
async function heard(listener: Box, teller: Box): Promise<Claim> {
  const controller = new AbortController();
  const response = await fetch(`${listener.api().url}/api/v1/fleet/events?types=project_updated`, {
    signal: controller.signal,
  });
  let text = "";
  const reading = (async () => {
    for await (const chunk of response.body ?? []) text += new TextDecoder().decode(chunk);
  })().catch(() => undefined);
  const times: number[] = [];
  for (let i = 1; i <= NOTICES; i++) {
    const began = performance.now();
    await teller.api().call("PATCH", "/projects/bench", { defaults: { model: `m-${i}` } });
    while (text.split("event: project_updated").length <= i) await Bun.sleep(1);
    times.push(performance.now() - began);
  }
  controller.abort();
  await reading;
  const middle = median(times);
  const what = "event on one box → stream of another, p50";
  return { what, measured: ms(middle), must: "≤ 80 ms", fine: middle <= 80, absolute: true };
}

async function copied(box: Box, postgres: Postgres): Promise<Claim> {
  await box.kill();
  const db = new Database(join(box.stateDir, "harness.db"));
  const data = JSON.stringify({ level: "info", code: "bench", message: "x".repeat(100) });
  db.transaction(() => {
    const insert = db.query("INSERT INTO events (project, agent, type, data, at) VALUES ('bench', NULL, 'note', ?, ?)");
    for (let i = 0; i < BACKLOG; i++) insert.run(data, Date.now());
  })();
  db.close();
  const mirrored = async (): Promise<number> => {
    const [row] = await postgres.sql.unsafe("SELECT count(*) AS n FROM agent_harness.events WHERE type = 'note'");
    return Number(row?.["n"]);
  };
  await box.start();
  await eventually("it begins", async () => (await mirrored()) > 0);
  const [before, began] = [await mirrored(), performance.now()];
  await eventually("it is copied", async () => (await mirrored()) >= BACKLOG, 120_000);
  const perSecond = Math.round((BACKLOG - before) / ((performance.now() - began) / 1000));
  const what = `backlog of ${BACKLOG} events, mirrored`;
  return {
    what,
    measured: `${perSecond} events/s`,
    must: "≥ 10000 events/s",
    fine: perSecond >= 10_000,
    absolute: true,
  };
}

async function drained(asker: Box): Promise<Claim> {
  const began = performance.now();
  const body = { project: "bench", provider: "says", task: "t" };
  await Promise.all(Array.from({ length: TASKS }, () => asker.api().post("/fleet/tasks", body)));
  await eventually(
    "the pool is empty",
    async () => [...((await asker.api().get("/fleet/tasks?state=done&limit=1000"))["tasks"] ?? [])].length === TASKS,
    120_000,
  );
  const perSecond = TASKS / ((performance.now() - began) / 1000);
  const what = `${TASKS} tasks of the pool, two boxes of 4`;
  return { what, measured: `${perSecond.toFixed(1)} tasks/s`, must: "each once", fine: true };
}
