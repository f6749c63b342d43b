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
const BACKLOG = Number(process.env["AH_BENCH_BACKLOG"] ?? 1_000_000);
const BACKLOG_MS = 600_000;
const POLLERS = ["poll-1", "poll-2", "poll-3"];

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
    return [
      ...(await relayed(one)),
      ...(await unhinted(one, postgres, boxes)),
      await heard(one, two),
      ...(await copied(two, postgres)),
    ];
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

/** What a large fleet does: nobody listens, each looks. Those that were asked a moment ago look more often. */
async function unhinted(asker: Box, postgres: Postgres, boxes: Box[]): Promise<readonly Claim[]> {
  const [rest, active]: [number[], number[]] = [[], []];
  for (const node of POLLERS) {
    const box = await makeBox({ fleet: { url: postgres.url, node, capacity: 0, pooler: true } });
    boxes.push(box);
    await box.start();
    await eventually("it is a node", async () =>
      JSON.stringify((await asker.api().get("/fleet/nodes"))["nodes"]).includes(`"${node}"`),
    );
    await Bun.sleep(2000); // it has looked, and found nothing
    for (let i = 0; i <= 20; i++) {
      const began = performance.now();
      await asker.api().get(`/nodes/${node}/agents`);
      (i === 0 ? rest : active).push(performance.now() - began);
    }
  }
  const [middle, first] = [median(active), median(rest)];
  const what = "relayed GET to a box that hears no hints";
  return [
    { what: `${what}, p50`, measured: ms(middle), must: "≤ 250 ms", fine: middle <= 250, absolute: true },
    { what: `${what}, from rest`, measured: ms(first), must: "≤ 1000 ms", fine: first <= 1000, absolute: true },
  ];
}

/** From the request that makes the event on one box to the other box's stream: more than the promise counts. */
async function heard(listener: Box, teller: Box): Promise<Claim> {
  await teller.api().post("/projects", { name: "heard", cwd: teller.cwd });
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
    await teller.api().call("PATCH", "/projects/heard", { defaults: { model: `m-${i}` } });
    while (text.split("event: project_updated").length <= i) await Bun.sleep(1);
    times.push(performance.now() - began);
  }
  controller.abort();
  await reading;
  const middle = median(times);
  const what = "event on one box → stream of another, p50";
  return { what, measured: ms(middle), must: "≤ 80 ms", fine: middle <= 80, absolute: true };
}

/** A backlog that an earlier daemon left behind; meanwhile the box is asked as ever. */
async function copied(box: Box, postgres: Postgres): Promise<readonly Claim[]> {
  await box.kill();
  const db = new Database(join(box.stateDir, "harness.db"));
  const data = JSON.stringify({ level: "info", code: "bench", message: "x".repeat(100) });
  db.transaction(() => {
    const insert = db.query("INSERT INTO events (project, agent, type, data, at) VALUES ('bench', NULL, 'note', ?, ?)");
    for (let i = 0; i < BACKLOG; i++) insert.run(data, Date.now());
  })();
  db.close();
  const [last] = await postgres.sql.unsafe(
    "SELECT node_no, id FROM agent_harness.cursors JOIN agent_harness.nodes USING (node_no) WHERE name = 'two'",
  );
  const first = Number(last?.["id"]);
  const mirrored = async (): Promise<number> => {
    const [row] = await postgres.sql.unsafe("SELECT id FROM agent_harness.cursors WHERE node_no = $1", [
      last?.["node_no"],
    ]);
    return Number(row?.["id"]) - first;
  };
  await box.start();
  await eventually("it begins", async () => (await mirrored()) > 0);
  const [before, began] = [await mirrored(), performance.now()];
  const during: number[] = [];
  while ((await mirrored()) < BACKLOG) {
    if (performance.now() - began > BACKLOG_MS) throw new Error("the backlog is not copied");
    during.push(...(await asked(box, 20)));
    await Bun.sleep(100);
  }
  const perSecond = Math.round((BACKLOG - before) / ((performance.now() - began) / 1000));
  await Bun.sleep(3000);
  const after: number[] = [];
  while (after.length < Math.min(during.length, 2000)) {
    after.push(...(await asked(box, 20)));
    await mirrored();
    await Bun.sleep(100);
  }
  const ratio = quantile(during, 0.99) / quantile(after, 0.99);
  return [
    {
      what: `backlog of ${BACKLOG} events, mirrored`,
      ...{ measured: `${perSecond} events/s`, must: "≥ 10000 events/s", fine: perSecond >= 10_000, absolute: true },
    },
    {
      what: "p99 of the box meanwhile, against afterwards",
      ...{ measured: `${ratio.toFixed(1)} times`, must: "≤ 2 times", fine: ratio <= 2 },
    },
  ];
}

async function asked(box: Box, count: number): Promise<readonly number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    await box.api().get("/projects/heard");
    times.push(performance.now() - began);
  }
  return times;
}
